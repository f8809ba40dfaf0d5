"""``lighthouse status --watch`` in a terminal, with a person who types."""

import signal
import sys
from collections.abc import Iterator

import pytest

from tests.fleet import Fleet
from tests.terminal import PersonsTerminal, terminal
from tests.waiting import eventually

ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def watched(fleet: Fleet) -> Iterator[PersonsTerminal]:
    """A terminal with the live view of a daemon that has three clusters."""
    for name in ("api", "db"):
        fleet.write(f"clusters/{name}.yaml", {"discovery": "files", "recorder": {}})
        fleet.node(name, f"{name}-1", 80)
    fleet.node("web", "one", 80)
    fleet.start()
    eventually(lambda: fleet.status()["healthy"])
    with terminal() as person:
        person.start(_command(fleet), fleet.env)
        person.shows(r"^> +balancer recorder +running")
        yield person


def _command(fleet: Fleet, *words: str) -> list[str]:
    line = [sys.executable, "-P", "-m", "lighthouse.commands", "status", "--watch"]
    return [*line, *words, "-c", str(fleet.config)]


def _is_restored(person: PersonsTerminal) -> None:
    """All is as it was before, on the screen too."""
    assert person.attributes == person.before
    assert person.sent.count(LEFT) == person.sent.count(ENTERED)
    assert person.sent.rstrip().endswith(LEFT)
    assert not person.screen.cursor.hidden


def test_a_person_moves_filters_sorts_opens_and_quits(
    fleet: Fleet, watched: PersonsTerminal
) -> None:
    assert max(map(len, watched.lines())) <= 80
    watched.press("jj")
    watched.shows(r"^> api +1 +files")
    watched.press("\x1b[B")
    watched.shows(r"^> db ")
    watched.press("k\r")
    watched.shows(r"^cluster api: 1 of 1 nodes here served")
    watched.shows(r"api-1:80 \(127.0.0.1:80\): in")
    fleet.node("api", "api-2", 81)
    watched.shows(r"cluster api: 2 of 2 nodes")  # it goes on while it is open
    watched.press("\x1b")
    watched.shows(r"^> api +2 ")
    watched.press("/WEB\r")
    watched.lacks(r"^..(api|db) ")
    watched.shows(r"^> web +1 ")
    watched.press("\x1b")
    watched.shows("recorder")
    watched.press("ss")
    watched.shows("s sort: cpu")
    watched.press("?")
    watched.shows("this help")
    watched.press("?g\r")
    watched.shows("What its plugin says|Process")
    watched.press("q")
    assert watched.ends() == 0
    _is_restored(watched)


def test_it_follows_the_daemon_and_the_size_of_the_window(
    fleet: Fleet, watched: PersonsTerminal
) -> None:
    watched.resize(60, 12)
    watched.shows("^1/[45]")
    assert max(map(len, watched.lines())) <= 60
    fleet.lighthouse("pause-worker", "recorder", "--reason", "goes mad")
    watched.shows("is paused by")
    fleet.kill(signal.SIGTERM)
    watched.shows("lighthouse: not running")
    fleet.start()
    watched.shows("degraded")
    assert watched.process is not None
    watched.process.send_signal(signal.SIGTERM)
    assert watched.ends() == -signal.SIGTERM
    _is_restored(watched)


def test_it_is_stopped_and_goes_on_and_ends_with_the_window(fleet: Fleet) -> None:
    fleet.start()
    with terminal() as person:
        shell = ["bash", "-c", 'set -m; "$@"; echo stopped; fg > /dev/null; exit $?', "bash"]
        person.start([*shell, *_command(fleet)], fleet.env)
        person.shows("> balancer recorder")
        person.press("\x1a")
        eventually(lambda: person.lines() and person.sent.count(ENTERED) == 2)
        assert LEFT in person.sent.partition(b"stopped\r\n")[0]
        person.press("j")
        person.shows("^> discovery files")
        person.press("q")
        assert person.ends() == 0
        _is_restored(person)
    with terminal() as closed:
        closed.start(_command(fleet, "--worker", "recorder"), fleet.env)
        closed.shows("Process")
        closed.hang_up()
        assert closed.process is not None
        assert closed.process.wait(10) in (0, -signal.SIGHUP)


def test_without_colours_and_without_a_keyboard(fleet: Fleet) -> None:
    fleet.start()
    with terminal() as person:
        person.start(_command(fleet), {**fleet.env, "NO_COLOR": "1"}, keyboard=False)
        person.shows("> balancer recorder")
        assert b"\x1b[1m" not in person.sent
        assert b"\x1b[3" not in person.sent
        person.press("\x03")
        assert person.ends() == 0
        _is_restored(person)
