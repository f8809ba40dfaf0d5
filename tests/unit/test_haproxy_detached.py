"""A configuration cut off from the world: line for line what it was, and nothing of it shared."""

import pytest

from lighthouse.haproxy.rendering.detached import Ports, Unsure, detached

_PORTS = Ports(40000, 1000)

LINES = [
    (
        "global",
        "stats socket /run/a.sock mode 600 level admin",
        "stats socket /t/0 mode 600 level",
    ),
    ("global", "stats socket ipv4@127.0.0.1:9999 level user", "stats socket ipv4@127.0.0.1:40000"),
    ("global", "log 127.0.0.1 local0", "#"),
    ("global", "daemon", "#"),
    ("global", "pidfile /run/x.pid", "#"),
    ("global", "chroot /var/empty", "chroot /var/empty"),
    ("global", "maxconn 100", "maxconn 100"),
    ("defaults", "load-server-state-from-file global", "#"),
    ("defaults", "log global", "#"),
    ("defaults", "log-format %ci", "log-format %ci"),
    ("frontend f", "bind :80", "bind :1000"),
    (
        "frontend f",
        "bind 10.0.0.1:8080,[::1]:8080 ssl crt /c",
        "bind 10.0.0.1:40000,[::1]:40000 ssl",
    ),
    ("frontend f", "bind *:8000-8010 tfo", "bind *:40000 tfo"),
    ("listen l", "bind unix@/run/l.sock mode 660", "bind /t/0 mode 660"),
    ("listen l", "bind abns@name", "bind abns@/t/0"),
    ("listen l", "bind fd@3", "bind fd@3"),
    ("backend b", "server s 10.0.0.1:80 check inter 1s", "server s 10.0.0.1:80 disabled check"),
    ("backend b", "server s 10.0.0.1:80 id 1 disabled", "server s 10.0.0.1:80 id 1 disabled"),
    ("backend b", "server-template t 3 h:80 check", "server-template t 3 h:80 disabled check"),
    ("backend b", "stick-table type ip size 1k peers p", "stick-table type ip size 1k peers p"),
    ("peers p", "peer a 10.0.0.1:1024 # this host", "peer a 10.0.0.1:40000 # this host"),
    ("peers p", "server a", "server a"),
    ("log-forward l", "log 127.0.0.1 local0", "log 127.0.0.1 local0"),
    ("log-forward l", "dgram-bind 127.0.0.1:1514", "dgram-bind 127.0.0.1:40000"),
]


@pytest.mark.parametrize(("section", "line", "wanted"), LINES)
def test_each_line_has_its_stand_in(section: str, line: str, wanted: str) -> None:
    found = detached(f"# a remark\n{section}\n    {line}\n\n", "/t", _PORTS, rootless=False)
    rows = found.text.split("\n")
    assert len(rows) == 5
    assert rows[1] == section
    assert rows[2].strip().startswith(wanted)


@pytest.mark.parametrize("line", ["chroot /x", "user a", "group b", "uid 1", "gid 2"])
def test_what_takes_root_is_left_to_root(line: str) -> None:
    text = f"global\n    {line}\n"
    assert detached(text, "/t", _PORTS, rootless=True).text == "global\n    #\n"
    assert detached(text, "/t", _PORTS, rootless=False).text == text


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("frontend f", 'bind "${ADDRESS}:80"'),
        ("frontend f", "bind ${ADDRESS}:80"),
        ("frontend f", "bind"),
        ("global", "unix-bind prefix /run"),
        ("global", "stats socket ${RUN}/a.sock"),
    ],
)
def test_an_address_that_may_be_live_is_never_bound(section: str, line: str) -> None:
    with pytest.raises(Unsure):
        detached(f"{section}\n    {line}\n", "/t", _PORTS, rootless=False)


def test_sockets_are_known_by_their_stand_ins() -> None:
    text = "global\n    stats socket /run/a\nlisten l\n    bind /run/b,/run/c\n"
    paths = detached(text, "/t", _PORTS, rootless=False).paths
    assert paths == {"/t/0": "/run/a", "/t/1": "/run/b", "/t/2": "/run/c"}
