"""What is said of the connection to etcd, and when a watch lags."""

from typing import Any, cast

import pytest

from lighthouse.etcd import connection_state
from lighthouse.etcd.connection_state import EtcdConnection, EtcdSession
from lighthouse.etcd.errors import EtcdAway
from lighthouse.etcd.http import WatchStream
from lighthouse.etcd.settings import Endpoint


class Ended:
    """A stream of which nothing is known but whether it was ended."""

    interrupted = False

    def interrupt(self) -> None:
        self.interrupted = True


def session(stream: Any = None) -> EtcdSession:
    return EtcdSession(Endpoint(False, "10.0.0.1", 2379), cast(WatchStream, stream or Ended()))


def test_a_watch_has_to_get_where_reads_were(monkeypatch: pytest.MonkeyPatch) -> None:
    one = session()
    one.pass_mark(1)
    one.mark(10)
    one.mark(20)
    one.pass_mark(9)
    monkeypatch.setattr(connection_state, "LAG", -1.0)
    with pytest.raises(EtcdAway, match="its watch is at revision 9, its reads were at 10"):
        one.pass_mark(9)
    one.pass_mark(10)
    one.pass_mark(9)


def test_the_first_fault_is_the_one_that_counts() -> None:
    stream = Ended()
    one = session(stream)
    first = EtcdAway("first")
    one.fail(first)
    one.fail(EtcdAway("second"))
    assert one.fault is first
    assert stream.interrupted


def test_what_is_announced() -> None:
    said: list[tuple[str, str]] = []
    made = EtcdConnection(lambda *state: said.append(state))
    with pytest.raises(EtcdAway, match="no endpoint has answered yet"):
        made.need(0.01)
    made.announce()
    made.suspend("refused")
    made.suspend("refused")
    with pytest.raises(EtcdAway, match="refused"):
        made.need(60)
    made.suspend("timed out")
    up = session()
    made.up(up)
    made.announce()
    made.announce()
    assert made.need(0) is up
    made.down()
    made.up(up)
    made.announce()
    made.lose("expired")
    made.announce("no keys")
    assert made.state == "connected: no keys"
    assert said == [
        ("suspended", "refused"),
        ("suspended", "timed out"),
        ("connected", ""),
        ("lost", "expired"),
        ("connected", "no keys"),
    ]
