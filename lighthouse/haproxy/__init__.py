"""HAProxy: a balancer that never reloads if it can be helped."""
