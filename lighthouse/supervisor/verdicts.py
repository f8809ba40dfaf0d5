"""Which content of which config file each plugin has accepted.

The supervisor cannot judge a plugin's config; workers do, and the software behind them does,
which may change its mind about the same content. The ledger remembers their newest verdicts,
so that a worker which starts afresh is given the last accepted content along with the newest.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from lighthouse.ipc.snapshot import PluginSettings
from lighthouse.schema import Problem

ConfigKey = tuple[str, ...]
"""(kind, plugin file's name), and a cluster's name behind it for a section."""


class ConfigVerdicts(msgspec.Struct, frozen=True):
    """A content, and what its plugin said of it: ``passed`` is None before it has."""

    settings: PluginSettings
    passed: bool | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Verdicts:
    """Contents and verdicts by key; ``changes`` counts how often what is accepted changed."""

    def __init__(self, accepted: Mapping[ConfigKey, dict[str, Any]]) -> None:
        self.changes = 0
        self._entries: Final[dict[ConfigKey, ConfigVerdicts]] = {}
        self._accepted: Final = dict(accepted)

    def __contains__(self, key: ConfigKey) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[tuple[ConfigKey, ConfigVerdicts]]:
        return iter(self._entries.items())

    def settings(self, key: ConfigKey) -> PluginSettings:
        return self._entries[key].settings

    def of(self, name: ConfigKey) -> list[ConfigKey]:
        """The keys of one plugin file's contents."""
        return [key for key in self._entries if key[:2] == name]

    def update(self, contents: Mapping[ConfigKey, dict[str, Any]]) -> set[ConfigKey]:
        """Take the contents of a whole configuration; returns the keys that changed."""
        changed = set()
        for key in self._entries.keys() - contents.keys():
            del self._entries[key]
            self.changes += self._accepted.pop(key, None) is not None
            changed.add(key)
        for key, content in contents.items():
            entry = self._entries.get(key)
            if entry is None or entry.settings.config != content:
                self._entries[key] = ConfigVerdicts(
                    PluginSettings(content, self._accepted.get(key))
                )
                changed.add(key)
        return changed

    def judge(
        self, key: ConfigKey, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()
    ) -> bool:
        """Take the verdict on the current content; return True if it is news."""
        before = self._entries[key]
        entry = ConfigVerdicts(before.settings, not problems, problems, warnings)
        self._entries[key] = entry
        if entry.passed and self._accepted.get(key) is not entry.settings.config:
            self._accepted[key] = entry.settings.config
            self.changes += 1
        verdicts = [(e.passed, e.problems, e.warnings) for e in (before, entry)]
        return verdicts[0] != verdicts[1]

    def accepted(self) -> dict[ConfigKey, dict[str, Any]]:
        """The last accepted content of every key that has one."""
        return dict(self._accepted)
