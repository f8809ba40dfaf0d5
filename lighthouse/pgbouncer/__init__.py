"""The ``pgbouncer`` balancer: databases of a PgBouncer, and its pools through a failover."""
