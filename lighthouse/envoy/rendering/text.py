"""Resources as the text of a file: one line each, under a version that is their digest."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

MARK: Final = "lighthouse"
"""The key of metadata under which Lighthouse keeps what it has to know again."""


def encoded(resource: Mapping[str, Any]) -> str:
    """One resource in one line."""
    return msgspec.json.encode(resource).decode()


def version(resources: Iterable[str]) -> str:
    """What stands for exactly these resources."""
    return hashlib.blake2b("\n".join(resources).encode(), digest_size=8).hexdigest()


def discovery_file(resources: Iterable[str]) -> str:
    """The file that Envoy reads them from."""
    found = list(resources)
    lines = ",\n".join(found)
    return f'{{"version_info":"{version(found)}","resources":[\n{lines}\n]}}\n'


def resources_in(text: str) -> dict[str, str]:
    """The resources of such a file by name; none if it is not one of these."""
    try:
        found = msgspec.json.decode(text)
        return {_name(one): encoded(one) for one in found["resources"]}
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return {}


def version_in(text: str) -> str:
    """The version of such a file, empty if it is not one of these."""
    try:
        return str(msgspec.json.decode(text)["version_info"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""


def seconds(value: float) -> str:
    """A time as Envoy writes it."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"


def merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``base``: maps key by key, all else replaced."""
    found = dict(base)
    for key, value in over.items():
        before = found.get(key)
        both = isinstance(before, dict) and isinstance(value, Mapping)
        found[key] = merged(before, value) if both and before is not None else value
    return found


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource.get("name") or resource["cluster_name"])
