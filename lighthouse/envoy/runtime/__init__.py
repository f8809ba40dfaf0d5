"""The Envoy process, its admin socket, and the files that it watches."""
