"""A check of PostgreSQL."""
