"""What the daemon tells of itself unasked: to the service manager, and to the web worker."""
