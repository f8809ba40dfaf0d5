"""The daemon as other processes see it: found, locked, asked, and its status document."""
