"""An environment of a test's own, into which packages can be installed and taken out again."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


class Environment:
    """A virtual environment that sees all that the suite's own has, and is not seen by it."""

    def __init__(self, root: Path) -> None:
        venv.EnvBuilder(symlinks=True).create(root)
        self.python = root / "bin" / "python"
        (own,) = (root / "lib").glob("python*/site-packages")
        line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (own / "suite.pth").write_text(line)

    def install(self, package: Path, *options: str) -> None:
        """Install the package in a directory, as ``pip install`` does."""
        self._pip("install", "--no-deps", "--no-build-isolation", *options, str(package))

    def uninstall(self, name: str) -> None:
        self._pip("uninstall", "--yes", name)

    def run(self, *words: str, cwd: Path) -> str:
        """What ``python -m`` with these words prints; fails if it fails."""
        done = subprocess.run(
            [str(self.python), "-m", *words], cwd=cwd, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def _pip(self, *words: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "-q"]
        options = ["--disable-pip-version-check", "--no-input"]
        done = subprocess.run(
            [*command, *words, *options], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
