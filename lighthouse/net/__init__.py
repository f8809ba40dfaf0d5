"""Connections with a bound on time, TLS, HTTP and addresses; shared by checks and discoveries."""
