"""Small files beside the include file, in which a worker leaves something for the next one."""

import json
from pathlib import Path
from typing import Any, Final

from lighthouse.files import FileTarget


class Note:
    """One such file: a map, whole or not there at all, also after a crash of the host."""

    def __init__(self, beside: str, kind: str) -> None:
        path = Path(beside)
        self._target: Final = FileTarget(path.with_name(f".{path.name}.{kind}"), mode=0o600)

    @property
    def path(self) -> Path:
        return self._target.path

    def read(self) -> dict[str, Any]:
        """What was left; nothing if there is no such file, or what is in it cannot be read."""
        try:
            found = json.loads(self._target.read() or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def leave(self, content: dict[str, Any]) -> None:
        """Have it on disk before this returns; raises ``OSError``."""
        self._target.write(json.dumps(content, sort_keys=True).encode())

    def remove(self) -> None:
        """There is no more to be said; raises ``OSError`` if it cannot be removed."""
        self._target.path.unlink(missing_ok=True)
