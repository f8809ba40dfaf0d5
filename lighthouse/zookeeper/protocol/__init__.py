"""What is spoken with ZooKeeper: kazoo's client and what is added to it, errors, ACLs."""
