"""DNS as a discovery method that is only read."""
