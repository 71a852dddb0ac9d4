"""Host calls: foreign."""
