"""A worker's process from its command line to its end."""

import contextlib
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

import msgspec

from lighthouse.ipc.channel import Closed
from lighthouse.ipc.messages import Failed, Ready
from lighthouse.ipc.plugin_report import PluginFault, PluginReport
from lighthouse.plugin import Plugin
from lighthouse.process.wakeup import Wakeup
from lighthouse.workers import process
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.limits import REASON, one_line, tail
from lighthouse.workers.boundary.plugin_call import describe
from lighthouse.workers.host import WorkerHost
from lighthouse.workers.loading.kind import BALANCER, PluginKind
from lighthouse.workers.loading.plugin import load
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.privileges import hint, lowered
from lighthouse.workers.process import GivingUp
from lighthouse.workers.role import WorkerRole

P = TypeVar("P", bound=Plugin)

Role = Callable[[type[P], Outbox, Wakeup, Conduct], WorkerRole]

_log: Final = logging.getLogger(__name__)


def serve(kind: PluginKind[P], role: Role[P]) -> NoReturn:
    """Be the worker that the command line names, until its supervisor wants no more."""
    given = process.arguments(sys.argv)
    channel = process.begin(kind.name, given)
    title = f"lighthouse: {kind.name} {given.name}"
    outbox, wakeup = Outbox(channel), Wakeup()
    failed: Failed | None = None
    report: PluginReport | None = None
    try:
        lock = lowered(given, binds=kind is BALANCER)
        plugin, report = load(kind, given.plugin, given.origin)
        for fault in report.faults:
            _log.warning("%s", report.explained(fault))
        conduct = Conduct(report, outbox)
        played = role(plugin, outbox, wakeup, conduct)
        host = WorkerHost(channel, outbox, wakeup, lock, played, conduct, title)
        outbox.post(Ready(report))
        host.run()
    except Closed:
        process.leave(0)
    except GivingUp as end:
        failed = _failed(end, report)
        told = f" [{failed.report.interpreter}]" if failed.report is not None else ""
        _log.error("%s%s%s", failed.reason, told, end.traceback and "\n" + end.traceback)
        if failed.report is not None:
            for fault in failed.report.others():
                _log.error("%s", failed.report.explained(fault))
    # The boundary of the process: a fault of the loop itself is told before the end.
    except Exception as error:  # noqa: BLE001
        _log.exception("the worker's loop broke")
        failed = Failed(describe(error) + hint(), tail(traceback.format_exc()))
    if failed is not None:
        with contextlib.suppress(Closed):
            channel.send(failed)
    process.leave(0 if failed is None else 1)


def _failed(end: GivingUp, report: PluginReport | None) -> Failed:
    """The end of a worker in words; what its plugin did after it was loaded has a place."""
    reason = end.reason
    if end.report is None and report is not None and end.place:
        fault = PluginFault(reason, "mend that line, then `lighthouse reload`", end.place)
        report = msgspec.structs.replace(report, faults=(fault, *report.faults))
        reason = one_line(report.explained(fault), 2 * REASON)
    return Failed(reason + hint(), end.traceback, end.report or report)
