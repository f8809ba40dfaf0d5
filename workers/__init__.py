"""What runs only inside a worker process: one host for each kind of plugin."""
