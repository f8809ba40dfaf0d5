"""A check of gRPC services."""
