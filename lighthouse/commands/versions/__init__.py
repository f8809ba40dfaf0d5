"""Commands about what balancers were given: told, gone back to, recorded and tried again."""
