"""Host calls: properties."""
