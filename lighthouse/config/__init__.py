"""The configuration tree: read with positions, checked whole, kept per file, watched."""
