"""``lighthouse schema``: plugins' own parts, each asked in a worker process."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.fleet import Fleet

TYPED = '''import os
import msgspec
from lighthouse import hookimpl
from lighthouse.balancer import Balancer

class Settings(msgspec.Struct):
    """``colour`` is what it shows."""

    colour: str
    size: int = 1

class Own(Balancer):
    settings_type = Settings

    def sync_file(self, clusters):
        pass

@hookimpl
def lighthouse_balancer():
    with open(os.environ["LH_SEEN"], "a") as file:
        file.write(f"{os.getpid()}\\n")
    return Own
'''
SAMPLE = Path(__file__).parents[2] / "etc" / "lighthouse"


def schema(fleet: Fleet, *words: str) -> tuple[dict[str, Any], str]:
    done = fleet.bare("schema", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(found)
    return found, done.stderr


def test_a_plugin_says_its_keys_in_a_process_of_its_own(fleet: Fleet, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    fleet.env["LH_SEEN"] = str(seen)
    fleet.plugin("typed", TYPED)
    found, told = schema(fleet, "balancer", "typed")
    assert told == ""
    assert found["properties"]["colour"] == {
        "type": "string",
        "description": "colour is what it shows.",
    }
    valid = jsonschema.Draft202012Validator(found).is_valid
    assert valid({"colour": "red", "worker": {"memory": "1G"}, "plugin": "typed"})
    for wrong in ({}, {"colour": 1}, {"colour": "red", "sise": 2}, {"colour": "", "worker": 5}):
        assert not valid(wrong)
    (pid,) = seen.read_text().split()
    assert not os.path.exists(f"/proc/{pid}")
    fleet.write("balancers/typed.yaml", {"colour": "red", "sise": 2})
    checked = fleet.lighthouse("check").stdout
    assert "balancers/typed.yaml:2:1: sise: unknown key 'sise'; did you mean 'size'?" in checked


def test_a_broken_plugin_costs_its_part_only(fleet: Fleet) -> None:
    fleet.plugin("broken", "raise KeyError('of its own')\n")
    found, told = schema(fleet, "balancer", "broken")
    assert "lighthouse: balancer broken: any key is let pass, since it cannot say which" in told
    assert "KeyError: 'of its own'" in told
    valid = jsonschema.Draft202012Validator(found).is_valid
    assert valid({"whatever": 1})
    assert not valid({"whatever": 1, "worker": {"memry": "1G"}})


def test_the_kinds_are_listed_and_others_refused(fleet: Fleet) -> None:
    listed = fleet.bare("schema").stdout.splitlines()
    assert {"lighthouse", "balancer haproxy", "discovery etcd", "cluster"} <= {*listed}
    assert "balancer recorder" in listed
    unknown = fleet.bare("schema", "balancer", "haprxy")
    assert unknown.returncode == 1
    assert "no balancer plugin haprxy is installed; did you mean 'haproxy'?" in unknown.stderr


@pytest.mark.slow
def test_all_are_written_and_the_sample_is_valid_by_them(fleet: Fleet, tmp_path: Path) -> None:
    fleet.plugin("broken", "raise KeyError\n")
    place = tmp_path / "schemas"
    done = fleet.bare("schema", "--write", str(place))
    assert done.returncode == 0
    assert "balancer broken: " in done.stderr
    names = {path.stem for path in place.iterdir()}
    assert {"lighthouse", "logging", "cluster", "service", "balancer-broken"} <= names
    kinds = {"clusters": "cluster", "services": "service"}
    for file in SAMPLE.rglob("*.yaml"):
        directory = file.parent.name
        stem = file.stem if directory == "lighthouse" else kinds.get(directory, "")
        name = stem or f"{directory.removesuffix('s')}-{file.stem}"
        if (place / f"{name}.json").exists():
            jsonschema.validate(
                yaml.safe_load(file.read_text()), json.loads((place / f"{name}.json").read_text())
            )
