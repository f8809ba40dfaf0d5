"""A demonstration of databases: PostgreSQL and PgBouncer led through failovers."""
