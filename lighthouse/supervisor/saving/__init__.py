"""When what outlives the supervisor is written, and what comes back at a start."""
