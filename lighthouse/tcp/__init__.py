"""Health of a TCP service, and the bounded connection that checks share."""
