"""New peers wait for a while, so that one reload does for all of them."""

from lighthouse.haproxy.rendering.render import skeleton
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.haproxy.sync.peer_hold import PeerHold
from lighthouse.haproxy.sync.running import Running, settled
from lighthouse.peer import Peer

_A, _B, _C = (Peer(name, f"10.0.0.{number}", 1024) for number, name in enumerate("abc", 1))
_ONE, _TWO = frozenset({_A}), frozenset({_A, _B})
_NEVER = float("inf")


def _running(*peers: Peer) -> Running:
    return Running("one", peers=frozenset(peers))


def test_a_new_peer_is_configured_once_it_has_stayed() -> None:
    hold, running = PeerHold(10.0), _running(_A)
    all_three = _TWO | {_C}
    assert (hold.peers(running, _TWO, 5.0), hold.due) == (_ONE, 15.0)
    assert (hold.peers(running, all_three, 14.9), hold.due) == (_ONE, 15.0), "from the first on"
    assert (hold.peers(running, all_three, 15.0), hold.due) == (all_three, _NEVER)


def test_a_peer_that_leaves_changes_nothing() -> None:
    hold, running = PeerHold(10.0), _running(_A, _B)
    assert (hold.peers(running, _ONE, 5.0), hold.due) == (_TWO, _NEVER)


def test_one_that_came_and_went_leaves_no_trace() -> None:
    hold, running = PeerHold(10.0), _running(_A)
    hold.peers(running, _TWO, 5.0)
    assert (hold.peers(running, _ONE, 9.0), hold.due) == (_ONE, _NEVER)
    assert (hold.peers(running, frozenset({_A, _C}), 12.0), hold.due) == (_ONE, 22.0)


def test_what_is_loaded_meanwhile_begins_the_wait_anew() -> None:
    hold = PeerHold(10.0)
    hold.peers(_running(_A), _TWO, 5.0)
    paths = {"config_file": "/d/h.cfg", "socket_file": "/d/h.sock", "pid_file": "/d/h.pid"}
    loaded = settled(skeleton(parse_settings(paths), ()))
    assert hold.peers(loaded, frozenset({_B}), 14.0) == frozenset()
    assert hold.due == 24.0
