"""From what an entry point names to the plugin's class: a module with a hook, or the class."""

import difflib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

import pluggy

from lighthouse import hooks
from lighthouse.ipc.plugin_report import PluginFault
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.limits import one_line
from lighthouse.workers.boundary.plugin_call import PluginError, call
from lighthouse.workers.loading.entry import PluginEntry
from lighthouse.workers.loading.kind import KINDS, PluginKind

_MARK: Final = "lighthouse_impl"
"""The attribute that ``lighthouse.hookimpl`` leaves on a function."""

_CLOSE: Final = 0.7


class Unusable(Exception):
    """There is no class to use; says why."""

    def __init__(self, fault: PluginFault, traceback: str = "") -> None:
        super().__init__(str(fault))
        self.fault: Final = fault
        self.traceback: Final = traceback


def named_class(kind: PluginKind[Any], entry: PluginEntry, loaded: object) -> object:
    """The class that an imported entry point stands for, judged by nobody yet.

    Raises ``Unusable``.
    """
    if isinstance(loaded, type) or not inspect.ismodule(loaded):
        if isinstance(loaded, type | kind.contract):
            return loaded
        shown = one_line(repr(loaded), 60)
        if inspect.isroutine(loaded):
            shown = f"the function {loaded.__name__}"
        told = f"its entry point names {shown}, no module and no class"
        raise Unusable(PluginFault(told, f"write `{entry.name} = {entry.module}`"))
    manager = pluggy.PluginManager("lighthouse")
    manager.add_hookspecs(hooks)
    try:
        call(f"import of {entry.module}", manager.register, loaded, entry.name)
        call(f"import of {entry.module}", manager.check_pending)
    except PluginError as failure:
        if not isinstance(failure.error, pluggy.PluginValidationError):
            raise
        raise Unusable(_unspecified(loaded, failure.error)) from failure
    caller = getattr(manager.hook, kind.hook)
    implementations = caller.get_hookimpls()
    if not implementations:
        raise Unusable(_no_hook(kind, entry, loaded))
    hook = implementations[0].function
    if inspect.iscoroutinefunction(hook) or inspect.isgeneratorfunction(hook):
        told = f"{kind.hook} is no plain function, so that it returns no class"
        raise Unusable(PluginFault(told, f"write `def {kind.hook}():`", place.of_function(hook)))
    return _asked(kind, loaded, hook, caller)


def _asked(kind: PluginKind[Any], module: object, hook: object, caller: Callable[[], Any]) -> Any:
    """What the hook returns, if that is anything."""
    try:
        found = call(kind.hook, caller)
    except PluginError as failure:
        where = failure.place or place.of_function(hook)
        told = f"{kind.hook} raised {failure.what}"
        remedy = f"it has to return the plugin's class: `return {_shown(kind, module)}`"
        fault = PluginFault(told, remedy, where)
        raise Unusable(fault, failure.traceback) from failure
    if found is None:
        told = f"names no class: {kind.hook} returns nothing"
        remedy = f"end it with `return {_shown(kind, module)}`"
        raise Unusable(PluginFault(told, remedy, place.of_function(hook)))
    return found


def _unspecified(module: object, error: pluggy.PluginValidationError) -> PluginFault:
    """A hook of a name or with arguments that there are none of."""
    told = "its hooks are not as specified: "
    names = [kind.hook for kind in KINDS]
    for name, value in vars(module).items():
        if not hasattr(value, _MARK):
            continue
        where = place.of_function(value)
        if name not in names:
            close = difflib.get_close_matches(name, names, 1, _CLOSE)
            remedy = f"did you mean `{close[0]}`?" if close else f"hooks are {', '.join(names)}"
            return PluginFault(f"{told}unknown hook '{name}'", remedy, where)
        if inspect.isroutine(value) and inspect.signature(value).parameters:
            told += f"{name}{inspect.signature(value)} is called with nothing"
            return PluginFault(told, f"write `def {name}():`", where)
    return PluginFault(f"{told}{one_line(str(error))}", f"hooks are {', '.join(names)}")


def _no_hook(kind: PluginKind[Any], entry: PluginEntry, module: Any) -> PluginFault:
    """Why a module has no hook of this kind, as far as one can see."""
    told = f"names no class: {module.__name__} has no hook {kind.hook}"
    unmarked = getattr(module, kind.hook, None)
    if inspect.isroutine(unmarked):
        told = f"names no class: {kind.hook} is not marked as a hook"
        remedy = "write `@hookimpl` above it"
        if any(name.endswith("_impl") for name in vars(unmarked)):
            told += " of Lighthouse's, but of another project's"
            remedy = "take its `hookimpl` by `from lighthouse import hookimpl`"
        return PluginFault(told, remedy, place.of_function(unmarked))
    for other in KINDS:
        if hasattr(getattr(module, other.hook, None), _MARK):
            remedy = f"it implements {other.hook}: put its entry point into {other.group}"
            return PluginFault(told, remedy, place.of_function(getattr(module, other.hook)))
    routines = [name for name, value in vars(module).items() if inspect.isroutine(value)]
    close = difflib.get_close_matches(kind.hook, routines, 1, _CLOSE)
    if close:
        where = place.of_function(getattr(module, close[0]))
        return PluginFault(told, f"did you mean {close[0]} to be `{kind.hook}`?", where)
    shown, file = _shown(kind, module), getattr(module, "__file__", "") or ""
    if not any(_own(module)):
        remedy = f"write a `class Own({kind.contract.__name__})` and "
        return PluginFault(told, f"{remedy}`@hookimpl def {kind.hook}(): return Own`", file)
    remedy = f"add `@hookimpl def {kind.hook}(): return {shown}`"
    if len(own_classes(kind, module)) == 1:
        remedy += f", or have the entry point name it: `{entry.name} = {entry.module}:{shown}`"
    return PluginFault(told, remedy, file)


def own_classes(kind: PluginKind[Any], module: object) -> list[type]:
    """A module's own classes of this kind."""
    return [found for found in _own(module) if issubclass(found, kind.contract)]


def _own(module: object) -> Iterator[type]:
    """The classes that a module defines itself."""
    for value in vars(module).values():
        own = getattr(value, "__module__", "") == getattr(module, "__name__", "")
        if own and isinstance(value, type):
            yield value


def _shown(kind: PluginKind[Any], module: object) -> str:
    """The name of the class that a module most likely means."""
    classes = own_classes(kind, module) or [*_own(module)]
    return classes[-1].__name__ if classes else "the class"
