"""A check of RabbitMQ."""
