"""What HAProxy counts, and what it says of its certificates."""
