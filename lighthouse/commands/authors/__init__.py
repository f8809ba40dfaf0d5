"""The commands for authors of plugins: to begin one, to judge it, to run it once."""
