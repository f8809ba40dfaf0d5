"""What a plugin's distribution requires, against what is installed for this interpreter."""

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from lighthouse import DISTRIBUTION, __version__
from lighthouse.distribution.origin import PluginOrigin
from lighthouse.ipc.plugin_report import PluginFault

_FORMER: Final = "lighthouse"
"""What some plugins call Lighthouse's distribution; on the public index it is another's name."""


def unmet(origin: PluginOrigin) -> tuple[PluginFault, ...]:
    """What is required and not there; of other packages than Lighthouse only a warning.

    An import may do without them, and tells better what it lacks.
    """
    try:
        found = metadata.distribution(origin.package)
    except (metadata.PackageNotFoundError, ValueError):
        return ()
    python = _python(next(iter(found.metadata.get_all("Requires-Python") or ()), ""))
    return (*python, *(fault for text in found.requires or () for fault in _judged(text)))


def _python(specifier: str) -> Iterator[PluginFault]:
    version = platform.python_version()
    try:
        fits = SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidSpecifier:
        told = f"its `Requires-Python: {specifier:.60}` cannot be read"
        yield PluginFault(told, "write it as `>=3.11`", warning=True)
        return
    if not fits:
        told = f"requires Python {specifier}, and {sys.executable} is Python {version}"
        yield PluginFault(told, "run Lighthouse with such a Python, or install another version")


def _judged(text: str) -> Iterator[PluginFault]:
    """What is wrong with one line of ``Requires-Dist``."""
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        told = f"its `Requires-Dist: {text:.60}` cannot be read"
        yield PluginFault(told, "write it as `NAME>=VERSION`", warning=True)
        return
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
        return
    name = canonicalize_name(wanted.name)
    if name in (canonicalize_name(DISTRIBUTION), _FORMER):
        yield from _of_lighthouse(wanted, name)
        return
    try:
        there = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        told = f"requires {wanted.name}, which is not installed for {sys.executable}"
        yield PluginFault(told, f"pip install '{wanted}'", warning=True)
        return
    if not wanted.specifier.contains(there, prereleases=True):
        told = f"requires {wanted.name} {wanted.specifier}, and {there} is installed"
        yield PluginFault(told, f"pip install '{wanted}'", warning=True)


def _of_lighthouse(wanted: Requirement, name: str) -> Iterator[PluginFault]:
    if not wanted.specifier.contains(__version__, prereleases=True):
        own = f"{DISTRIBUTION} {__version__}"
        told = f"requires {wanted.name} {wanted.specifier}, and this is {own}"
        remedy = f"install a version of it for {own}, or another {DISTRIBUTION}"
        yield PluginFault(told, remedy)
    if name == _FORMER:
        told = f"requires `{wanted}`, which on the index is another project"
        remedy = f"write `Requires-Dist: {DISTRIBUTION}{wanted.specifier}`"
        yield PluginFault(told, remedy, warning=True)
