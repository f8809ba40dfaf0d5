"""A stream of requests from another host of a test: ``python -m tests.traffic PORT``.

Prints what came of them, as JSON, once it is told to end.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.fleet import Traffic


class Told:
    """What became of the requests; filled in at the end."""

    def __init__(self) -> None:
        self.requests = 0
        self.failures: list[str] = []


@contextmanager
def traffic(within: Sequence[str], port: int) -> Iterator[Told]:
    """Requests to 127.0.0.1 of the host that ``within`` leads to."""
    told = Told()
    command = [*within, sys.executable, "-m", "tests.traffic", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield told
        finally:
            process.send_signal(signal.SIGINT)
            text, _ = process.communicate(timeout=30)
    told.requests, told.failures = json.loads(text)


def main(port: int) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    with Traffic(port) as sent:
        signal.sigwait((signal.SIGINT,))
    print(json.dumps([sent.requests, [text for _, text in sent.failures]]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
