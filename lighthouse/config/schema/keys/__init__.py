"""The keys of each kind of file, in tables: the readers go by them, and so do the JSON Schemas."""
