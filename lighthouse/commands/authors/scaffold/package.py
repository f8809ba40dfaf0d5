"""The files of a new plugin's package, made of templates."""

from collections.abc import Mapping
from importlib import resources
from string import Template
from typing import Final

from lighthouse import DISTRIBUTION, __version__
from lighthouse.commands.authors.scaffold.name import PackageNames

LICENSES: Final = ("Apache-2.0", "BSD-3-Clause", "MIT")
"""The licences that can be chosen, by their SPDX names."""

_PURPOSES: Final = {
    "balancer": "A balancer plugin for Lighthouse: keeps {0} pointed at the live nodes.",
    "discovery": "A discovery plugin for Lighthouse: reads the nodes of clusters from {0}.",
    "check": "A check plugin for Lighthouse: probes {0}.",
}


def files(names: PackageNames, license: str, author: str, year: int) -> Mapping[str, str]:
    """Every file of the package by its path, with what is in it."""
    facts = {
        "name": names.plugin,
        "module": names.module,
        "class_name": names.class_name,
        "group": names.group,
        "description": _PURPOSES[names.kind].format(names.plugin),
        "distribution": DISTRIBUTION,
        "version": __version__,
        "license": license,
        "author": author,
        "year": str(year),
    }
    facts["sample"] = _filled(f"{names.kind}/sample.yaml", facts).rstrip()
    return {
        "pyproject.toml": _filled("common/pyproject.toml", facts),
        "README.md": _filled("common/README.md", facts),
        "LICENSE": _filled(f"licenses/{license}", facts),
        ".gitignore": _filled("common/gitignore", facts),
        f"src/{names.module}/__init__.py": _filled(f"{names.kind}/module.py", facts),
        f"src/{names.module}/py.typed": "",
        f"tests/test_{names.module}.py": _filled(f"{names.kind}/test.py", facts),
    }


def _filled(template: str, facts: Mapping[str, str]) -> str:
    place = resources.files(__package__) / "templates" / f"{template}.txt"
    return Template(place.read_text(encoding="utf-8")).safe_substitute(facts)
