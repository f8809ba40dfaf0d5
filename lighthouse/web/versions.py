"""Rows with the number of the change that made each, so that a reader is told what is new only."""

from collections.abc import Mapping
from typing import Any, Final

Row = dict[str, Any]
Sections = Mapping[str, Mapping[str, Row]]
"""By section, then by the row's key."""

REMEMBERED: Final = 5000
"""Rows that are gone, of which it is remembered when."""


class VersionedRows:
    """``version`` is the number of the newest change."""

    def __init__(self) -> None:
        self.version = 0
        self._oldest = 0  # who has an older version has to be told all
        self._rows: Final[dict[str, dict[str, tuple[int, Row]]]] = {}
        self._gone: Final[dict[tuple[str, str], int]] = {}
        self._head: tuple[int, Row] = (0, {})

    def update(self, head: Row, sections: Sections) -> bool:
        """Return True if anything is another than before."""
        version = self.version + 1
        changed = False
        for section, rows in sections.items():
            changed |= self._renew(section, rows, version)
        if head != self._head[1]:
            self._head, changed = (version, head), True
        if changed:
            self.version = version
            self._forget()
        return changed

    def whole(self) -> dict[str, Any]:
        """Everything."""
        rows = {
            section: {key: row for key, (_, row) in kept.items()}
            for section, kept in self._rows.items()
        }
        return {"version": self.version, "head": self._head[1], "rows": rows}

    def since(self, version: int) -> dict[str, Any] | None:
        """What has changed after that version; None if that is not known any more."""
        if not self._oldest <= version <= self.version:
            return None
        rows: dict[str, dict[str, Row | None]] = {}
        for section, kept in self._rows.items():
            fresh: dict[str, Row | None] = {k: row for k, (v, row) in kept.items() if v > version}
            if fresh:
                rows[section] = fresh
        for (section, key), at in self._gone.items():
            if at > version:
                rows.setdefault(section, {})[key] = None
        head = self._head[1] if self._head[0] > version else None
        return {"version": self.version, "head": head, "rows": rows}

    @property
    def head(self) -> Row:
        """What stands above all sections."""
        return self._head[1]

    def section(self, name: str) -> dict[str, Row]:
        """All rows of a section."""
        return {key: row for key, (_, row) in self._rows.get(name, {}).items()}

    def _renew(self, section: str, rows: Mapping[str, Row], version: int) -> bool:
        kept = self._rows.setdefault(section, {})
        changed = False
        for key in kept.keys() - rows.keys():
            del kept[key]
            self._gone[section, key] = version
            changed = True
        for key, row in rows.items():
            if key not in kept or kept[key][1] != row:
                kept[key] = version, row
                self._gone.pop((section, key), None)
                changed = True
        return changed

    def _forget(self) -> None:
        while len(self._gone) > REMEMBERED:
            first = next(iter(self._gone))
            self._oldest = max(self._oldest, self._gone.pop(first))
