"""Whether a class keeps the contract of its kind; told before anything of it is called."""

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, Final

from lighthouse.ipc.plugin_report import PluginFault
from lighthouse.plugin import Plugin
from lighthouse.workers.boundary import place
from lighthouse.workers.loading.kind import KINDS, PluginKind

_NAMED: Final = frozenset({"validate_dependencies", "validate_config", "apply_config"})
"""Optional methods whose misspelling is a fault all the same: without them all goes wrong."""

_OWN: Final = frozenset({"sign_of_life", "still_working"})
"""What the worker sets or the contract offers, and no plugin defines."""

_CLOSE: Final = 0.8
"""How alike two names are of which one is taken for a misspelling of the other."""

_CALLBACK: Final = "on_"
"""How the names of functions begin that a method is given, to call them."""

_FUNCTIONS: Final = (FunctionType, classmethod, staticmethod)
_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def judge(plugin: object, kind: PluginKind[Any]) -> tuple[PluginFault, ...]:
    """All that is wrong with what a hook or an entry point named as the plugin's class."""
    if not isinstance(plugin, type) or not issubclass(plugin, kind.contract):
        return (_stranger(plugin, kind),)
    if plugin is kind.contract:
        told = f"{plugin.__qualname__}, which is the contract itself and does nothing"
        return (PluginFault(told, f"name your own subclass of {kind.base}"),)
    own = _own(plugin, kind)
    found = [
        *_missing(plugin, kind, own),
        *_misspelt(kind, own),
        *_flags(plugin, kind),
        *_taken(own),
    ]
    for name, spec in _methods(kind.contract).items():
        if name in own and name not in _OWN:
            fault = _method(name, own[name], spec, place.of_class(plugin))
            if fault is not None:
                found.append(fault)
    found += _callbacks(kind, own)
    found += _constructor(plugin)
    return tuple(sorted(found, key=lambda fault: fault.warning))


def _stranger(plugin: object, kind: PluginKind[Any]) -> PluginFault:
    """What is no class of this kind."""
    expected = f"expected a subclass of {kind.base}"
    if not isinstance(plugin, type):
        if isinstance(plugin, Plugin):
            name = type(plugin).__qualname__
            told = f"an instance of {name}, expected the class"
            return PluginFault(told, f"name {name} itself, without parentheses behind it")
        return PluginFault(f"{plugin!r:.100}, {expected}", "name the plugin's class")
    where = place.of_class(plugin)
    for other in KINDS:
        if issubclass(plugin, other.contract):
            told = f"{plugin.__qualname__}, which is a {other.name}, {expected}"
            return PluginFault(told, f"put its entry point into {other.group}", where)
    remedy = f"write `class {plugin.__name__}({kind.contract.__name__}):` and "
    remedy += f"`from {kind.contract.__module__} import {kind.contract.__name__}`"
    return PluginFault(f"{plugin.__qualname__}, {expected}", remedy, where)


def _own(plugin: type, kind: PluginKind[Any]) -> dict[str, Any]:
    """What the class and its bases define themselves, beyond the contract."""
    found: dict[str, Any] = {}
    for base in reversed(plugin.__mro__):
        if base not in kind.contract.__mro__:
            found |= vars(base)
    return found


def _methods(contract: type) -> Mapping[str, Any]:
    """The contract's methods by name, as its classes hold them."""
    found: dict[str, Any] = {}
    for base in reversed(contract.__mro__[:-1]):
        found |= {
            name: value
            for name, value in vars(base).items()
            if not name.startswith("_") and isinstance(value, _FUNCTIONS)
        }
    return found


def _missing(plugin: type, kind: PluginKind[Any], own: Mapping[str, Any]) -> Iterator[PluginFault]:
    registering = () if getattr(plugin, "read_only", False) else kind.registering
    for name in (*kind.required, *registering):
        if name in own:
            continue
        like = _alike(name, [other for other in own if other not in _methods(kind.contract)], 0.7)
        remedy = f"define `def {_written(name, kind)}`"
        if name in registering:
            remedy += ", or say `read_only = True` if nothing can be registered with it"
        told = f"{plugin.__qualname__} has no {name}"
        where = place.of_class(plugin)
        if like:
            remedy, where = f"did you mean `{name}` by {like}?", place.of_function(own[like])
        yield PluginFault(told, remedy, where)


def _misspelt(kind: PluginKind[Any], own: Mapping[str, Any]) -> Iterator[PluginFault]:
    """Methods that look like one of the contract's which the class does not override."""
    methods = _methods(kind.contract)
    left = [name for name in methods if name not in own and name not in _OWN]
    for name, value in own.items():
        if name.startswith("_") or name in methods or not isinstance(value, _FUNCTIONS):
            continue
        meant = _alike(name, left, _CLOSE)
        if meant and meant not in (*kind.required, *kind.registering):
            told = f"nobody calls {name}: the contract has no such method"
            where = place.of_function(value)
            yield PluginFault(told, f"did you mean `{meant}`?", where, meant not in _NAMED)


def _flags(plugin: type, kind: PluginKind[Any]) -> Iterator[PluginFault]:
    """The contract's flags, which are true or false."""
    for name in (name for name, value in vars(kind.contract).items() if isinstance(value, bool)):
        value = inspect.getattr_static(plugin, name)
        if not isinstance(value, bool):
            told = f"{name} is {value!r:.60}, expected True or False"
            where = place.of_class(plugin)
            yield PluginFault(told, f"write `{name} = True` in the class, or leave it out", where)


def _taken(own: Mapping[str, Any]) -> Iterator[PluginFault]:
    for name in sorted(_OWN & own.keys()):
        told = f"{name} is Lighthouse's own name"
        yield PluginFault(told, "give yours another one", place.of_function(own[name]))


def _callbacks(kind: PluginKind[Any], own: Mapping[str, Any]) -> Iterator[PluginFault]:
    """Methods named as what a method of the contract is given, for the plugin to call."""
    given = {
        word: name
        for name, spec in _methods(kind.contract).items()
        for word in _parameters(spec)
        if word.startswith(_CALLBACK)
    }
    for name, value in own.items():
        is_one = isinstance(value, _FUNCTIONS) and _plain(name).startswith(_CALLBACK)
        meant = _alike(name, [*given], _CLOSE) if is_one else ""
        if meant:
            told = f"nobody calls {name}: {meant} is what `{given[meant]}` is given"
            remedy = f"keep it there, and call `self.{meant}(...)` under another name than {name}"
            yield PluginFault(told, remedy, place.of_function(value), warning=True)


def _method(name: str, value: Any, spec: Any, beside: str) -> PluginFault | None:
    """What is wrong with an override: what it is, or how it would be called.

    ``beside`` is the place of its class, for what has none of its own.
    """
    where = place.of_function(value) or beside
    of_class = isinstance(spec, classmethod)
    words = _parameters(spec)
    first = "cls" if of_class else "self"
    written = f"def {name}({', '.join((first, *words))})"
    if isinstance(value, property) or not (callable(value) or isinstance(value, _FUNCTIONS)):
        shown = "a property" if isinstance(value, property) else f"{value!r:.60}"
        return PluginFault(f"{name} is {shown}, expected a method", f"write `{written}`", where)
    function = getattr(value, "__func__", value)
    if of_class and inspect.isfunction(value):
        told = f"{name} is no class method, and is called before there is an instance"
        return PluginFault(told, f"write `@classmethod` above `{written}`", where)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        told = f"{name} is `async`, and nobody awaits it"
        return PluginFault(told, f"write `{written}` without `async`", where)
    if inspect.isgeneratorfunction(function):
        told = f"{name} is a generator (it has a `yield`), so nothing of it would run"
        return PluginFault(told, "return in place of yielding", where)
    given = (*words,) if isinstance(value, staticmethod) else (first, *words)
    signature = _signature(function)
    fits = signature is None or _takes(signature, given)
    if not fits and not isinstance(value, functools.partialmethod):
        told = f"{name}{signature} cannot be called: the worker passes ({', '.join(words)})"
        mark = "`@classmethod` in place of `@staticmethod`" if of_class else "no `@staticmethod`"
        more = f", and {mark} above it" if isinstance(value, staticmethod) else ""
        return PluginFault(told, f"write `{written}`{more}", where)
    if isinstance(value, classmethod) and not of_class:
        told = f"{name} is a class method, and all that it keeps is the class's"
        return PluginFault(told, f"write `{written}` without `@classmethod`", where, warning=True)
    return None


def _constructor(plugin: type) -> Iterator[PluginFault]:
    """The worker makes an instance without arguments."""
    left = sorted(getattr(plugin, "__abstractmethods__", ()))
    if left:
        told = f"{plugin.__qualname__} leaves {', '.join(left)} abstract"
        yield PluginFault(told, "define it", place.of_class(plugin))
    signature = _signature(plugin)
    if signature is not None and not _takes(signature, ()):
        told = f"{plugin.__qualname__}{signature} cannot be called: the worker passes nothing"
        remedy = "give its constructor no arguments; settings come with `apply_config`"
        yield PluginFault(told, remedy, place.of_function(vars(plugin).get("__init__")))


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _takes(signature: inspect.Signature, given: tuple[str, ...]) -> bool:
    try:
        signature.bind(*given)
    except TypeError:
        return False
    return True


def _parameters(spec: Any) -> tuple[str, ...]:
    """The names of what the worker passes to a method of the contract."""
    return tuple(inspect.signature(getattr(spec, "__func__", spec)).parameters)[1:]


def _written(name: str, kind: PluginKind[Any]) -> str:
    return f"{name}({', '.join(('self', *_parameters(_methods(kind.contract)[name])))})"


def _alike(name: str, names: list[str], cutoff: float) -> str:
    """The one of the names that is most like this one, empty if none is."""
    plain = {_plain(other): other for other in names if not other.startswith("__")}
    close = difflib.get_close_matches(_plain(name), plain, 1, cutoff)
    return plain[close[0]] if close else ""


def _plain(name: str) -> str:
    return _CAPITAL.sub("_", name).lower().strip("_")
