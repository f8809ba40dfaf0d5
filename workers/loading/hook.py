"""From what an entry point names to the plugin's class: a module with a hook, or the class."""

import difflib
import inspect
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any, Final

import pluggy

from lighthouse import hooks
from lighthouse.ipc.plugin_report import PluginFault
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.limits import one_line
from lighthouse.workers.boundary.plugin_call import PluginError, call
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


def named_class(kind: PluginKind[Any], entry: EntryPoint, loaded: object) -> object:
    """The class that an imported entry point stands for, judged by nobody yet.

    Raises ``Unusable``.
    """
    if isinstance(loaded, type) or not inspect.ismodule(loaded):
        if isinstance(loaded, type | kind.contract):
            return loaded
        told = f"its entry point names {one_line(repr(loaded), 60)}, no module and no class"
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
        fault = PluginFault(told, "it has to return the plugin's class", where)
        raise Unusable(fault, failure.traceback) from failure
    if found is None:
        shown = next(iter(_classes(kind, module)), "the class")
        told = f"names no class: {kind.hook} returns nothing"
        remedy = f"end it with `return {shown}`"
        raise Unusable(PluginFault(told, remedy, place.of_function(hook)))
    return found


def _unspecified(module: object, error: pluggy.PluginValidationError) -> PluginFault:
    """A hook of a name or with arguments that there are none of."""
    told = f"its hooks are not as specified: {one_line(str(error))}"
    names = [kind.hook for kind in KINDS]
    for name, value in vars(module).items():
        if not hasattr(value, _MARK):
            continue
        if name not in names:
            close = difflib.get_close_matches(name, names, 1, _CLOSE)
            remedy = f"did you mean `{close[0]}`?" if close else f"hooks are {', '.join(names)}"
            return PluginFault(told, remedy, place.of_function(value))
        if inspect.isroutine(value) and inspect.signature(value).parameters:
            return PluginFault(told, f"write `def {name}():`", place.of_function(value))
    return PluginFault(told, f"hooks are {', '.join(names)}")


def _no_hook(kind: PluginKind[Any], entry: EntryPoint, module: Any) -> PluginFault:
    """Why a module has no hook of this kind, as far as one can see."""
    told = f"names no class: {module.__name__} has no hook {kind.hook}"
    unmarked = getattr(module, kind.hook, None)
    if inspect.isroutine(unmarked):
        told = f"names no class: {kind.hook} is not marked as a hook"
        return PluginFault(told, "write `@hookimpl` above it", place.of_function(unmarked))
    for other in KINDS:
        if hasattr(getattr(module, other.hook, None), _MARK):
            remedy = f"it implements {other.hook}: put its entry point into {other.group}"
            return PluginFault(told, remedy, place.of_function(getattr(module, other.hook)))
    routines = [name for name, value in vars(module).items() if inspect.isroutine(value)]
    close = difflib.get_close_matches(kind.hook, routines, 1, _CLOSE)
    if close:
        where = place.of_function(getattr(module, close[0]))
        return PluginFault(told, f"did you mean {close[0]} to be `{kind.hook}`?", where)
    classes = [*_classes(kind, module)]
    shown = classes[0] if len(classes) == 1 else kind.contract.__name__
    remedy = f"add `@hookimpl def {kind.hook}(): return {shown}`"
    if len(classes) == 1:
        remedy += f", or have the entry point name it: `{entry.name} = {entry.module}:{shown}`"
    return PluginFault(told, remedy, getattr(module, "__file__", "") or "")


def _classes(kind: PluginKind[Any], module: object) -> Iterator[str]:
    """The names of a module's own classes of this kind."""
    for name, value in vars(module).items():
        own = getattr(value, "__module__", "") == getattr(module, "__name__", "")
        if own and isinstance(value, type) and issubclass(value, kind.contract):
            yield name
