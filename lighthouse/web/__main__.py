"""The web worker's process: ``python -m lighthouse.web``, as the supervisor starts it."""

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import sys
import traceback
from typing import Final

from lighthouse import DISTRIBUTION
from lighthouse.ipc.channel import Closed
from lighthouse.ipc.messages import Failed
from lighthouse.workers import process
from lighthouse.workers.boundary.limits import tail
from lighthouse.workers.boundary.plugin_call import describe
from lighthouse.workers.privileges import hint, lowered
from lighthouse.workers.process import GivingUp

NEEDED: Final = ("starlette", "uvicorn", "prometheus_client")
"""The packages of the extra ``web``."""

_log: Final = logging.getLogger("lighthouse.web")


def missing() -> str:
    """What the web worker lacks of this interpreter and what to do, empty if nothing."""
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not lacking:
        return ""
    names = ", ".join(name.replace("_", "-") for name in lacking)
    return (
        f"the status page needs {names}: `{sys.executable} -m pip install '{DISTRIBUTION}[web]'`,"
        " or take `web:` out of lighthouse.yaml"
    )


def main() -> None:
    """Be the web worker until the supervisor wants no more."""
    given = process.arguments(sys.argv)
    channel = process.begin("web", given)
    failed: Failed | None = None
    try:
        lock = lowered(given, binds=True)
        lack = missing()
        if lack:
            raise GivingUp(lack)
        # Not before: without the extra there is nothing that could be imported.
        host = importlib.import_module("lighthouse.web.host")
        asyncio.run(host.serve(channel, lock))
    except Closed:
        process.leave(0)
    except GivingUp as end:
        failed = Failed(end.reason + hint(), end.traceback)
        _log.error("%s", failed.reason)
    # The boundary of the process: a fault of the loop itself is told before the end.
    except Exception as error:  # noqa: BLE001
        _log.exception("the web worker's loop broke")
        failed = Failed(describe(error) + hint(), tail(traceback.format_exc()))
    if failed is not None:
        with contextlib.suppress(Closed):
            channel.send(failed)
    process.leave(0 if failed is None else 1)


if __name__ == "__main__":
    main()
