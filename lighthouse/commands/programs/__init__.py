"""Commands that start programs of services, and stop them in the right order."""
