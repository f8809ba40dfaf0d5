"""``lighthouse run``: the daemon in the foreground."""

import os
import signal
import sys
from pathlib import Path

import click

from lighthouse.commands.directories import existing, occupy, own
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.options import root_option
from lighthouse.daemon.pidfile import AlreadyRunning
from lighthouse.process.service_manager import ServiceManager
from lighthouse.supervisor.supervisor import Supervisor


@click.command()
@root_option
def command(root: Path) -> None:
    """Run the daemon in the foreground.

    For systemd (Type=notify), containers and terminals: logs to standard error, stops on
    SIGTERM or SIGINT, reads its configuration again on SIGHUP. Files with errors are reported
    and left out; only a missing directory keeps it from starting.
    """
    manager = ServiceManager.take(os.environ)
    daemon = own(existing(root))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the supervisor listens
    try:
        occupy(daemon)
    except AlreadyRunning as held:
        raise CommandFailure(str(held)) from held
    try:
        code = Supervisor(root, daemon.claim, manager=manager).run()
    finally:
        daemon.claim.release()
    sys.exit(code)
