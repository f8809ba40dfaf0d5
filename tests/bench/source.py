"""A benchmark's nodes as files; those in coordination services are in tests/coordination.py."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from tests.coordination import Record


class Files:
    """One JSON file for each node."""

    name = "file"

    def __init__(self, root: Path) -> None:
        self._root = root
        self.config = {"plugin": "file", "path": str(root)}
        self.bare = ["file", str(root)]

    def load(self, cluster: str, records: Mapping[str, Record]) -> None:
        (self._root / cluster).mkdir(exist_ok=True)
        for name, record in records.items():
            self.put(cluster, name, record)

    def put(self, cluster: str, name: str, record: Record) -> None:
        beside = self._root / cluster / f".{name}.new"
        beside.write_text(json.dumps(record))
        beside.replace(self._root / cluster / f"{name}.json")

    def remove(self, cluster: str, name: str) -> None:
        os.unlink(self._root / cluster / f"{name}.json")

    def records(self, cluster: str) -> list[Record]:
        return [json.loads(path.read_bytes()) for path in (self._root / cluster).glob("*.json")]
