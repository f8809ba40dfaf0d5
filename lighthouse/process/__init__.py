"""What every process of the daemon needs: locks, timers, backoff, the end of orphans."""
