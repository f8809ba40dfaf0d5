"""ZooKeeper: a discovery method, and a check of its servers."""
