"""The whole way: the check sees a promotion, and the standby follows, by the real daemon."""

import time

import pytest

from lighthouse.testing import HostTree
from tests.software.postgresql_world import trio
from tests.waiting import eventually

pytestmark = pytest.mark.needs("postgresql")

INTERVAL = 0.5


@pytest.mark.slow
def test_a_standby_follows_by_the_daemon_and_through_the_death_of_its_worker(
    lighthouse_tree: HostTree,
) -> None:
    tree = lighthouse_tree
    with trio() as servers:
        n1, n2, n3 = servers.all
        probed = {"user": "postgres", "interval": INTERVAL, "timeout": 5, "rise": 1, "fall": 1}
        tree.write(
            "services/db.yaml",
            {
                "ports": [server.port for server in servers.all],
                "discovery": "nodes",
                "host": "127.0.0.1",
                "checks": {"postgresql": probed},
            },
        )
        tree.write("clusters/db.yaml", {"discovery": "nodes", "postgresql": {}})
        tree.write(
            "balancers/postgresql.yaml",
            {
                "include_file": str(n3.include_file),
                "conninfo": f"host=127.0.0.1 port={n3.port} user=postgres dbname=postgres",
                "replication": {"user": "postgres"},
            },
        )
        tree.start()
        tree.wait(lambda: n3.follows(n1))
        tree.kill_worker("postgresql")
        tree.wait(lambda: tree.worker("postgresql")["state"] == "running")
        text = n3.include_file.read_text()
        n1.kill()
        n2.promote()
        begin = time.monotonic()
        tree.wait(lambda: n3.follows(n2))
        took = time.monotonic() - begin
        assert n3.include_file.read_text() != text
        n2.ask("create table told (x int)")
        eventually(lambda: n3.ask("select to_regclass('told') is not null"))
        tree.wait(lambda: f"127.0.0.1:{n2.port}" in str(tree.worker("postgresql")))
        print(f"promotion to streaming, with the check every {INTERVAL} s: {took:.2f} s")
