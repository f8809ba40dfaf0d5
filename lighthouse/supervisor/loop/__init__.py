"""The supervisor's loop: what it waits for, and the boundary around whatever it calls."""
