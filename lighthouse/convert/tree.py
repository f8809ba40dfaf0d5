"""A converted tree on the disk."""

import os
from pathlib import Path
from typing import Final

from lighthouse.convert.conversion import Conversion

_MODE: Final = 0o640


def write(tree: Conversion, root: Path) -> list[Path]:
    """Write the files into a directory that is empty or not there; return them.

    Only their owner may read the secrets, and nobody but owner and group the rest, which may have
    been closed to others where it comes from. Raises ``FileExistsError`` before anything is
    written if something is there, ``OSError``.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} exists and is not empty: nothing is overwritten")
    written = []
    texts = {name: (text, _MODE) for name, text in tree.files.items()}
    texts.update((name, (text, 0o600)) for name, text in tree.secrets.items())
    for name, (text, mode) in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, mode), "w", encoding="utf-8") as file:
            file.write(_placed(text, tree, root))
        written.append(path)
    return written


def _placed(text: str, tree: Conversion, root: Path) -> str:
    """The text with the places of secrets, which lie in the tree, as absolute paths."""
    for name in tree.secrets:
        text = text.replace(f"file: {name}\n", f"file: {root.absolute() / name}\n")
    return text
