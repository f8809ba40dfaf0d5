"""Commands that help to write a configuration and to type commands."""
