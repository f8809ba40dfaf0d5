"""A file system of a test's own, small enough to be filled."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.requirements import require


@contextmanager
def small_disk(place: Path, size: str = "64k") -> Iterator[Path]:
    """Mount a tmpfs of so many bytes at ``place``; skips the test where that is not allowed."""
    require("mount")
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
