"""``lighthouse demo-postgresql``: databases led through failovers, on one machine."""

import importlib
import signal
import sys

import click

from lighthouse.commands.failure import FAILED, CommandFailure


@click.command()
def command() -> None:
    """Show a database led through failovers: nothing outside a temporary directory.

    Starts three PostgreSQL servers, PgBouncer and a daemon, and an application that writes all
    the time. Moves the primary, kills it, and lets it come back. Needs PostgreSQL and PgBouncer
    of this host. Exit code 0 if all went as it must, else 1.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        right = bool(importlib.import_module("lighthouse.demo.failover.runner").run())
    except ImportError as error:
        told = f"{error.name} is missing: pip install 'lighthouse-balancer[pgbouncer,postgresql]'"
        raise CommandFailure(told) from error
    except (OSError, KeyboardInterrupt) as error:
        raise CommandFailure(str(error) or "interrupted") from error
    sys.exit(0 if right else FAILED)
