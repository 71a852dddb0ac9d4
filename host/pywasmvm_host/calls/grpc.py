"""Host calls: grpc."""
