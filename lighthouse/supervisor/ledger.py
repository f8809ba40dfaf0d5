"""Which content of which config file each plugin has accepted.

The supervisor cannot judge a plugin's config; workers do. The ledger remembers their
verdicts, so that a worker which starts afresh is given the last accepted content along with
the newest.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from lighthouse.messages import Problem
from lighthouse.snapshot import Settings

Key = tuple[str, ...]
"""(kind, plugin file's name), and a cluster's name behind it for a section."""


class Entry(msgspec.Struct, frozen=True):
    """A content, and what its plugin said of it: ``passed`` is None before it has."""

    settings: Settings
    passed: bool | None = None
    problems: tuple[Problem, ...] = ()


class Ledger:
    """Contents and verdicts by key."""

    def __init__(self, accepted: Mapping[Key, dict[str, Any]]) -> None:
        self._entries: Final[dict[Key, Entry]] = {}
        self._accepted: Final = dict(accepted)
        self.unjudged: Final[set[Key]] = set()

    def settings(self, key: Key) -> Settings:
        return self._entries[key].settings

    def update(self, contents: Mapping[Key, dict[str, Any]]) -> set[Key]:
        """Take the contents of a whole configuration; returns the keys that changed."""
        changed = set()
        for key in self._entries.keys() - contents.keys():
            del self._entries[key]
            self._accepted.pop(key, None)
            self.unjudged.discard(key)
            changed.add(key)
        for key, content in contents.items():
            entry = self._entries.get(key)
            if entry is None or entry.settings.config != content:
                self._entries[key] = Entry(Settings(content, self._accepted.get(key)))
                self.unjudged.add(key)
                changed.add(key)
        return changed

    def judge(self, key: Key, problems: Iterable[Problem]) -> None:
        """The plugin's verdict on the current content: no problems means accepted."""
        found = tuple(problems)
        settings = self._entries[key].settings
        self._entries[key] = Entry(settings, not found, found)
        self.unjudged.discard(key)
        if not found:
            self._accepted[key] = settings.config

    def accepted(self) -> dict[Key, dict[str, Any]]:
        """The last accepted content of every key that has one."""
        return dict(self._accepted)

    def rejected(self) -> Iterator[tuple[Key, Entry]]:
        """The keys whose current content was refused."""
        for key, entry in self._entries.items():
            if entry.passed is False:
                yield key, entry
