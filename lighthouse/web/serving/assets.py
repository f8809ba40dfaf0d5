"""The files of the page, as they were when the worker was started."""

import hashlib
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

PLACE: Final = Path(__file__).parents[1] / "page"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(msgspec.Struct, frozen=True):
    """A file's content; ``tag`` changes whenever that does."""

    content: bytes
    content_type: str
    tag: str


class Assets:
    """All files of the page, by name."""

    def __init__(self) -> None:
        files = [path for path in PLACE.iterdir() if path.suffix in _TYPES]
        self._found: Final = {path.name: _read(path) for path in files}

    def answer(self, name: str, request: Request) -> Response | None:
        """The file as a response, without its content if the browser has it; None if none."""
        found = self._found.get(name)
        if found is None:
            return None
        headers = {"etag": found.tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == found.tag:
            return Response(status_code=304, headers=headers)
        headers["content-type"] = found.content_type
        return Response(found.content, headers=headers)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    return Asset(content, _TYPES[path.suffix], tag)
