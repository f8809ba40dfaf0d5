"""HAProxy as it runs: processes, sockets, state, and the proof that it is as wanted."""
