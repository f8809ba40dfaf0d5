"""Loading the one plugin that this worker hosts."""

from importlib.metadata import EntryPoint
from typing import Final, Generic, TypeVar

import msgspec
import pluggy

from lighthouse import DISTRIBUTION, hooks
from lighthouse.balancer import Balancer
from lighthouse.check import Check
from lighthouse.discovery import Discovery
from lighthouse.installed import GROUPS, Installed, PluginOrigin
from lighthouse.plugin import Plugin
from lighthouse.workers.plugin_call import PluginError, call, describe
from lighthouse.workers.process import GivingUp

P = TypeVar("P", bound=Plugin)


class PluginKind(msgspec.Struct, Generic[P], frozen=True):
    """A kind of plugin: its hook and the contract it fulfils."""

    name: str
    hook: str
    contract: type[P]


BALANCER: Final = PluginKind("balancer", "lighthouse_balancer", Balancer)
DISCOVERY: Final = PluginKind("discovery", "lighthouse_discovery", Discovery)
CHECK: Final = PluginKind("check", "lighthouse_check", Check)


def load(kind: PluginKind[P], name: str, installed: Installed) -> tuple[type[P], PluginOrigin]:
    """Return the class of the plugin with this name, its dependencies there, and its origin.

    Imports the plugin's module, and no other plugin's. Raises ``GivingUp``.
    """
    origin = installed.origin(kind.name, name)
    if origin is None:
        raise GivingUp(installed.clash(kind.name, name) or _unknown(kind, name, installed))
    manager = pluggy.PluginManager("lighthouse")
    manager.add_hookspecs(hooks)
    entry = EntryPoint(name, origin.module, GROUPS[kind.name])
    try:
        call("hook", manager.register, call("entry point", entry.load), name)
        call("hook", manager.check_pending)
    except PluginError as failure:
        if isinstance(failure.error, pluggy.PluginValidationError):
            reason = f"its hooks are not as specified: {failure.error}"
        else:
            remedy = _remedy(entry, origin, failure.error)
            reason = f"cannot be imported: {failure.what}{remedy}"
            if remedy:  # a package to install, no code to look into
                raise GivingUp(reason) from failure
        raise GivingUp(reason, failure.traceback) from failure
    plugin = _class(kind, manager)
    _check_dependencies(plugin)
    return plugin, origin


def _unknown(kind: PluginKind[P], name: str, installed: Installed) -> str:
    names = sorted(own for other, own in installed.offers if other == kind.name)
    told = ", ".join(names) or "none"
    group = GROUPS[kind.name]
    return f"no {kind.name} plugin '{name}' is installed ({group}); installed: {told}"


def _remedy(entry: EntryPoint, origin: PluginOrigin, error: BaseException) -> str:
    """How to install what is missing: the plugin's distribution may have an extra of its name."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    if f"{entry.module}.".startswith(f"{error.name}."):
        again = f"pip install --force-reinstall {origin.package}"
        if origin.bundled:
            again = "install it again from where it came"
        return f"; {origin} is installed without it: {again}"
    package = DISTRIBUTION if origin.bundled else origin.package
    return f"; pip install '{package}[{entry.name}]'" if entry.name in origin.extras else ""


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
