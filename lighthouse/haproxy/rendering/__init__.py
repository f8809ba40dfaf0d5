"""From settings and clusters to the configuration file: pure functions, sorted, no clock."""
