"""Distributions with plugins that a test installs, upgrades and removes while a daemon runs."""

import shutil
from pathlib import Path

SOURCE = """
from pathlib import Path

from lighthouse import hookimpl
from lighthouse.balancer import Balancer


class Marks(Balancer):
    def sync_file(self, clusters):
        Path({path!r}).write_text({text!r})


@hookimpl
def lighthouse_balancer():
    return Marks
"""


class Site:
    """Packages on a path of their own, as pip leaves them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.output = root / "output"
        self.path = root / "plugins"
        self.path.mkdir()

    def install(
        self, package: str, version: str, name: str = "marks", module: str = "", record: str = ""
    ) -> None:
        """A distribution with one balancer, in place of an older one of its name."""
        self.remove(package)
        module = module or f"of_{package}"
        text = f"{package} {version}{record}"
        code = self.path / f"{module}.py"
        code.write_text(SOURCE.format(path=str(self.output), text=text))
        shutil.rmtree(self.path / "__pycache__", ignore_errors=True)
        info = self.path / f"{package}-{version}.dist-info"
        beside = self.path / f".{package}"
        beside.mkdir()
        about = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        (beside / "METADATA").write_text(about)
        (beside / "entry_points.txt").write_text(f"[lighthouse.balancers]\n{name} = {module}\n")
        (beside / "RECORD").write_text(f"{module}.py,{record},\n")
        beside.rename(info)

    def remove(self, package: str) -> None:
        for info in self.path.glob(f"{package}-*.dist-info"):
            shutil.rmtree(info)

    def says(self) -> str:
        return self.output.read_text() if self.output.exists() else ""
