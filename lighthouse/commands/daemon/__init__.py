"""The commands that start, stop and reload the daemon."""
