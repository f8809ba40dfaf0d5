"""A new plugin's package: its name, and the files of it."""
