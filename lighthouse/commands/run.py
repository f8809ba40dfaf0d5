"""``lighthouse run``: the daemon in the foreground."""

import signal
import sys
from pathlib import Path

import click

from lighthouse.commands.failure import Failure
from lighthouse.commands.place import existing, occupy
from lighthouse.commands.root import root_option
from lighthouse.supervisor.pidfile import Held
from lighthouse.supervisor.supervisor import Supervisor
from lighthouse.supervisor.whereabouts import find


@click.command()
@root_option
def command(root: Path) -> None:
    """Run the daemon in the foreground.

    For systemd, containers and terminals: logs to standard error, stops on SIGTERM or SIGINT,
    reads its configuration again on SIGHUP. Files with errors are reported and left out;
    only a missing directory keeps it from starting.
    """
    daemon = find(existing(root))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the supervisor listens
    try:
        occupy(daemon)
    except Held as held:
        raise Failure(str(held)) from held
    try:
        code = Supervisor(root).run()
    finally:
        daemon.pidfile.release()
    sys.exit(code)
