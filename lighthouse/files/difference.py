"""What writing a file would change, as a person reads it."""

import difflib

from lighthouse.files.target import FileTarget


def difference(target: FileTarget, content: bytes | None) -> str:
    """A unified diff from what is in the file to a content; None: there is to be no file."""
    before = (target.read() or b"").decode("utf-8", "replace")
    after = (content or b"").decode("utf-8", "replace")
    rows = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        str(target.path),
        f"{target.path} (new)",
    )
    return "".join(rows)
