"""The suites: what plugins of each kind promise, as tests to inherit."""
