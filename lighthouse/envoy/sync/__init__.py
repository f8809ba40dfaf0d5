"""What is wanted, what Envoy has taken, and what is done about the difference."""
