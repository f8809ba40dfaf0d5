"""Nodes as JSON files in directories: a discovery method that needs nothing but a file system."""
