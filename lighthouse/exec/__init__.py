"""Health as told by a command's exit status."""
