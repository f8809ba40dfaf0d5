"""The live view of ``lighthouse status --watch``: keys and documents in, screens out."""
