"""What two balancers cannot both have, and what the bundled ones claim."""

from collections.abc import Hashable, Mapping
from typing import Any

import pytest

from lighthouse.balancer import Balancer, Claim
from lighthouse.dns.balancer import NameServer
from lighthouse.envoy.balancer import Envoy
from lighthouse.haproxy.balancer import HAProxy
from lighthouse.ipc.messages import Message
from lighthouse.ipc.plugin_report import PluginReport
from lighthouse.nginx.balancer import Nginx
from lighthouse.supervisor.answers.claims import excludes
from lighthouse.template.balancer import Template
from lighthouse.workers.boundary import claimed
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.outbox import Outbox

FILE, DIRECTORY, ADDRESS = "file", "directory", "address"


@pytest.mark.parametrize(
    ("one", "other", "excluded"),
    [
        ((FILE, "/a/b"), (FILE, "/a/b"), True),
        ((FILE, "/a/b"), (FILE, "/a//x/../b"), True),
        ((FILE, "/a/b"), (FILE, "/a/bc"), False),
        ((FILE, "/a/*.conf"), (FILE, "/a/web.conf"), True),
        ((FILE, "/a/*.conf"), (FILE, "/a/x/web.conf"), False),
        ((FILE, "/a/[b].conf"), (FILE, "/a/b.conf"), False),
        ((DIRECTORY, "/a"), (DIRECTORY, "/a/"), True),
        ((DIRECTORY, "/a"), (FILE, "/a/b/c"), True),
        ((DIRECTORY, "/a"), (FILE, "/ab"), False),
        ((DIRECTORY, "/a"), (DIRECTORY, "/a/b"), True),
        ((FILE, "/a"), (FILE, "/a/b"), False),
        ((ADDRESS, "127.0.0.1:53"), (ADDRESS, "127.0.0.1:53"), True),
        ((ADDRESS, "127.0.0.1:53"), (ADDRESS, "127.0.0.1:54"), False),
        ((ADDRESS, "127.0.0.1:53"), (ADDRESS, "127.0.0.2:53"), False),
        ((ADDRESS, "*:53"), (ADDRESS, "[::1]:53"), True),
        ((ADDRESS, "0.0.0.0:53"), (ADDRESS, "127.0.0.2:53"), True),
        ((ADDRESS, "*:53"), (FILE, "/a/*:53"), False),
    ],
)
def test_who_excludes_whom(one: Any, other: Any, excluded: bool) -> None:
    first, second = Claim(("a",), *one), Claim(("b",), *other)
    assert excludes(first, second) is excluded
    assert excludes(second, first) is excluded


@pytest.mark.parametrize(
    ("plugin", "config", "expected"),
    [
        (Envoy, {"directory": "/e/"}, {"directory /e"}),
        (Nginx, {}, {"file /etc/nginx/conf.d/lighthouse-*.conf"}),
        (Nginx, {"http_file": None, "stream_file": "/s"}, {"file /s"}),
        (NameServer, {"zone": "z", "state_file": "/z"}, {"file /z", "address 127.0.0.1:8053"}),
        (
            NameServer,
            {"zone": "z", "state_file": "/z", "listen": ["::1"]},
            {"file /z", "address [::1]:53"},
        ),
        (Template, {"files": [{"path": "/t", "template": ""}]}, {"file /t"}),
        (
            HAProxy,
            {
                "config_file": "/c",
                "socket_file": "/s",
                "pid_file": "/p",
                "bind_address": "10.0.0.1",
                "stats": {"port": 1},
                "proxies": {"a": {"port": 2, "bind_address": "10.0.0.2"}, "b": {"port": 3}},
            },
            {"file /c", "file /s", "file /p"}
            | {"address 10.0.0.1:1", "address 10.0.0.2:2", "address 10.0.0.1:3"},
        ),
    ],
)  # fmt: skip
def test_bundled_balancers_claim_what_they_write_and_where_they_listen(
    plugin: type[Balancer], config: Mapping[str, Any], expected: set[str]
) -> None:
    plugin.validate_config(config)
    found = plugin.claims(config)
    assert {f"{claim.kind} {claim.name}" for claim in found} == expected
    assert all(claim.path for claim in found)


class _Listening(Outbox):
    def __init__(self) -> None:
        self.said: list[Message] = []

    def post(self, message: Message, payload: bytes | None = None, key: Hashable = None) -> None:
        self.said.append(message)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("('/a',)", "claims returned ('/a',), which are no claims"),
        ("7", "claims returned 7, which are no claims"),
        ("(Claim((), 'file', 'a'),)", "claims returned the file 'a', which is no absolute path"),
        ("(Claim((), 'port', '/a'),)", "which are no claims"),
        ("1 / 0", "claims: ZeroDivisionError"),
    ],
)
def test_what_are_no_claims_is_warned_of_and_compared_with_nothing(body: str, told: str) -> None:
    class Odd(Balancer):
        @classmethod
        def claims(cls, config: Mapping[str, Any]) -> Any:
            return eval(body)

    conduct = Conduct(PluginReport("python"), _Listening())
    claimed.note(Odd, {}, conduct)
    (fault,) = conduct.report.faults
    assert told in fault.message
    assert fault.warning
    assert conduct.report.claims == ()


def test_a_change_of_claims_is_told_once() -> None:
    listening = _Listening()
    conduct = Conduct(PluginReport("python"), listening)
    for directory in ("/a", "/a", "/b"):
        claimed.note(Envoy, {"directory": directory}, conduct)
        conduct.say()
    told = [[claim.name for claim in said.report.claims] for said in listening.said]
    assert told == [["/a"], ["/b"]]
