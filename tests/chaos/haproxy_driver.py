"""Runs the plugin as its worker does, in a process that may be killed at any system call.

``python -m tests.chaos.haproxy_driver DIRECTORY BINARY``: for each ``n`` read, a child of its own
takes what ``DIRECTORY/wanted.json`` says, once it has read one more byte; its number is printed
when it waits for that, and how it ended.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

from lighthouse.haproxy.runtime import rate_limit
from lighthouse.haproxy.sync import writer
from tests.software.haproxy_world import World, cluster, node


def main(directory: Path, binary: str) -> None:
    writer.QUIET = 0.05
    rate_limit.AGAIN = 1.0  # else each kill amid a reload takes half a minute
    while os.read(0, 1) == b"n":
        child = os.fork()
        if not child:
            code = 1
            try:
                os.write(1, f"{os.getpid()}\n".encode())
                os.read(0, 1)
                run(World(directory, binary))
                code = 0
            except Exception:  # noqa: BLE001 - the child must end here, whatever it is
                traceback.print_exc()
            finally:
                os._exit(code)
        os.write(1, f"{os.waitpid(child, 0)[1]}\n".encode())


def run(world: World) -> None:
    """Until nothing is left to do."""
    wanted = json.loads((world.directory / "wanted.json").read_text())
    world.extra = wanted["extra"]
    clusters = [
        cluster(name, port, [node(n) for n in nodes], backend=["mode http"])
        for name, (port, nodes) in wanted["clusters"].items()
    ]
    outcome = world.sync(*clusters)
    deadline = time.monotonic() + 20
    while not is_done(world):
        if world.wake(0.05) is None and world.plugin.wake_after() is None:
            outcome = world.again()
        if time.monotonic() > deadline:
            raise TimeoutError(str(outcome))
    outcome = world.again()
    assert outcome.kind == "unchanged", outcome


def is_done(world: World) -> bool:
    found = world.plugin._reconciler
    return (
        found is not None
        and found.control.instance is not None
        and found.reload.due is None
        and found.writer.after() is None
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
