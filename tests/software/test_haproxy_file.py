"""The file of HAProxy's configuration: a disk that hangs, and hands that edit at the same time."""

import fcntl
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.files import FileTarget
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.rendering.render import file_of
from lighthouse.haproxy.sync.writer import Writer
from tests.backends import Backends
from tests.ports import free_ports
from tests.software.haproxy_traffic import drive
from tests.software.haproxy_world import World, cluster, get, served, until_file
from tests.waiting import eventually


@pytest.fixture
def leases() -> Iterator[None]:
    """Whoever holds a lease is told by SIGIO that somebody waits, which would end us."""
    former = signal.signal(signal.SIGIO, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGIO, former)


def test_a_file_system_that_hangs_is_told_and_held_against_nothing_else(
    world: World, http: Backends, leases: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a lease on the file, the kernel makes everybody wait who opens it."""
    monkeypatch.setattr("lighthouse.haproxy.sync.writer.SLOW", 0.5)
    world.extra = {"reload_interval": 0.1}
    one, two = free_ports(2)
    world.sync(cluster("web", one, http.nodes[:1]))
    until_file(world, http.nodes[:1])
    path = Path(world.config["config_file"])
    with path.open("r+b") as held:
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        web = cluster("web", one, http.nodes[:2])
        assert world.sync(web).kind == "applied"
        drive(world, lambda: world.again().kind == "degraded")
        outcome = world.again()
        assert f"{path} has been being written for" in outcome.reason
        assert "its file system does not answer" in outcome.reason
        outcome = world.sync(web, cluster("x", two, http.nodes))
        assert outcome.kind == "degraded"
        assert "waiting: clusters: +x" in outcome.reason
        web = cluster("web", one, http.nodes[1:])
        world.sync(web, cluster("x", two, http.nodes))
        assert served(one) == {str(n.port) for n in http.nodes[1:]}, "members go on"
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    drive(world, lambda: get(two)[0] == 200)
    drive(world, lambda: world.again().kind == "unchanged")


def _content(text: str) -> bytes:
    return file_of([Chunk("", text)])


def test_an_edit_while_the_file_is_written_is_seen_and_kept(tmp_path: Path) -> None:
    """Between our look at the file and its replacement."""
    path = tmp_path / "h.cfg"
    path.write_bytes(_content("one\n"))
    edits = [b"by hand\n"]

    def edit(_: Path) -> None:
        if edits:
            path.write_bytes(edits.pop())

    writer = Writer(FileTarget(path, validate=edit), lambda: (Chunk("", "two\n"),))
    writer.want()

    def seen() -> bool:
        writer.step()
        return writer.edited == "line 1: by hand"

    eventually(seen, 10)
    assert path.read_bytes() == b"by hand\n"
    writer.look()

    def settled() -> bool:
        writer.step()
        return writer.after() is None

    eventually(settled, 10)
    assert writer.edited == "line 1: by hand"
    assert path.read_bytes() == b"by hand\n"
    # undone, ours is written, and nothing more
    path.write_bytes(_content("one\n"))
    writer.look()
    eventually(settled, 10)
    assert path.read_bytes() == _content("two\n")
    assert writer.edited == ""
    writer.look()
    assert writer.after() is None
    writer.close()
