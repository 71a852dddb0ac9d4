"""Host calls: higress."""
