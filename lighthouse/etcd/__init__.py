"""etcd v3 as a discovery method."""
