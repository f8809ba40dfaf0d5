"""Loading the one plugin that this worker hosts."""

import difflib
import importlib
import platform
import sys
from importlib.metadata import EntryPoint
from typing import NoReturn, TypeVar

import msgspec

from lighthouse import DISTRIBUTION
from lighthouse.installed import Installed, PluginOrigin
from lighthouse.ipc.plugin_report import PluginFault, PluginReport
from lighthouse.plugin import Plugin
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.plugin_call import PluginError, call, describe, hosted
from lighthouse.workers.loading.contract import judge
from lighthouse.workers.loading.hook import Unusable, named_class
from lighthouse.workers.loading.kind import PluginKind
from lighthouse.workers.process import GivingUp

P = TypeVar("P", bound=Plugin)

AGAIN = "then `lighthouse reload`"


def _unmet(origin: PluginOrigin) -> tuple[PluginFault, ...]:
    """What a plugin from outside requires and has not got.

    Its judge is imported for such a plugin only: what it needs costs each worker 30 ms.
    """
    judge_of = importlib.import_module("lighthouse.workers.loading.requirements")
    found: tuple[PluginFault, ...] = judge_of.unmet(origin)
    return found


def load(kind: PluginKind[P], name: str, installed: Installed) -> tuple[type[P], PluginReport]:
    """Return the class of the plugin with this name, its dependencies there, and its report.

    Imports the plugin's module, and no other plugin's. Raises ``GivingUp``.
    """
    interpreter = f"{sys.executable} (Python {platform.python_version()})"
    origin = installed.origin(kind.name, name)
    if origin is None:
        fault = PluginFault(installed.clash(kind.name, name) or _unknown(kind, name, installed))
        raise GivingUp(fault.message, "", PluginReport(interpreter, faults=(fault,)))
    entry = EntryPoint(name, origin.module, kind.group)
    required = () if origin.bundled else _unmet(origin)
    named = f"{name} = {origin.module}"
    report = PluginReport(interpreter, origin, kind.group, named, faults=required)
    hosted.come_from("" if origin.bundled else report.source)
    if not all(fault.warning for fault in required):
        _give_up(report, required)
    try:
        imported = _imported(entry, origin)
        found = named_class(kind, entry, imported)
    except Unusable as unusable:
        _give_up(report, (unusable.fault, *required), unusable.traceback)
    faults = judge(found, kind)
    if not isinstance(found, type) or not issubclass(found, kind.contract):
        whence = "its entry point names" if entry.attr else f"{kind.hook} returned"
        where = faults[0].place or _place_of_hook(kind, imported)
        message = f"{whence} {faults[0].message}"
        told = msgspec.structs.replace(faults[0], message=message, place=where)
        _give_up(report, (told, *required))
    where, loaded = place.of_class(found), f"{found.__module__}.{found.__qualname__}"
    report = msgspec.structs.replace(
        report, loaded=loaded, place=where, faults=(*faults, *required)
    )
    if not all(fault.warning for fault in faults):
        _give_up(report, report.faults)
    _check_dependencies(found, report)
    return found, report


def _give_up(
    report: PluginReport, faults: tuple[PluginFault, ...], traceback: str = ""
) -> NoReturn:
    report = msgspec.structs.replace(report, faults=faults)
    raise GivingUp(report.wrong(), traceback, report)


def _place_of_hook(kind: PluginKind[P], module: object) -> str:
    """Where a module says which class it has; else the module."""
    return place.of_function(getattr(module, kind.hook, None)) or getattr(module, "__file__", "")


def _unknown(kind: PluginKind[P], name: str, installed: Installed) -> str:
    names = sorted(own for other, own in installed.offers if other == kind.name)
    told = ", ".join(names) or "none"
    found = installed.elsewhere(kind.name, name)
    message = f"no {kind.name} plugin '{name}' is installed ({kind.group})"
    return f"{message}{found and '; ' + found}; installed: {told}"


def _imported(entry: EntryPoint, origin: PluginOrigin) -> object:
    """What the entry point names; raises ``Unusable``."""
    if EntryPoint.pattern.match(entry.value) is None:
        told = f"its entry point `{entry.name} = {entry.value}` is none"
        raise Unusable(PluginFault(told, f"write `{entry.name} = MODULE` or `MODULE:CLASS`"))
    try:
        return call(f"import of {entry.module}", entry.load)
    except PluginError as failure:
        installable = _installable(entry, origin, failure.error)
        remedy = installable or _mending(entry, failure.error)
        fault = PluginFault(f"cannot be imported: {failure.what}", remedy, failure.place)
        # A package to install is no code to look into.
        raise Unusable(fault, "" if installable else failure.traceback) from failure


def _installable(entry: EntryPoint, origin: PluginOrigin, error: BaseException) -> str:
    """How to install what is missing: the plugin's distribution may have an extra of its name."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    if entry.module.rpartition(".")[0] in sys.modules and error.name == entry.module:
        return ""
    if f"{entry.module}.".startswith(f"{error.name}."):
        again = f"pip install --force-reinstall {origin.package}"
        if origin.bundled:
            again = "install it again from where it came"
        return f"{origin} is installed without it: {again}"
    package = DISTRIBUTION if origin.bundled else origin.package
    if entry.name in origin.extras:
        return f"pip install '{package}[{entry.name}]'"
    return ""


def _mending(entry: EntryPoint, error: BaseException) -> str:
    """What an author does about what an import raised."""
    parent, _, last = entry.module.rpartition(".")
    if isinstance(error, ModuleNotFoundError):
        if error.name == entry.module and hasattr(sys.modules.get(parent), last):
            return f"did you mean `{entry.name} = {parent}:{last}`?"
        return f"install it for {sys.executable}, {AGAIN}"
    if isinstance(error, AttributeError) and entry.attr:
        names = [name for name in vars(sys.modules.get(entry.module, object)) if name[:1] != "_"]
        close = difflib.get_close_matches(entry.attr, names, 1)
        if close:
            return f"did you mean `{entry.name} = {entry.module}:{close[0]}`?"
    return f"mend that line, {AGAIN}"


def _check_dependencies(plugin: type[Plugin], report: PluginReport) -> None:
    where = place.of_function(vars(plugin).get("validate_dependencies"))
    what, traceback = "something that it needs is missing", ""
    try:
        there = call("validate_dependencies", plugin.validate_dependencies)
    except PluginError as failure:
        expected = type(failure.error) is RuntimeError
        what = str(failure.error) if expected else describe(failure.error)
        there, traceback, where = False, failure.traceback, failure.place or where
        remedy = f"provide it, {AGAIN}" if expected else f"mend that line, {AGAIN}"
    else:
        remedy = "its author can say what, by a RuntimeError"
    if not there:
        fault = PluginFault(f"validate_dependencies: {what}", remedy, where)
        _give_up(report, (fault, *report.faults), traceback)
