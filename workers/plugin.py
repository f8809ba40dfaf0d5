"""Loading the one plugin that this worker hosts."""

from importlib.metadata import entry_points
from typing import Final, Generic, TypeVar

import msgspec
import pluggy

from lighthouse import hooks
from lighthouse.balancer import Balancer
from lighthouse.check import Check
from lighthouse.discovery import Discovery
from lighthouse.plugin import Plugin
from lighthouse.workers.plugin_call import PluginError, call, describe
from lighthouse.workers.process import GivingUp

P = TypeVar("P", bound=Plugin)


class PluginKind(msgspec.Struct, Generic[P], frozen=True):
    """A kind of plugin: its entry point group, its hook and the contract it fulfils."""

    name: str
    group: str
    hook: str
    contract: type[P]


BALANCER: Final = PluginKind("balancer", "lighthouse.balancers", "lighthouse_balancer", Balancer)
DISCOVERY: Final = PluginKind(
    "discovery", "lighthouse.discovery", "lighthouse_discovery", Discovery
)
CHECK: Final = PluginKind("check", "lighthouse.checks", "lighthouse_check", Check)


def load(kind: PluginKind[P], name: str) -> type[P]:
    """The class of the plugin with this name, with its dependencies there.

    Imports the plugin's module, and no other plugin's. Raises ``GivingUp``.
    """
    manager = pluggy.PluginManager("lighthouse")
    manager.add_hookspecs(hooks)
    try:
        found = call("entry point", manager.load_setuptools_entrypoints, kind.group, name)
        if not found:
            raise GivingUp(_unknown(kind, name))
        call("hook", manager.check_pending)
    except PluginError as failure:
        if isinstance(failure.error, pluggy.PluginValidationError):
            reason = f"its hooks are not as specified: {failure.error}"
        else:
            remedy = _remedy(kind, name, failure.error)
            reason = f"cannot be imported: {failure.what}{remedy}"
            if remedy:  # a package to install, no code to look into
                raise GivingUp(reason) from failure
        raise GivingUp(reason, failure.traceback) from failure
    plugin = _class(kind, manager)
    _check_dependencies(plugin)
    return plugin


def _unknown(kind: PluginKind[P], name: str) -> str:
    names = sorted({entry.name for entry in entry_points(group=kind.group)})
    installed = ", ".join(names) or "none"
    return f"no {kind.name} plugin '{name}' is installed ({kind.group}); installed: {installed}"


def _remedy(kind: PluginKind[P], name: str, error: BaseException) -> str:
    """How to install what is missing: the plugin's package has an extra of the plugin's name."""
    if not isinstance(error, ModuleNotFoundError):
        return ""
    for entry in entry_points(group=kind.group, name=name):
        package = entry.dist
        if package is not None and name in (package.metadata.get_all("Provides-Extra") or ()):
            return f"; pip install {package.name}[{name}]"
    return ""


def _class(kind: PluginKind[P], manager: pluggy.PluginManager) -> type[P]:
    contract = f"{kind.contract.__module__}.{kind.contract.__qualname__}"
    try:
        plugin = call(kind.hook, getattr(manager.hook, kind.hook))
    except PluginError as failure:
        raise GivingUp(failure.reason, failure.traceback) from failure
    if plugin is None:
        raise GivingUp(f"names no class: it implements no {kind.hook}, or that returns nothing")
    if not isinstance(plugin, type) or not issubclass(plugin, kind.contract):
        shown = plugin.__qualname__ if isinstance(plugin, type) else repr(plugin)
        raise GivingUp(f"{kind.hook} returned {shown}, expected a subclass of {contract}")
    return plugin


def _check_dependencies(plugin: type[Plugin]) -> None:
    try:
        there = call("validate_dependencies", plugin.validate_dependencies)
    except PluginError as failure:
        expected = type(failure.error) is RuntimeError
        what = str(failure.error) if expected else describe(failure.error)
        raise GivingUp(f"validate_dependencies: {what}", failure.traceback) from failure
    if not there:
        raise GivingUp("validate_dependencies: something that it needs is missing")
