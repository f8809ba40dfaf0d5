"""What may be changed in a RabbitMQ cluster: a blank node joins, a lost member is forgotten."""
