"""One probe of a service: its performances, when they are due, and its verdict."""
