"""A thousand hostile node files: what has an address is served, all else has its reason."""

import json
import os
import random
import re
from typing import Any

from tests.backends import Backend
from tests.fleet import Fleet
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


def hostile(chance: random.Random, ip: str) -> bytes:
    """One record with a part that is not acceptable, as bytes."""
    record: dict[str, Any] = {"host": "ok", "ip": ip, "port": 8000}
    field = chance.choice(["host", "ip", "port", "weight", "metadata", "peer", "bytes", "type"])
    nasty = chance.choice(NASTY)
    match field:
        case "host":
            record["host"] = nasty
        case "ip":
            record["ip"] = chance.choice([nasty, "0.0.0.0", "224.0.0.1", "fe80::1%eth0", "1.2.3"])
        case "port":
            record["port"] = chance.choice([0, -1, 65536, "x80", 80.5, True, None, [], "80;x"])
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
    addresses = {f"hostile{n}.json": f"127.2.{n // 250}.{n % 250 + 1}" for n in range(1000)}
    records = {name: hostile(chance, ip) for name, ip in addresses.items()}
    for name, data in records.items():
        path = fleet.nodes / "web" / f".{name}"
        path.write_bytes(data)
        path.rename(fleet.nodes / "web" / name)
    os.mkfifo(fleet.nodes / "web" / "fifo.json")
    fleet.node("web", "last", backends[0].port, ip="127.0.0.9")
    wanted = served | {("127.0.0.9", backends[0].port)}

    def refused() -> dict[str, str]:
        """Once each record is either a node or refused."""
        (cluster,) = fleet.status()["clusters"]
        found: dict[str, str] = {r["record"]: r["reason"] for r in cluster["refused"]}
        taken = {node["ip"]: node["notes"] for node in cluster["nodes"]}
        left = {name for name, ip in addresses.items() if name not in found and ip not in taken}
        assert not left, sorted(left)[:5]
        assert all(note.isprintable() for notes in taken.values() for note in notes)
        return found

    reasons = eventually(refused, 30)
    assert all(reason and reason.isprintable() for reason in reasons.values())
    assert 300 < len(reasons) < 900
    wanted |= {(ip, 8000) for name, ip in addresses.items() if name not in reasons}
    eventually(lambda: fleet.serving("web") == wanted, 30)
    eventually(lambda: "127.0.0.9" in fleet.cfg.read_text())
    assert re.sub(r"\s+server .*|# written by .*", "", fleet.cfg.read_text()) == before
    assert fleet.worker("haproxy")["status"]["reloads"] == 0
