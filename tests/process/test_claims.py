"""Two balancers of one directory, file or address: ``check`` names both, at the second one."""

from pathlib import Path
from typing import Any

import pytest

from tests.fleet import running


@pytest.mark.needs("envoy")
def test_check_names_both_balancers_that_claim_one_thing(tmp_path: Path) -> None:
    kept = str(tmp_path / "kept")
    zone: dict[str, Any] = {"plugin": "dns", "zone": "lh.internal"}
    balancers: dict[str, dict[str, Any]] = {
        "envoy": {"directory": kept},
        "hosts": {"plugin": "template", "files": [{"path": f"{kept}/hosts", "template": ""}]},
        "mesh": {"plugin": "envoy", "directory": f"{kept}/"},
        "names": {**zone, "state_file": str(tmp_path / "names.json")},
        "zone": {**zone, "state_file": str(tmp_path / "names.json"), "listen": ["127.0.0.1:8053"]},
    }
    with running(tmp_path / "fleet") as fleet:
        for name, config in balancers.items():
            fleet.write(f"balancers/{name}.yaml", config)
        done = fleet.lighthouse("check")
    assert done.returncode == 1
    theirs = f"belongs to balancers/envoy.yaml, as its 'directory' ({kept}), already: the two "
    undone = "would undo each other's"
    assert [line for line in done.stdout.splitlines() if "already" in line] == [
        f"balancers/hosts.yaml:2:3: files.0.path: {kept}/hosts {theirs}{undone} work; give this "
        "one a file of its own",
        f"balancers/mesh.yaml:1:1: directory: {kept} belongs to balancers/envoy.yaml, as its "
        f"'directory', already: the two {undone} files; give this one a directory of its own",
        "balancers/zone.yaml:2:3: listen.0: 127.0.0.1:8053 belongs to balancers/names.yaml, as "
        "its 'listen.0', already: only one of them can listen there; give this one another "
        "address or port",
        f"balancers/zone.yaml:4:1: state_file: {tmp_path}/names.json belongs to "
        f"balancers/names.yaml, as its 'state_file', already: the two {undone} work; give this "
        "one a file of its own",
    ]
