"""The commands of README and docs/getting-started.md, typed by a reader who has nothing else."""

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.markdown import ROOT, commands
from tests.ports import free_port, free_ports
from tests.reader import Reader

pytestmark = pytest.mark.needs("haproxy")


@contextmanager
def reading(home: Path, instead: dict[str, str], haproxy: Path) -> Iterator[Reader]:
    """A reader, and the end of all that the page may have left running."""
    reader = Reader(home, instead)
    try:
        yield reader
    finally:
        try:
            reader.run("lighthouse stop")
        finally:
            if haproxy.exists():
                with suppress(ProcessLookupError, ValueError):
                    os.kill(int(haproxy.read_text().split()[0]), signal.SIGKILL)
            reader.close()


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with a short name, as a socket's path needs."""
    with tempfile.TemporaryDirectory(prefix="lighthouse-") as place:
        yield Path(place)


@pytest.mark.slow
@pytest.mark.needs("zookeeper")
def test_getting_started(home: Path) -> None:
    """From nothing to a node that is missing, and back to nothing."""
    text = (ROOT / "docs" / "getting-started.md").read_text()
    ports = ("2181", "8000", "8001", "9001", "9002", "9003")
    instead = dict(zip(ports, map(str, free_ports(len(ports))), strict=True))
    steps = commands(text)
    assert len(steps) > 25
    with reading(home, instead, home / "trial/haproxy.pid") as reader:
        for command, printed in steps:
            reader.follow(command, printed)
        assert not (home / "trial").exists()


FILE = re.compile(r"```yaml\n# ([a-z]+/[a-z]+\.yaml)[^\n]*\n(.*?)```", re.DOTALL)


@pytest.mark.slow
def test_the_first_steps_of_the_readme(home: Path, backends: list[Backend]) -> None:
    """Its four files, and its commands; the service that they are about runs already."""
    text = (ROOT / "README.md").read_text()
    places = {path: str(home) + path for path in ("/var/lib", "/run/", "/etc/haproxy")}
    instead = {**places, "8080": str(backends[0].port), "8000": str(free_port())}
    with reading(home, instead, home / "run/haproxy-lighthouse.pid") as reader:
        (home / "run").mkdir()
        tree = home / "tree"
        for name, content in FILE.findall(text):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(reader.adapted(content))
        assert len(list(tree.rglob("*.yaml"))) == 4
        assert str(home / "run") in (tree / "balancers/haproxy.yaml").read_text()
        (tree / "lighthouse.yaml").write_text("run_dir: run\nadvertise: 127.0.0.1\n")
        reader.follow(f"export LIGHTHOUSE_CONFIG={tree}", "")
        for command, _ in commands(text):
            code, said = reader.run(command)
            assert code == 0, f"{command}: exit code {code}: {said}"
