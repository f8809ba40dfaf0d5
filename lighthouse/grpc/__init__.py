"""A check of gRPC services."""

import os

# Before the library is loaded: it prints a line about each connection that fails.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
