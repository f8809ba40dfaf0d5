"""When something is due: timers, the delays of a backoff, how long a loop may take."""
