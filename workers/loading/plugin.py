"""Loading the one plugin that this worker hosts."""

import importlib
import sys
from types import ModuleType
from typing import NoReturn, TypeVar, cast

import msgspec

from lighthouse.distribution.origin import PluginOrigin
from lighthouse.ipc.plugin_report import PluginFault, PluginReport
from lighthouse.plugin import Plugin
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.plugin_call import PluginError, call, describe, hosted
from lighthouse.workers.loading.contract import judge
from lighthouse.workers.loading.entry import PluginEntry
from lighthouse.workers.loading.hook import Unusable, named_class, own_classes
from lighthouse.workers.loading.imported import AGAIN, imported
from lighthouse.workers.loading.kind import PluginKind
from lighthouse.workers.process import GivingUp

P = TypeVar("P", bound=Plugin)


def _unmet(origin: PluginOrigin) -> tuple[PluginFault, ...]:
    """What a plugin from outside requires and has not got.

    Its judge is imported for such a plugin only: what it needs costs each worker 30 ms.
    """
    judge_of = importlib.import_module("lighthouse.workers.loading.requirements")
    found: tuple[PluginFault, ...] = judge_of.unmet(origin)
    return found


def _offered(kind: PluginKind[P], name: str, interpreter: str) -> PluginOrigin:
    """Where the plugin of that name comes from; a look at all that is installed costs 30 ms."""
    offer = importlib.import_module("lighthouse.workers.loading.offer")
    found: PluginOrigin = offer.offered(kind, name, interpreter)
    return found


def load(
    kind: PluginKind[P], name: str, origin: PluginOrigin | None = None
) -> tuple[type[P], PluginReport]:
    """Return the class of the plugin with this name, its dependencies there, and its report.

    ``origin`` is where it comes from, if that is known already. Imports the plugin's module, and
    no other plugin's. Raises ``GivingUp``.
    """
    interpreter = f"{sys.executable} (Python {sys.version.split()[0]})"
    origin = origin or _offered(kind, name, interpreter)
    entry = PluginEntry(name, origin.module)
    required = () if origin.bundled else _unmet(origin)
    named = f"{name} = {origin.module}"
    report = PluginReport(interpreter, origin, kind.group, named, faults=required)
    hosted.come_from("" if origin.bundled else report.source)
    if not all(fault.warning for fault in required):
        _give_up(report, required)
    found = _class(kind, entry, origin, report)
    faults = judge(found, kind)
    report = msgspec.structs.replace(
        report,
        loaded=f"{found.__module__}.{found.__qualname__}",
        place=place.of_class(found),
        faults=(*faults, *required),
    )
    if not all(fault.warning for fault in faults):
        _give_up(report, report.faults)
    _check_dependencies(found, report)
    return found, report


def _class(
    kind: PluginKind[P], entry: PluginEntry, origin: PluginOrigin, report: PluginReport
) -> type[P]:
    """The class that the entry point stands for; raises ``GivingUp`` if that is none."""
    loaded: object = None
    try:
        loaded = imported(entry, origin)
        found = named_class(kind, entry, loaded)
    except Unusable as unusable:
        faults = (unusable.fault, *_of_own_class(kind, loaded), *report.faults)
        _give_up(report, faults, unusable.traceback)
    own = isinstance(found, type) and issubclass(found, kind.contract)
    if not own or found is kind.contract:
        _give_up(report, (*_no_class(kind, entry, loaded, found), *report.faults))
    return cast(type[P], found)


def _no_class(
    kind: PluginKind[P], entry: PluginEntry, loaded: object, found: object
) -> tuple[PluginFault, ...]:
    """What is wrong with what an entry point or a hook names, that is no plugin's class."""
    (fault,) = judge(found, kind)
    whence = "its entry point names" if entry.attr else f"{kind.hook} returned"
    where = fault.place or _place_of_hook(kind, loaded)
    remedy = fault.remedy
    if found is kind.contract and (classes := own_classes(kind, loaded)):
        remedy = f"write `return {classes[-1].__name__}`"
    told = PluginFault(f"{whence} {fault.message}", remedy, where)
    more = () if isinstance(found, type) else _of_own_class(kind, loaded)
    return (told, *more)


def _give_up(
    report: PluginReport, faults: tuple[PluginFault, ...], traceback: str = ""
) -> NoReturn:
    report = msgspec.structs.replace(report, faults=faults)
    raise GivingUp(report.wrong(), traceback, report)


def _of_own_class(kind: PluginKind[P], module: object) -> tuple[PluginFault, ...]:
    """What is wrong with the only class of a module that does not say which it has."""
    classes = own_classes(kind, module) if isinstance(module, ModuleType) else []
    return judge(classes[0], kind) if len(classes) == 1 else ()


def _place_of_hook(kind: PluginKind[P], module: object) -> str:
    """Where a module says which class it has; else the module."""
    return place.of_function(getattr(module, kind.hook, None)) or getattr(module, "__file__", "")


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
