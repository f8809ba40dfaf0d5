"""What operators write for HAProxy: the balancer's file, the clusters' sections, their grammar."""
