"""Remove the coverage data of processes that were killed while they wrote it.

``drop_unfinished.py DIRECTORY``: tells how many files of how many were removed. Tests kill
processes at any moment, and one file that cannot be read would cost the data of all others.
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def is_whole(path: Path) -> bool:
    """Return True if all of a data file can be read."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as data:
            (found,) = data.execute("pragma quick_check").fetchone()
            data.execute("select count(*) from coverage_schema, meta, file, arc").fetchone()
    except sqlite3.Error:
        return False
    return bool(found == "ok")


def main() -> None:
    kept = [path for path in Path(sys.argv[1]).iterdir() if not path.name.endswith("-journal")]
    unfinished = [path for path in kept if not is_whole(path)]
    for path in unfinished:
        path.unlink()
    print(f"coverage: {len(kept)} processes, {len(unfinished)} of them killed as they wrote")


if __name__ == "__main__":
    main()
