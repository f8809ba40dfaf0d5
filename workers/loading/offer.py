"""Which distribution offers a plugin, looked up where the supervisor has not said it."""

from typing import Any

from lighthouse.distribution.installed import Installed
from lighthouse.distribution.origin import PluginOrigin
from lighthouse.ipc.plugin_report import PluginFault, PluginReport
from lighthouse.workers.loading.kind import PluginKind
from lighthouse.workers.process import GivingUp


def offered(kind: PluginKind[Any], name: str, interpreter: str) -> PluginOrigin:
    """Return where the plugin of that name comes from; raises ``GivingUp`` if nowhere."""
    installed = Installed.here()
    origin = installed.origin(kind.name, name)
    if origin is None:
        why = installed.clash(kind.name, name)
        why = why or f"no {kind.name} plugin '{name}' is installed ({kind.group})"
        fault = PluginFault(why, installed.nearest(kind.name, name))
        raise GivingUp(str(fault), "", PluginReport(interpreter, faults=(fault,)))
    return origin
