"""What each balancer applied lately, so that it can be told, compared and gone back to."""
