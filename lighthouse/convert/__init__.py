"""Configurations of other systems as trees of Lighthouse: pure, but for the reading of files."""
