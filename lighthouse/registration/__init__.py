"""What this host provides: which services are up, damped, in maintenance or published."""
