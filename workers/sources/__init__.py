"""What a discovery watches and registers, and what it says of that."""
