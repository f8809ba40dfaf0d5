"""A thousand hostile node files: siblings are served, each refusal has its reason."""

import json
import os
import random
import re

from tests.fleet import Backend, Fleet
from tests.waiting import eventually

NASTY = [
    "a\nserver evil 127.0.0.1:1",
    "a;set server web/x state maint",
    "a # comment",
    'a"b',
    "a'b",
    "${HOME}",
    "a\x00b",
    "a\\x41",
    "x" * 70000,
    "%[env(HOME)]",
    "a <<",
    " ",
    "",
    "-a",
    "..",
    "\u202e\u0000",
    "é",
]


def hostile(chance: random.Random) -> bytes:
    """One record that is no acceptable node, as bytes."""
    record = {"host": "ok", "ip": "127.0.0.1", "port": 8000}
    field = chance.choice(["host", "ip", "port", "weight", "metadata", "peer", "bytes", "type"])
    nasty = chance.choice(NASTY)
    match field:
        case "host":
            record["host"] = nasty
        case "ip":
            record["ip"] = chance.choice([nasty, "0.0.0.0", "224.0.0.1", "fe80::1%eth0", "1.2.3"])
        case "port":
            record["port"] = chance.choice([0, -1, 65536, "80", 80.5, True, None, [], "80;x"])
        case "weight":
            record["weight"] = chance.choice([-1, 257, "1", 1e9, True, {}, "5#6"])
        case "metadata":
            bad = [
                {"k": "v\n"},
                {"k\n": 1},
                {"k": "x" * 5000},
                [1],
                "{",
                {"a": {"b": {"c": {"d": {}}}}},
            ]
            record["metadata"] = chance.choice(bad)
        case "peer":
            record["peer"] = chance.choice(
                [{"name": nasty, "ip": "10.0.0.1"}, {"name": "a"}, "[", 5]
            )
        case "bytes":
            raw = [b"\xff\xfe", b"\x00" * 100, b"{" * 5000, b'{"ip": "\xff"}', b"", b"x" * 100000]
            return chance.choice(raw)
        case "type":
            return json.dumps(chance.choice([[], 1, "text", None, [record]])).encode()
    return json.dumps(record).encode()


def test_none_of_a_thousand_reaches_haproxy(fleet: Fleet, backends: list[Backend]) -> None:
    served = fleet.serving("web")
    before = re.sub(r"\s+server .*|# written by .*", "", fleet.cfg.read_text())
    chance = random.Random(2016)
    records = {f"hostile{n}.json": hostile(chance) for n in range(1000)}
    for name, data in records.items():
        path = fleet.nodes / "web" / f".{name}"
        path.write_bytes(data)
        path.rename(fleet.nodes / "web" / name)
    os.mkfifo(fleet.nodes / "web" / "fifo.json")
    fleet.node("web", "last", backends[0].port, ip="127.0.0.9")
    wanted = served | {("127.0.0.9", backends[0].port)}
    eventually(lambda: fleet.serving("web") == wanted, 30)

    def refused() -> dict[str, str]:
        found = {r["record"]: r["reason"] for r in fleet.status()["clusters"][0]["refused"]}
        assert records.keys() <= found.keys(), sorted(records.keys() - found.keys())[:5]
        return found

    reasons = eventually(refused, 30)
    assert all(reason and reason.isprintable() for reason in reasons.values())
    assert fleet.serving("web") == wanted
    eventually(lambda: "127.0.0.9" in fleet.cfg.read_text())
    assert re.sub(r"\s+server .*|# written by .*", "", fleet.cfg.read_text()) == before
    assert fleet.worker("haproxy")["status"]["reloads"] == 0
