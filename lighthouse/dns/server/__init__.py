"""The name server of the ``dns`` balancer: what is answered, and the sockets that answer."""
