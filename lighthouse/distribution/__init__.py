"""Which plugins are installed, and where each comes from."""
