"""A worker's life: its states, its end, and what is said of both."""
