"""A plugin without the daemon, for its author: run once, or loaded to be forked for its tests."""
