"""What workers take of their host, and how long their work takes."""
