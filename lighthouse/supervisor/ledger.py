"""Which content of which config file each plugin has accepted.

The supervisor cannot judge a plugin's config; workers do, and the software behind them does,
which may change its mind about the same content. The ledger remembers their newest verdicts,
so that a worker which starts afresh is given the last accepted content along with the newest.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from lighthouse.problem import Problem
from lighthouse.snapshot import Settings

Key = tuple[str, ...]
"""(kind, plugin file's name), and a cluster's name behind it for a section."""


class Entry(msgspec.Struct, frozen=True):
    """A content, and what its plugin said of it: ``passed`` is None before it has."""

    settings: Settings
    passed: bool | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Ledger:
    """Contents and verdicts by key."""

    def __init__(self, accepted: Mapping[Key, dict[str, Any]]) -> None:
        self._entries: Final[dict[Key, Entry]] = {}
        self._accepted: Final = dict(accepted)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[tuple[Key, Entry]]:
        return iter(self._entries.items())

    def settings(self, key: Key) -> Settings:
        return self._entries[key].settings

    def of(self, name: Key) -> list[Key]:
        """The keys of one plugin file's contents."""
        return [key for key in self._entries if key[:2] == name]

    def update(self, contents: Mapping[Key, dict[str, Any]]) -> set[Key]:
        """Take the contents of a whole configuration; returns the keys that changed."""
        changed = set()
        for key in self._entries.keys() - contents.keys():
            del self._entries[key]
            self._accepted.pop(key, None)
            changed.add(key)
        for key, content in contents.items():
            entry = self._entries.get(key)
            if entry is None or entry.settings.config != content:
                self._entries[key] = Entry(Settings(content, self._accepted.get(key)))
                changed.add(key)
        return changed

    def judge(
        self, key: Key, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()
    ) -> bool:
        """The verdict on the current content, no problems means accepted; whether it is news."""
        before = self._entries[key]
        entry = Entry(before.settings, not problems, problems, warnings)
        self._entries[key] = entry
        if entry.passed:
            self._accepted[key] = entry.settings.config
        verdicts = [(e.passed, e.problems, e.warnings) for e in (before, entry)]
        return verdicts[0] != verdicts[1]

    def accepted(self) -> dict[Key, dict[str, Any]]:
        """The last accepted content of every key that has one."""
        return dict(self._accepted)
