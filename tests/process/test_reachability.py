"""A service that only its own host can reach, and is told to all."""

import socket
from pathlib import Path

from tests.fleet import running
from tests.waiting import eventually


def test_a_service_that_listens_for_its_own_host_only_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as fleet, socket.create_server(("127.0.0.1", 0)) as narrow:
        port = narrow.getsockname()[1]
        (fleet.config / "balancers/haproxy.yaml").unlink()
        service = {"port": port, "discovery": "files", "checks": {"tcp": {}}}
        fleet.write("services/web.yaml", {**service, "advertise": "192.0.2.7"})
        told = (
            f"port {port} is listened to at 127.0.0.1 only, and 192.0.2.7 is what others are told"
        )
        checked = fleet.lighthouse("check")
        assert checked.returncode == 0
        assert checked.stdout.startswith("services/web.yaml:")
        assert f"warning: {told}" in checked.stdout
        fleet.start()
        eventually(lambda: fleet.status()["services"][0]["up"])
        assert f"service web: {told}" in "".join(fleet.status()["problems"])
        assert told in " ".join(fleet.lighthouse("status").stdout.split())
        narrow.close()
        with socket.create_server(("0.0.0.0", port)):
            eventually(lambda: fleet.status()["healthy"])
            assert fleet.lighthouse("check").stdout.endswith("files good\n")
        fleet.close()
        assert fleet.leftovers() == []
