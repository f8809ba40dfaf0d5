"""A little web service, to be found and balanced: ``python -m lighthouse.demo.backend PORT``.

It ends when its standard input does, so that it never outlives whoever started it.
"""

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

WORK: Final = 0.002
"""Seconds that an answer takes."""


class HealthyHandler(BaseHTTPRequestHandler):
    """Answers every GET with the address that answered."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        time.sleep(WORK)
        host, port = self.connection.getsockname()
        body = f"{host}:{port}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the demonstration counts by itself."""


class DemoServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    server = DemoServer(("127.0.0.1", int(sys.argv[1])), HealthyHandler)
    threading.Thread(target=_end_with_input, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
