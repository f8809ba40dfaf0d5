"""Contents of files without the secrets that stand in them, and the secrets put back.

A secret that is given by reference is none: only where it lies is written.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lighthouse.ipc.messages import encode
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership, Part, PluginSettings
from lighthouse.secret import is_name_of_secret
from lighthouse.text import redacted

BLANK: Final = "*** not kept ***"
"""Stands for a secret; no plugin's text."""


_memberships: Final = msgspec.msgpack.Decoder(Membership)


class _Section(msgspec.Struct, frozen=True):
    """What matters of a ``Membership`` here; the rest of it is passed over unread."""

    settings: PluginSettings | None


_sections: Final = msgspec.msgpack.Decoder(_Section)

_MOST: Final = 20_000
_clean: Final[set[int]] = set()
"""Revisions of parts of which nothing has to be left out."""


class SecretGone(LookupError):
    """What was left out stands nowhere any more."""


def blanked(content: Any) -> Any:
    """The same content with every secret replaced by ``BLANK``."""
    match content:
        case dict():
            return {key: _value(key, value) for key, value in content.items()}
        case list() | tuple():
            return [blanked(value) for value in content]
        case str() if redacted(content) != content:
            return BLANK
    return content


def filled(content: Any, source: Any) -> Any:
    """The content with what was left out taken from the same place of a source.

    Raises ``SecretGone`` if there is nothing.
    """
    match content:
        case dict():
            other = source if isinstance(source, Mapping) else {}
            return {key: filled(value, other.get(key)) for key, value in content.items()}
        case list():
            others = source if isinstance(source, list) else []
            padded = [*others, *[None] * len(content)]
            return [filled(value, other) for value, other in zip(content, padded, strict=False)]
        case str() if content == BLANK:
            if source is None or isinstance(source, dict | list):
                raise SecretGone
            return source
    return content


def without_secrets(snapshot: BalancerSnapshot) -> BalancerSnapshot:
    """The same snapshot, fit for a file."""
    parts = tuple(_part(part) for part in snapshot.clusters)
    return BalancerSnapshot(_settings(snapshot.settings), parts, snapshot.unserved)


def with_secrets(snapshot: BalancerSnapshot, source: BalancerSnapshot) -> BalancerSnapshot:
    """The same snapshot with its secrets as they stand in another; raises ``SecretGone``."""
    known = {part.name: part for part in source.clusters}
    parts = tuple(_refilled(part, known.get(part.name)) for part in snapshot.clusters)
    settings = _fill(snapshot.settings, source.settings)
    return BalancerSnapshot(settings, parts, snapshot.unserved)


def _value(key: object, value: Any) -> Any:
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return BLANK if plain and is_name_of_secret(str(key)) else blanked(value)


def _settings(settings: PluginSettings) -> PluginSettings:
    return PluginSettings(blanked(settings.config), blanked(settings.accepted))


def _fill(settings: PluginSettings, source: PluginSettings | None) -> PluginSettings:
    config = None if source is None else source.config
    accepted = None if source is None else source.accepted or source.config
    return PluginSettings(filled(settings.config, config), filled(settings.accepted, accepted))


def _part(part: Part) -> Part:
    if part.revision in _clean:
        return part
    settings = _sections.decode(part.body).settings
    blank = None if settings is None else _settings(settings)
    if blank is None or blank == settings:
        if len(_clean) >= _MOST:
            _clean.clear()
        _clean.add(part.revision)
        return part
    return _with(part, _memberships.decode(part.body), blank)


def _refilled(part: Part, source: Part | None) -> Part:
    membership = _memberships.decode(part.body)
    if membership.settings is None:
        return part
    other = None if source is None else _memberships.decode(source.body).settings
    whole = _fill(membership.settings, other)
    return part if whole == membership.settings else _with(part, membership, whole)


def _with(part: Part, membership: Membership, settings: PluginSettings) -> Part:
    body = Membership(
        settings,
        membership.nodes,
        membership.known,
        membership.stale,
        membership.observed_at,
        membership.meta_cluster,
    )
    return Part(part.name, part.revision, encode(body))
