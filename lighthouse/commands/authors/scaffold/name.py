"""What a new plugin may be called, and what follows from its name."""

import keyword
import re
from typing import Final

import msgspec

from lighthouse.distribution.installed import Installed
from lighthouse.distribution.origin import GROUPS
from lighthouse.text import quoted

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST: Final = 40

_TAKEN: Final = frozenset(
    ("plugin", "worker", "discovery", "balancer", "check", "testing", "demo", "lighthouse")
)
"""Keys of Lighthouse's own files, and what would be its own package's name."""


class PackageNames(msgspec.Struct, frozen=True):
    """The names in a plugin's package."""

    kind: str
    plugin: str

    @property
    def distribution(self) -> str:
        return f"lighthouse-{self.plugin}"

    @property
    def module(self) -> str:
        return f"lighthouse_{self.plugin.replace('-', '_')}"

    @property
    def class_name(self) -> str:
        return "".join(part.capitalize() for part in self.plugin.split("-"))

    @property
    def group(self) -> str:
        """The entry point group."""
        return GROUPS[self.kind]


def unfit(kind: str, name: str, installed: Installed) -> str:
    """Why a new plugin should not be called so, and what would do; empty if it may be."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        return (
            f"{quoted(name)} does not do as a name: it is that of a package and of a file in "
            f"the configuration, so write lower-case letters, digits and single dashes, a letter "
            f"first, at most {_LONGEST}"
        )
    if name in _TAKEN or keyword.iskeyword(name):
        return f"{quoted(name)} means something else already; choose another name"
    origin = installed.origin(kind, name)
    if origin is not None and origin.bundled:
        return f"the {kind} {name} comes with Lighthouse, and its name is reserved for it"
    if installed.has(kind, name):
        offers = ", ".join(str(offer) for offer in installed.offers[kind, name])
        return f"a {kind} {name} is installed already, by {offers}: two of one name are refused"
    return ""
