"""An entry point of a plugin: what it names, and the import of that.

The same as ``importlib.metadata.EntryPoint``, whose import would cost each worker more than all
else that it needs to begin.
"""

import importlib
import re
from functools import reduce
from typing import Final

import msgspec

_VALUE: Final = re.compile(r"([\w.]+)\s*(?::\s*([\w.]+)\s*)?(?:\[.*\]\s*)?$")


def is_value(text: str) -> bool:
    """Return True if an entry point may name this: ``MODULE`` or ``MODULE:ATTRIBUTE``."""
    return _VALUE.match(text) is not None


class PluginEntry(msgspec.Struct, frozen=True):
    """``name = value``; its value has to be one before it is asked for its parts."""

    name: str
    value: str

    @property
    def module(self) -> str:
        return self._part(1)

    @property
    def attr(self) -> str:
        return self._part(2)

    def load(self) -> object:
        """What it names; raises whatever its import does."""
        names = filter(None, self.attr.split("."))
        return reduce(getattr, names, importlib.import_module(self.module))

    def _part(self, number: int) -> str:
        found = _VALUE.match(self.value)
        return (found[number] or "") if found is not None else ""
