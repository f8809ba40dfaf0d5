"""A check of Redis."""
