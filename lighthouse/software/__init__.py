"""What plugins tell the software that they serve: commands with an end, signals, reloads."""
