"""What of a running HAProxy is ours, and who keeps a name or an address that two want."""

from typing import Any

import pytest

from lighthouse.haproxy.rendering.render import Skeleton, file_of, skeleton
from lighthouse.haproxy.rendering.stanza import Stanza, build
from lighthouse.haproxy.schema.balancer import HAProxySettings, parse_settings
from lighthouse.haproxy.schema.cluster import parse_section
from lighthouse.haproxy.sync.allotment import give_way
from lighthouse.haproxy.sync.running import Running, recalled, settled

_PATHS = {"config_file": "/d/h.cfg", "socket_file": "/d/h.sock", "pid_file": "/d/h.pid"}
_UPSTREAM = {"host": "127.0.0.1", "port": 9}


def _settings(**more: Any) -> HAProxySettings:
    return parse_settings({**_PATHS, **more})


def _stanza(name: str, port: int, **more: Any) -> Stanza:
    section = parse_section({"port": port, **more})
    return build(_settings(), name, section, None).stanza


def _skeleton(*stanzas: Stanza) -> Skeleton:
    return skeleton(_settings(), stanzas)


def _text(frame: Skeleton) -> str:
    bodies = "".join(stanza.text for stanza in frame.stanzas)
    return file_of(frame.head).decode() + bodies


def test_only_what_runs_is_ours() -> None:
    one, two = _skeleton(_stanza("a", 80)), _skeleton(_stanza("a", 80), _stanza("b", 81))
    running = Running()
    assert running.owned(one.generation) == {}
    running = recalled(running, ["", _text(two), _text(one)], one.generation)
    assert set(running.owned(one.generation)) == {"a"}
    assert running.owned(two.generation) == {}
    assert running.owned("") == {}
    running = recalled(running, ["nothing of ours"], two.generation)
    assert running.owned(two.generation) == {}, "nobody knows what that is"
    assert set(running.owned(one.generation)) == {"a"}
    running = recalled(running, [_text(two)], two.generation)
    assert set(running.owned(two.generation)) == {"a", "b"}
    assert running.owned(one.generation) == {}


@pytest.mark.parametrize(
    ("backend", "server", "agent", "after", "ours"),
    [
        ("a", "n", False, ["a"], True),
        ("a", "n", False, [], True),
        ("a", "spare", False, ["a"], False),
        ("b", "n", False, ["a", "b"], True),
        ("other", "n", False, ["a"], False),
        ("a", "n", True, ["a"], False),
        ("a", "n", True, [], True),
    ],
)
def test_whose_a_servers_state_is(
    backend: str, server: str, agent: bool, after: list[str], ours: bool
) -> None:
    options = {"server_options": "check agent-check agent-port 9"} if agent else {}
    spare = [{"name": "spare", **_UPSTREAM}]
    ran = _stanza("a", 80, default_servers=spare, **options)
    running = settled(_skeleton(ran))
    coming = [ran if name == "a" else _stanza(name, 81) for name in after]
    assert running.decides(_skeleton(*coming), backend, server) is ours


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"proxies": {"web": {"port": 90, "upstreams": [_UPSTREAM]}}}, ("proxies", "web")),
        ({"proxies": {"p": {"port": 80, "upstreams": [_UPSTREAM]}}}, ("proxies", "p")),
        ({"stats": {"port": 80}}, ("stats",)),
        ({"prometheus": {"port": 80}}, ("prometheus",)),
        ({"meta_clusters": {"m": {"port": 80}}}, ("meta_clusters", "m")),
        ({"meta_clusters": {"web": {"port": 90}}}, ("meta_clusters", "web")),
        ({"extra_sections": {"backend web": []}}, ("extra_sections", "backend web")),
        ({"extra_sections": {"listen l": ["bind :80"]}}, ("extra_sections", "listen l")),
        ({"extra_sections": {"userlist web": ["user a password b"]}}, None),
        ({"proxies": {"new": {"port": 90, "upstreams": [_UPSTREAM]}}}, None),
        ({"proxies": {"p": {"port": 81, "upstreams": [_UPSTREAM]}}}, None),
    ],
)
def test_a_section_gives_way_to_a_cluster_that_is_served(
    more: dict[str, Any], place: tuple[str, ...] | None
) -> None:
    """Not to one that only asks to be served, nor to one that moves away (81 is ``moved``'s)."""
    settings = _settings(**more)
    served = {"web": _stanza("web", 80), "moved": _stanza("moved", 81)}
    wanted = {
        "web": served["web"],
        "moved": _stanza("moved", 82),
        "new": _stanza("new", 83),
    }
    left, findings = give_way(settings, skeleton(settings, ()).head, wanted, served)
    assert [finding.path for finding in findings] == ([] if place is None else [place])
    assert (left == settings) is (place is None)
    assert give_way(settings, skeleton(settings, ()).head, wanted, {}) == (settings, ())
