"""What operators ask of the daemon, and the documents that answer them."""
