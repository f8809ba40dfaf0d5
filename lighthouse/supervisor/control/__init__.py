"""The control socket, and that whoever asks finds it."""
