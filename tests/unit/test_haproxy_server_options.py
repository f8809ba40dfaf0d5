"""What a server's options come to: what HAProxy derives, and what it takes at start only."""

import pytest

from lighthouse.haproxy.rendering.dynamic import growth
from lighthouse.haproxy.rendering.stanza import build
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.haproxy.schema.cluster import parse_section
from lighthouse.haproxy.schema.server_options import (
    in_force,
    passed_on,
    spelled_out,
    split,
    starts_disabled,
)

SETTINGS = {
    "config_file": "/etc/haproxy.cfg",
    "socket_file": "/var/run/haproxy.sock",
    "pid_file": "/var/run/haproxy.pid",
}


@pytest.mark.parametrize(
    ("options", "derived"),
    [
        ("", ""),
        ("check", ""),
        ("ssl verify none", ""),
        ("ssl verify none check", "check-ssl"),
        ("check ssl check-ssl", ""),
        ("check ssl port 81", ""),
        ("check ssl port 0", "check-ssl"),
        ("check ssl addr 10.0.0.1", ""),
        ("check ssl check-sni port", "check-ssl"),
        ("check ssl no-ssl", ""),
        ("check ssl no-check-ssl", ""),
        ("check no-check ssl send-proxy", ""),
        ("send-proxy", ""),
        ("send-proxy check", "check-send-proxy"),
        ("send-proxy-v2 check", "check-send-proxy"),
        ("send-proxy-v2-ssl-cn check", "check-send-proxy"),
        ("proxy-v2-options crc32c check", "check-send-proxy"),
        ("send-proxy no-send-proxy check", ""),
        ("send-proxy-v2 no-send-proxy check", "check-send-proxy"),
        ("send-proxy no-check-send-proxy check", "check-send-proxy"),
        ("send-proxy check-send-proxy check", ""),
        ("send-proxy check port 5", ""),
        ("agent-send check ssl", ""),
        ("maxconn 5", "minconn 5"),
        ("minconn 5", "maxconn 5"),
        ("maxconn 5 minconn 9", "maxconn 9"),
        ("maxconn 9 minconn 5", ""),
        ("maxconn 0", ""),
        ("observe layer7", "error-limit 10 on-error fail-check"),
        ("observe layer7 error-limit 3", "on-error fail-check"),
        ("observe layer4 error-limit 3 on-error mark-down", ""),
    ],
)
def test_what_is_derived_is_said(options: str, derived: str) -> None:
    words = tuple(options.split())
    assert spelled_out(words) == (*words, *derived.split())
    assert spelled_out(spelled_out(words)) == spelled_out(words)


@pytest.mark.parametrize(
    ("options", "nodes", "backend", "why"),
    [
        ("check ssl verify none agent-send crt", (), (), ""),
        ("check-sni stick", (), (), ""),
        ("crt /a.pem", (), (), "'crt' is taken at start only"),
        ("no-check-send-proxy", (), (), "'no-check-send-proxy' is taken at start only"),
        ("flux 5", (), (), "'flux' may mean something else"),
        ("proto h2", (), (), "h2"),
        ("alpn h2,http/1.1", (), (), "h2"),
        ("check-alpn h2", (), (), ""),
        ("source 10.0.0.1 interface eth0 usesrc 10.0.0.2 check", (), (), ""),
        ("check", (), ("option external-check",), "external check"),
        ("", ("check",), ("option external-check",), "external check"),
        ("", (), ("option external-check",), ""),
        ("", (), ("default-server check-alpn h2",), "cannot be said again"),
        ("maxconn 5 " * 30, (), (), "words"),
    ],
)
def test_what_cannot_be_had_at_run_time_takes_a_slot(
    options: str, nodes: tuple[str, ...], backend: tuple[str, ...], why: str
) -> None:
    found = growth(backend, (), options.split(), nodes)
    assert found.way == ("slot" if why else "add")
    assert why in found.why


@pytest.mark.parametrize(
    "options",
    [
        "ssl verify none check inter 1s",
        "send-proxy maxconn 5 weight 7 init-addr none",
        "observe layer7 agent-send enabled",
        "source 10.0.0.1 interface lo check",
    ],
)
def test_a_default_server_line_and_a_servers_own_options_come_to_the_same(options: str) -> None:
    settings = parse_settings(SETTINGS)
    own = build(settings, "a", parse_section({"server_options": options}), None).stanza
    line = f"default-server {options}"
    lines = build(settings, "a", parse_section({"backend": [line]}), None).stanza
    general = parse_settings({**SETTINGS, "defaults": [line]})
    defaults = build(general, "a", parse_section({}), None).stanza
    assert own.facts == lines.facts == defaults.facts
    assert "weight" not in own.facts.options


def test_options_are_read_with_their_arguments() -> None:
    text = "agent-send check source 1.2.3.4 usesrc client on-error fail-check ssl"
    words = tuple(text.split())
    assert [option[0] for option in split(words)] == ["agent-send", "source", "on-error", "ssl"]
    assert not in_force(words, "check")
    assert in_force(words, "ssl")
    assert not in_force((*words, "no-ssl"), "ssl")
    assert passed_on(("agent-send", "weight", "weight", "5", "check")) == (
        "agent-send",
        "weight",
        "check",
    )


def test_a_server_that_starts_disabled_by_default_is_enabled_by_us() -> None:
    assert starts_disabled(("disabled",))
    assert not starts_disabled(("disabled", "enabled"))
    assert not starts_disabled(("agent-send", "disabled"))
    section = parse_section({"backend": ["default-server disabled check"]})
    stanza = build(parse_settings(SETTINGS), "a", section, None).stanza
    assert stanza.facts.options == ("check",)
    assert stanza.text.index("default-server disabled") < stanza.text.index(
        "default-server enabled"
    )
