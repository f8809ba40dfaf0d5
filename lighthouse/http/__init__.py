"""Health of an HTTP service."""
