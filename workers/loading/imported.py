"""What an entry point names, imported; and what an author does where that fails."""

import difflib
import importlib
import pkgutil
import re
import sys
from types import ModuleType
from typing import Final

from lighthouse import DISTRIBUTION
from lighthouse.distribution.origin import PluginOrigin
from lighthouse.ipc.plugin_report import PluginFault
from lighthouse.workers.boundary.plugin_call import PluginError, call
from lighthouse.workers.loading.entry import PluginEntry, is_value
from lighthouse.workers.loading.hook import Unusable

AGAIN: Final = "then `lighthouse reload`"

_ALIKE: Final = 0.75
_NO_NAME: Final = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")


def imported(entry: PluginEntry, origin: PluginOrigin) -> object:
    """What the entry point names; raises ``Unusable``."""
    if not is_value(entry.value):
        told = f"its entry point `{entry.name} = {entry.value}` is none"
        likely = entry.value.strip().removesuffix("()").replace("-", "_").replace("/", ".")
        if likely and is_value(likely):
            raise Unusable(PluginFault(told, f"did you mean `{entry.name} = {likely}`?"))
        raise Unusable(PluginFault(told, f"write `{entry.name} = MODULE` or `MODULE:CLASS`"))
    try:
        return call(f"import of {entry.module}", entry.load)
    except PluginError as failure:
        error = failure.error
        fault = PluginFault(
            f"cannot be imported: {failure.what}", _remedy(entry, origin, error), failure.place
        )
        # What is missing is no code to look into.
        there = not isinstance(error, ModuleNotFoundError)
        raise Unusable(fault, failure.traceback if there else "") from failure


def _remedy(entry: PluginEntry, origin: PluginOrigin, error: BaseException) -> str:
    """What an author does about what an import raised."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing(entry, origin, error.name)
    module, names = "", []
    if isinstance(error, AttributeError) and entry.attr:
        module, names = entry.module, [entry.attr]
    elif found := _NO_NAME.match(str(error)):
        names, module = [found[1]], found[2]
    if "partially initialized module" in str(error):
        return f"two modules import each other: have one of them do without, {AGAIN}"
    there = [name for name in vars(sys.modules.get(module, object)) if name[:1] != "_"]
    close = difflib.get_close_matches(names[0], there, 1) if names else []
    if close and module == entry.module and isinstance(error, AttributeError):
        return f"did you mean `{entry.name} = {entry.module}:{close[0]}`?"
    if close:
        return f"did you mean `{close[0]}`?"
    if isinstance(error, SystemExit):
        return f"an import has to come back: take what exits out of the module, {AGAIN}"
    return f"mend that line, {AGAIN}"


def _missing(entry: PluginEntry, origin: PluginOrigin, missing: str) -> str:
    """What to do about a module that is not there: the plugin's own, or another one."""
    package = DISTRIBUTION if origin.bundled else origin.package
    if not f"{entry.module}.".startswith(f"{missing}."):
        if entry.name in origin.extras:
            return f"pip install '{package}[{entry.name}]'"
        return f"install it for {sys.executable}, {AGAIN}"
    meant = _meant(entry, origin, missing)
    if meant:
        return f"did you mean `{entry.name} = {meant}`?"
    if origin.bundled:
        return f"{origin} is installed without it: install it again from where it came"
    return f"{origin} is installed without it: pip install --force-reinstall {package}"


def _meant(entry: PluginEntry, origin: PluginOrigin, missing: str) -> str:
    """What an entry point was to name, that names a module which is not there."""
    parent, _, last = missing.rpartition(".")
    below = entry.module.removeprefix(missing)
    attribute = f":{entry.attr}" if entry.attr else ""
    package = sys.modules.get(parent)
    if isinstance(package, ModuleType) and not hasattr(package, "__path__"):
        return f"{parent}:{last}" if hasattr(package, last) else parent + attribute
    if isinstance(package, ModuleType):
        names = {found.name for found in pkgutil.iter_modules(package.__path__)}
        parent += "."
    else:
        names = _modules(origin)
        if below.removeprefix(".").partition(".")[0] in names:
            return below.removeprefix(".") + attribute
    # What is said to be there and is not is none that could be meant.
    close = difflib.get_close_matches(last, sorted(names - {last}), 1, _ALIKE)
    return f"{parent}{close[0]}{below}{attribute}" if close else ""


def _modules(origin: PluginOrigin) -> set[str]:
    """The modules of a distribution; of one that does not say them, all that can be imported."""
    metadata = importlib.import_module("importlib.metadata")
    try:
        files = metadata.distribution(origin.package).files or ()
    except (metadata.PackageNotFoundError, ValueError):
        files = ()
    own = {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"}
    own = {name for name in own if name.isidentifier() and not name.startswith("__")}
    return own or {found.name for found in pkgutil.iter_modules()} - sys.stdlib_module_names
