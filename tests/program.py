"""A web server that ``lighthouse exec`` starts in tests: PORT [SECONDS until it listens].

It ends at once when it is told to, whatever it is at: what is lost by that, the order of things
had to prevent. Every tenth request takes its time.
"""

import itertools
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NUMBER = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if next(NUMBER) % 10 == 0 or self.path == "/slow":
            time.sleep(0.3)
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 0)
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever(0.05)
