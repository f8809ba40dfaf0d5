"""The sample tree under etc/ is one that works."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from lighthouse.config.schema.keys.cluster import CLUSTER
from lighthouse.config.schema.keys.daemon import DAEMON, PLUGIN, WORKER
from lighthouse.config.schema.keys.service import CHECK, SERVICE
from lighthouse.config.tree import Installed, Tree

SAMPLE = Path(__file__).parents[2] / "etc" / "lighthouse"
HOOKS = {
    "balancers": ("lighthouse.balancers", "lighthouse_balancer"),
    "discovery": ("lighthouse.discovery", "lighthouse_discovery"),
}
MANUAL = Path(__file__).parents[2] / "docs" / "configuration.md"
MIGRATION = MANUAL.with_name("migration.md")


def load(root: Path) -> Tree:
    tree = Tree(root, Installed.here())
    tree.load()
    return tree


def test_the_sample_loads_without_faults() -> None:
    tree = load(SAMPLE)
    assert [str(fault) for fault in tree.faults] == []
    assert tree.config.clusters["webapp"].sections["haproxy"]["port"] == 8000
    assert tree.config.services["webapp"].checks[0].plugin == "http"
    assert tree.config.logging is not None
    files = {str(path.relative_to(SAMPLE)) for path in SAMPLE.rglob("*.yaml")}
    assert set(tree.texts) == files


@pytest.mark.parametrize("path", sorted(SAMPLE.rglob("*.yaml")), ids=lambda path: path.name)
def test_what_the_sample_has_commented_out_is_right_too(tmp_path: Path, path: Path) -> None:
    text = re.sub(r"^( *)#(?=[a-z_]+: )", r"\1", path.read_text(), flags=re.MULTILINE)
    text = text.replace("user: lighthouse", "user: root")
    for other in SAMPLE.rglob("*.yaml"):
        copy = tmp_path / other.relative_to(SAMPLE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text if other == path else other.read_text())
    assert [str(fault) for fault in load(tmp_path).faults] == []


@pytest.mark.parametrize("example", sorted(SAMPLE.rglob("*.example")), ids=lambda path: path.name)
def test_what_is_to_be_renamed_is_right(example: Path) -> None:
    """As it is, and with what is commented out."""
    group, hook = HOOKS[example.parent.name]
    (plugin,) = entry_points(group=group, name=example.name.split(".")[0])
    kind = getattr(plugin.load(), hook)()
    text = example.read_text()
    for content in (text, re.sub(r"^#(?=[a-z_]+: )", "", text, flags=re.MULTILINE)):
        kind.validate_config(yaml.safe_load(content))


@pytest.mark.parametrize("manual", [MANUAL, MIGRATION], ids=lambda path: path.name)
def test_the_examples_of_the_manual_load(tmp_path: Path, manual: Path) -> None:
    found = re.findall(
        r"```yaml\n# ([a-z]+/?[a-z]*\.yaml)[^\n]*\n(.*?)```", manual.read_text(), re.DOTALL
    )
    assert len(found) > 3
    for name, text in found:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    faults = load(tmp_path).faults
    assert [str(fault) for fault in faults if not fault.warning] == []


def test_the_manual_names_every_key() -> None:
    manual = MANUAL.read_text()
    for table in (DAEMON, WORKER, PLUGIN, CLUSTER, SERVICE, CHECK):
        for key in table.keys:
            assert f"`{key}`" in manual, key
