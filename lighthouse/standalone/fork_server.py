"""Loads a plugin once, and forks a worker of it whenever one is asked for.

``python -P -m lighthouse.standalone.fork_server KIND NAME DESCRIPTOR``. A worker is the
daemon's own: the plugin by its entry point, the same loop, the same messages. Only what costs
time is shared: a fresh interpreter and the imports.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.messages import Failed, Ready
from lighthouse.ipc.plugin_report import PluginReport
from lighthouse.process.ending.parenthood import die_with_parent
from lighthouse.process.locks import Lock
from lighthouse.process.spawn import in_words
from lighthouse.process.wakeup import Wakeup
from lighthouse.standalone.belongings import belongings
from lighthouse.standalone.orders import CloseReport, Loaded, Order, end_of
from lighthouse.workers import process
from lighthouse.workers.balancer import BalancerRole
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.check import CheckRole
from lighthouse.workers.discovery import DiscoveryRole
from lighthouse.workers.host import WorkerHost
from lighthouse.workers.loading.kind import BALANCER, CHECK, DISCOVERY, PluginKind
from lighthouse.workers.loading.plugin import load
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.role import WorkerRole

_KINDS: Final[Mapping[str, tuple[PluginKind[Any], Callable[..., WorkerRole]]]] = {
    "balancer": (BALANCER, BalancerRole),
    "discovery": (DISCOVERY, DiscoveryRole),
    "check": (CHECK, CheckRole),
}

_PR_SET_PTRACER: Final = 0x59616D61
_CAPABILITIES: Final = 0x20080522
_OVERRIDING: Final = sum(1 << number for number in (0, 1, 2, 3))
"""The capabilities by which root may do what a file's mode forbids (capabilities(7))."""


def main() -> NoReturn:
    """Load the plugin, say so, and fork a worker for every order until nobody orders any."""
    kind, role = _KINDS[sys.argv[1]]
    name, orders = sys.argv[2], socket.socket(fileno=int(sys.argv[3]))
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    before = belongings()
    try:
        plugin, about = load(kind, name)
    except process.GivingUp as end:
        orders.send(msgspec.json.encode(Loaded(end.reason, end.traceback)))
        process.leave(1)
    imported, faults = belongings().beyond(before), tuple(map(str, about.faults))
    orders.send(msgspec.json.encode(Loaded(imported=imported, faults=faults)))
    reports: dict[int, str] = {}
    signal.signal(signal.SIGCHLD, lambda *_: _reap(reports))
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, 4096, 1)
        if not order:
            process.leave(0)
        wanted = msgspec.json.decode(order, type=Order)
        # One that ends at once is reaped only when it is known whose end that is.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if not pid:
            _be_worker(kind, name, partial(role, plugin), about, wanted, descriptors[0])
        reports[pid] = wanted.report
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.close(descriptors[0])
        orders.send(str(pid).encode())


def _reap(reports: dict[int, str]) -> None:
    """Write down how workers ended."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            report = reports.pop(ended[0], "")
            if report:
                words = in_words(os.waitstatus_to_exitcode(ended[1]))
                with contextlib.suppress(OSError):  # the test is over
                    end_of(report).write_text(words)


def _be_worker(
    kind: PluginKind[Any],
    name: str,
    role: Callable[[Outbox, Wakeup, Conduct], WorkerRole],
    about: PluginReport,
    order: Order,
    descriptor: int,
) -> NoReturn:
    """As ``lighthouse.workers.main.serve`` does it, with the plugin that is about already."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1))
    channel = process.begin(
        kind.name, process.Arguments(name, name, descriptor, Path(order.lock), 0)
    )
    status = 1
    try:
        _serve(channel, role, about, order, f"lighthouse: {kind.name} {name}")
        status = 0
    except Closed:
        status = 0
    except process.GivingUp as end:
        _tell(channel, Failed(end.reason, end.traceback))
    process.leave(status)


def _serve(
    channel: Channel,
    role: Callable[[Outbox, Wakeup, Conduct], WorkerRole],
    about: PluginReport,
    order: Order,
    title: str,
) -> None:
    lock, outbox, wakeup = Lock(Path(order.lock)), Outbox(channel), Wakeup()
    lock.open()
    if order.powerless:
        lower()
    conduct = Conduct(about, outbox)
    played = role(outbox, wakeup, conduct)
    host = WorkerHost(channel, outbox, wakeup, lock, played, conduct, title)
    before = belongings()
    outbox.post(Ready(about))
    host.run()
    if order.report:
        report = CloseReport(before, belongings())
        Path(order.report).write_bytes(msgspec.json.encode(report))


def _tell(channel: Channel, failed: Failed) -> None:
    try:
        channel.send(failed)
    except Closed:
        process.leave(1)


def lower() -> None:
    """Give up what lets root pass over file modes; nothing if this is not root."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, twice 32 bits
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, data) == 0:
        data[0] &= ~_OVERRIDING
        libc.capset(header, data)


if __name__ == "__main__":
    main()
