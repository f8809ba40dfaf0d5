"""Who listens where, and whom others can reach."""

import socket

import pytest

from lighthouse.net.listeners import listeners, parse, unreachable

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"


def test_a_table_is_read_up_to_the_first_connection() -> None:
    rows = [
        HEAD,
        "   0: 00000000:07E8 00000000:0000 0A 00000000:00000000",
        "   1: 0100007F:8099 00000000:0000 0A 00000000:00000000",
        "   2: 0B00A8C0:01BB 0100007F:1234 01 00000000:00000000",
        "   3: 0100007F:0001 00000000:0000 0A 00000000:00000000",
    ]
    assert list(parse(rows)) == [(2024, "0.0.0.0"), (32921, "127.0.0.1")]
    rows = [HEAD, "   0: 0000000000000000FFFF00000100007F:0050 0:0 0A", "", ""]
    assert next(iter(parse(rows))) == (80, "::ffff:127.0.0.1")
    rows = [HEAD, "   0: 00000000000000000000000001000000:0050 0:0 0A"]
    assert list(parse(rows)) == [(80, "::1")]


def test_the_kernel_tells_of_what_is_opened_here() -> None:
    with socket.create_server(("127.0.0.1", 0)) as narrow, socket.create_server(("", 0)) as wide:
        found = listeners()
        assert found[narrow.getsockname()[1]] == {"127.0.0.1"}
        assert found[wide.getsockname()[1]] == {"0.0.0.0"}


@pytest.mark.parametrize(
    ("addresses", "host", "advertised", "where"),
    [
        (set(), "127.0.0.1", "10.0.0.5", ""),
        ({"0.0.0.0"}, "127.0.0.1", "10.0.0.5", ""),
        ({"::"}, "127.0.0.1", "10.0.0.5", ""),
        ({"127.0.0.1", "10.0.0.5"}, "127.0.0.1", "10.0.0.5", ""),
        ({"10.0.0.6"}, "127.0.0.1", "10.0.0.5", ""),
        ({"127.0.0.1"}, "127.0.0.1", "127.0.0.1", ""),
        ({"127.0.0.1"}, "10.0.0.9", "10.0.0.5", ""),
        ({"127.0.0.1"}, "elsewhere", "10.0.0.5", ""),
        ({"127.0.0.1"}, "127.0.0.1", "10.0.0.5", "127.0.0.1"),
        ({"::1", "127.0.0.1"}, "localhost", "2001:db8::5", "127.0.0.1, ::1"),
        ({"::ffff:127.0.0.1"}, "::1", "10.0.0.5", "::ffff:7f00:1"),
    ],
)
def test_whom_others_reach(addresses: set[str], host: str, advertised: str, where: str) -> None:
    told = unreachable(host, 80, advertised, {80: frozenset(addresses)})
    assert told.startswith(f"port 80 is listened to at {where} only, and {advertised} is") == bool(
        where
    )
    assert bool(told) == bool(where)
