"""How processes talk: the channel, its typed messages, and snapshots that travel beside them."""
