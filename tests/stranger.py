"""Commands that are called by someone without any right: the account ``nobody``."""

import contextlib
import importlib
import os
import pwd
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lighthouse.commands import MODULES, main
from lighthouse.daemon.locate import find

NOBODY: Final = pwd.getpwnam("nobody")


@contextlib.contextmanager
def open_directory() -> Iterator[Path]:
    """A temporary directory that everyone can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="lighthouse-open-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(config: Path, *words: str, groups: Iterable[int] = ()) -> tuple[int, str]:
    """Exit code and output of a command, called by an account that is in these groups too.

    In a fork: this interpreter may lie where others cannot start it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        sys.stdout = sys.stderr = os.fdopen(1, "w", closefd=False)
        code = 99
        try:
            for name in MODULES.values():
                importlib.import_module(f"lighthouse.commands.{name}")
            find(config).pid()  # has loaded all that it takes
            os.setgroups(list(groups))
            os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
            os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)
            main([*words, "-c", str(config)])
        except SystemExit as end:
            code = int(end.code or 0)
        except Exception:  # noqa: BLE001  the child ends here: the test shows what it was
            os.write(1, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said
