"""Who the members of each cluster are: pure decisions from the readings of its sources."""
