"""A server that is added while HAProxy runs is the one that the same line makes in the file.

Of every option that is passed on: what HAProxy says of the two servers, and what arrives at
the two nodes, by a check and by a request.
"""

import contextlib
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from tests.backends import serving
from tests.ports import free_ports
from tests.software.haproxy_observer import Observation, Observer
from tests.software.haproxy_server_cases import ELSEWHERE, FAST, HTTP, Case, cases
from tests.software.haproxy_sites import ask, certificate, until_applied
from tests.software.haproxy_world import World, cluster
from tests.waiting import eventually


@pytest.fixture
def observer(world: World) -> Iterator[Observer]:
    with Observer(certificate(world.directory)) as found:
        yield found


def revocations(world: World) -> str:
    """A list of revoked certificates, with none, by the authority of the world's certificate."""
    pem, made = world.directory / "localhost.pem", world.directory / "crl.pem"
    settings = world.directory / "ca.cnf"
    (world.directory / "index.txt").write_text("")
    settings.write_text(
        f"[ca]\ndefault_ca = own\n[own]\ndatabase = {world.directory / 'index.txt'}\n"
        "default_md = sha256\ndefault_crl_days = 2\n"
    )
    command = ["openssl", "ca", "-gencrl", "-config", str(settings), "-cert", str(pem)]
    command += ["-keyfile", str(world.directory / "localhost.key"), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return str(made)


def known_options(binary: str) -> set[str]:
    """The options of servers that a binary knows."""
    command = [binary, "-dKcfg", "-q", "-c", "-f", "/dev/null"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rows = [row.split() for row in said.splitlines()]
    return {row[3] for row in rows if row[:3] == ["server", "<name>", "<addr>"]}


def tabled(world: World, observer: Observer) -> dict[str, Case]:
    pem = str(world.directory / "localhost.pem")
    return cases(pem, revocations(world), observer.port, observer.agent)


def test_every_option_that_haproxy_knows_is_in_a_case(world: World, observer: Observer) -> None:
    table = tabled(world, observer).values()
    texts = (text for case in table for text in (case.options, *case.backend))
    words = {word for text in texts for word in text.split()}
    assert known_options(world.binary) - words == ELSEWHERE.keys() & known_options(world.binary)


def test_a_server_is_the_same_wherever_it_comes_from(world: World, observer: Observer) -> None:
    table = tabled(world, observer)
    numbers = {name: number for number, name in enumerate(table, 1)}

    def nodes(name: str, count: int) -> tuple[Node, ...]:
        return tuple(
            Node("n", f"127.1.{numbers[name]}.{side}", observer.port)
            for side in range(1, count + 1)
        )

    def clusters(count: int) -> list[Cluster]:
        found = []
        for name, (options, lines) in table.items():
            section: dict[str, Any] = {"bind": str(world.directory / f"{numbers[name]}.sock")}
            section["backend"] = list(lines)
            section["server_options"] = options
            found.append(Cluster(name, [*nodes(name, count)], section))
        return found

    world.extra = {"defaults": ["mode http", "timeout connect 5s", "timeout check 5s"]}
    world.extra["global"] = ["external-check", "insecure-fork-wanted"]
    outcome = world.sync(*clusters(1))
    assert (outcome.kind, outcome.reason) == ("applied", "")
    until_applied(world, world.sync(*clusters(2)))
    wrong: dict[str, list[str]] = {name: [] for name in table}

    def settled() -> bool:
        told = described(world)
        for name in [*wrong]:
            wrong[name] = differences(world, observer, name, str(numbers[name]), told[name])
            if not wrong[name]:
                del wrong[name]
        return not wrong

    with contextlib.suppress(AssertionError):
        eventually(settled, 60)
    assert wrong == {}


UNEVEN = ("backup", "consistent", "redir")
"""Cases in which not every server gets requests."""


def differences(
    world: World, observer: Observer, name: str, number: str, told: dict[str, dict[str, str]]
) -> list[str]:
    """In what the two servers of a case differ, or are not as they should be."""
    ips = (f"127.1.{number}.1", f"127.1.{number}.2")
    first, second = (told.get(ip, {}) for ip in ips)
    found = [
        f"{key}: {first.get(key)} in the file, {second.get(key)} added"
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    ]
    if not first.get("status", "").startswith(("UP", "no check")):
        found.append(f"not up: {first.get('status')} {first.get('check_status')}")
    for _ in range(4):
        ask(str(world.directory / f"{number}.sock"))
    if name not in UNEVEN:
        found += [f"{ip} is not served" for ip in ips if "/" not in paths(observer.seen[ip])]
        one, two = (observer.seen[ip] for ip in ips)
        found += [f"seen in the file only: {each}" for each in one - two]
        found += [f"seen of the added only: {each}" for each in two - one]
    return found


def paths(seen: set[Observation]) -> set[str]:
    return {each.path for each in seen}


STATS = (
    *("status", "weight", "act", "bck", "slim", "qlimit", "check_status"),
    *("check_rise", "check_fall", "check_health", "agent_status", "agent_rise", "agent_fall"),
    *("agent_health", "check_desc", "agent_desc", "throttle", "last_chk", "last_agt", "mode"),
)
STATES = (
    *("srv_op_state", "srv_admin_state", "srv_uweight", "srv_iweight", "srv_check_status"),
    *("srv_check_health", "srv_use_ssl", "srv_check_port", "srv_fqdn"),
    *("srv_check_addr", "srv_agent_addr", "srv_agent_port", "bk_f_forced_id", "srv_f_forced_id"),
)
POOLS = ("purge_delay", "idle_lim")
_PASSING = 0x9
"""Of the bits of a check's or agent's state: what changes while one is under way."""


def described(world: World) -> dict[str, dict[str, dict[str, str]]]:
    """All that HAProxy says of the servers, by backend and address."""
    figures = rows_of(world.ask("show", "stat", "-1", "4", "-1"), ",")
    by_name = {(row["pxname"], row["svname"]): row for row in figures}
    pools = {row["bkname/svname"]: row for row in rows_of(world.ask("show", "servers", "conn"))}
    found: defaultdict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for state in rows_of(world.ask("show", "servers", "state").partition("\n")[2]):
        backend, name = state["be_name"], state["srv_name"]
        own = {key: state[key] for key in STATES}
        for key in ("srv_check_state", "srv_agent_state"):
            own[key] = str(int(state[key]) & ~_PASSING)
        own |= {key: by_name[backend, name][key].removeprefix("* ") for key in STATS}
        own |= {key: pools[f"{backend}/{name}"][key] for key in POOLS}
        found[backend][state["srv_addr"]] = own
    return found


def rows_of(text: str, separator: str | None = None) -> list[dict[str, str]]:
    """The rows of a reply by column."""
    header, *rows = text.splitlines()
    columns = [word.strip() for word in header.removeprefix("# ").split(separator)]
    cut = [[word.strip() for word in row.split(separator)] for row in rows if row.strip()]
    return [dict(zip(columns, row, strict=False)) for row in cut]


def test_a_limit_and_an_observation_hold_for_both_alike(world: World, observer: Observer) -> None:
    """What HAProxy derives for a line of its file, and not for a server that is added."""
    limits: dict[str, Any] = {
        "server_options": "maxconn 3",
        "bind": str(world.directory / "limits.sock"),
    }
    watched: dict[str, Any] = {
        "bind": str(world.directory / "watched.sock"),
        "backend": ["default-server check inter 1h rise 1 fall 1 observe layer7"],
    }

    def clusters(count: int) -> list[Cluster]:
        numbered = (("limits", 1, limits), ("watched", 2, watched))
        return [
            Cluster(
                name,
                [
                    Node("n", f"127.2.{number}.{side}", observer.port)
                    for side in range(1, count + 1)
                ],
                section,
            )
            for name, number, section in numbered
        ]

    world.sync(*clusters(1))
    assert world.sync(*clusters(2)).kind == "applied"
    assert world.plugin.status()["reloads"] == 0
    clients = [
        threading.Thread(target=ask, args=(limits["bind"], "/hold"), daemon=True) for _ in range(6)
    ]
    for client in clients:
        client.start()
    eventually(lambda: dict(observer.held) == {"127.2.1.1": 3, "127.2.1.2": 3}, 10)
    observer.release.set()
    for client in clients:
        client.join(10)
    for _ in range(22):
        ask(watched["bind"], "/bad")

    def down() -> bool:
        rows = world.figures("watched")
        return [row["status"] for row in rows] == ["DOWN", "DOWN"]

    eventually(down, 10, "after ten bad answers each")


def test_idle_connections_of_a_server_that_was_added_are_closed_in_time(world: World) -> None:
    """Also where HAProxy has started without a single server."""
    options = "pool-purge-delay 500ms"
    (port,) = free_ports(1)
    with serving(1) as (site,):
        world.sync(cluster("web", port, [], server_options=options))
        world.sync(cluster("web", port, [site.node()], server_options=options))

        def idle() -> int:
            (row,) = rows_of(world.ask("show", "servers", "conn", "web"))
            return int(row["idle_cur"])

        assert ask(port) == site.name
        assert idle() == 1
        eventually(lambda: idle() == 0, 10)
        assert world.plugin.status()["reloads"] == 0


def test_what_a_node_sets_changes_what_haproxy_derives(world: World, observer: Observer) -> None:
    """A node that says where it is checked is checked there in plain text, as in the file."""
    section: dict[str, Any] = {
        "bind": str(world.directory / "web.sock"),
        "backend": [*HTTP],
        "server_options": f"ssl verify none send-proxy check {FAST}",
        "node_options": ["port", "maxconn"],
    }
    metadata: tuple[dict[str, int], ...] = ({}, {"port": observer.port}, {"maxconn": 5})

    def web(side: int) -> Iterator[Node]:
        for number, extra in enumerate(metadata, 1):
            yield Node("n", f"127.3.{side}.{number}", observer.port, 1, {**extra})

    world.sync(Cluster("web", list(web(1)), section))
    both = Cluster("web", [*web(1), *web(2)], section)
    assert world.sync(both).kind == "applied"
    assert world.plugin.status()["reloads"] == 0

    def checked(ip: str) -> set[tuple[str, bool]]:
        seen = observer.seen[ip]
        return {(each.proxy, bool(each.tls)) for each in seen if each.path == "/health"}

    wanted = ({("v1", True)}, {("", False)}, {("v1", True)})
    for side in (1, 2):
        for number, found in enumerate(wanted, 1):
            eventually(lambda s=side, n=number, f=found: checked(f"127.3.{s}.{n}") == f, 10)
