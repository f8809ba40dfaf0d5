"""Runs the story once: starts the servers and the daemon, ends them, sums it up."""

import contextlib
from pathlib import Path

from lighthouse.demo.failover import tree
from lighthouse.demo.failover.application import Application
from lighthouse.demo.failover.servers import DemoServer, Pooler, find, own
from lighthouse.demo.failover.story import Story
from lighthouse.demo.output import Output
from lighthouse.demo.services import DaemonProcess
from lighthouse.demo.stage import console, show_log, workplace
from lighthouse.demo.tree import free_ports


def run() -> bool:
    """Return True if all went as it must.

    Whatever happens, everything that was started is ended and the directory is removed. Raises
    ``OSError`` if a program is missing.
    """
    for program in ("postgres", "initdb", "pg_basebackup", "pgbouncer"):
        find(program)
    output = Output(console())
    with workplace() as directory, contextlib.ExitStack() as stack:
        directory.chmod(0o755)
        servers, pooler = _make(directory)
        log = directory / "daemon.log"
        daemon = DaemonProcess(directory / "lighthouse", log)
        application = Application(pooler.connect)
        for one in servers:
            stack.callback(one.kill)
        stack.callback(pooler.stop)
        stack.callback(daemon.stop)
        stack.callback(application.stop)
        output.step("start three PostgreSQL servers, PgBouncer and the daemon")
        tree.write(directory / "lighthouse", servers, pooler)
        _start(servers, pooler)
        daemon.start()
        story = Story(servers, pooler, application, output)
        right = all(story.run(title, step) for title, step in story.steps())
        application.stop()
        right &= _tell(story, application, output, daemon.stop())
        if not right:
            show_log(log, output)
    return right


def _make(directory: Path) -> tuple[tuple[DemoServer, DemoServer, DemoServer], Pooler]:
    """The servers, with a place each that they may write, and the files that they include."""
    place, files = directory / "servers", directory / "files"
    for one in (place, files):
        one.mkdir()
    own(place)
    ports = free_ports(4)
    first, second, third = (
        DemoServer(place, f"n{number}", port, files / f"n{number}.conf")
        for number, port in enumerate(ports[:3], 1)
    )
    return (first, second, third), Pooler(place, ports[3], files / "databases.ini")


def _start(servers: tuple[DemoServer, DemoServer, DemoServer], pooler: Pooler) -> None:
    primary, *standbys = servers
    primary.create()
    primary.start()
    for standby in standbys:
        standby.copy(primary)
        standby.start()
    pooler.start()


def _tell(story: Story, application: Application, output: Output, status: int | None) -> bool:
    ending = "killed" if status is None else f"exit status {status} on SIGTERM"
    facts = [
        ("writes confirmed", str(len(application.commits)), bool(application.commits)),
        ("errors of the application", str(len(application.errors)), True),
        ("daemon's end", ending, status == 0),
    ]
    output.table(story.results, facts)
    return all(result.right for result in story.results) and status == 0
