"""The drop-in for a unit of systemd: its own commands, in the order in which systemd runs them."""

import re
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lighthouse.net.connections import connections
from tests.fleet import Fleet, get
from tests.ports import free_port
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests/program.py"


def words(directive: str) -> list[str]:
    """A command of the drop-in without what finds ``lighthouse``, for the service ``solo``."""
    text = (ROOT / "etc/systemd/lighthouse-drain.conf").read_text()
    (line,) = re.findall(rf"^{directive}=\+-/usr/bin/env lighthouse (.*)$", text, re.MULTILINE)
    return shlex.split(line.replace("${LIGHTHOUSE_SERVICE}", "solo"))


def test_a_unit_is_out_before_it_stops_and_in_again_when_it_is_well(fleet: Fleet) -> None:
    """Its check would take a minute to see that it fails."""
    port = free_port()
    check = {"interval": 0.3, "tcp": {"fall": 200}}
    content = {"name": "solo", "port": port, "discovery": "files", "checks": check}
    fleet.write("services/solo.yaml", content)
    line = [sys.executable, str(PROGRAM), str(port)]
    stop, start = words("ExecStop"), words("ExecStartPost")
    assert fleet.lighthouse(*stop).returncode == 3, "without a daemon it keeps nobody"
    fleet.start()
    first = subprocess.Popen(line)
    try:
        assert fleet.lighthouse(*start).returncode == 0
        assert [*(fleet.nodes / "solo").glob("*.json")]
        with ThreadPoolExecutor(1) as beside:
            slow = beside.submit(get, port, "/slow")
            eventually(lambda: any(each.bytes for each in connections([port])))
            stopped = fleet.lighthouse(*stop)
            assert (stopped.returncode, stopped.stderr) == (0, "")
            assert slow.done()
            assert slow.result()[0] == 200
        assert [*(fleet.nodes / "solo").glob("*.json")] == []
    finally:
        first.send_signal(signal.SIGTERM)
        first.wait(10)
    late = fleet.lighthouse("up", "solo", "--wait", "--timeout", "0.5")
    assert late.returncode == 1
    assert f"not registered within 0.5 s: port {port}: tcp: " in late.stderr
    second = subprocess.Popen([*line, "0.5"])
    try:
        assert fleet.lighthouse(*start).returncode == 0
        assert get(port)[0] == 200
        assert [*(fleet.nodes / "solo").glob("*.json")]
    finally:
        second.kill()
        second.wait()
