"""The supervisor's log: what it is written to, and what must never wait for it."""
