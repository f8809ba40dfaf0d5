"""What commands print: pure functions from documents to lines and tables."""
