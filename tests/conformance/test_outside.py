"""A plugin from outside: made, installed, upgraded and removed while HAProxy serves."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lighthouse.commands import main
from lighthouse.testing import HostTree
from tests.backends import serving
from tests.conformance.environment import Environment
from tests.fleet import Traffic, get
from tests.ports import free_port
from tests.software.haproxy_world import BINARIES, World

DISTRIBUTION = "lighthouse-members"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """What ``lighthouse new-plugin`` makes."""
    package = tmp_path / "package"
    words = ["new-plugin", "members", "--kind", "balancer", "--dir", str(package)]
    made = CliRunner().invoke(main, words)
    assert made.exit_code == 0, made.output
    return package


def upgrade(package: Path) -> None:
    """Version 0.2.0, which writes another first line."""
    for name, old, new in (
        ("pyproject.toml", "0.1.0", "0.2.0"),
        ("src/lighthouse_members/__init__.py", "# kept by lighthouse", "# the second version"),
    ):
        path = package / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def configure(tree: HostTree, world: World, port: int, out: Path) -> None:
    """HAProxy, and beside it the plugin that is not installed yet."""
    tree.write("balancers/haproxy.yaml", world.config)
    tree.write("balancers/members.yaml", {"path": str(out)})
    section = {"port": port, "backend": ["mode http"]}
    cluster = {"discovery": "nodes", "haproxy": section, "members": {"label": "web"}}
    tree.write("clusters/web.yaml", cluster)


def installed_upgraded_removed(
    tree: HostTree, environment: Environment, package: Path, out: Path
) -> None:
    """The plugin's life, as ``reload`` tells the daemon of it."""
    told = str(tree.worker("members"))
    assert "no balancer plugin 'members' is installed" in told, told
    environment.install(package)
    tree.reload()
    tree.wait(lambda: out.read_text().startswith("# kept by lighthouse\nweb 127."))
    first = tree.worker("members")["pid"]

    upgrade(package)
    environment.install(package)
    tree.wait(lambda: "0.2.0 is installed" in tree.worker("members")["outdated"])
    tree.reload()
    tree.wait(lambda: out.read_text().startswith("# the second version\n"))
    assert tree.worker("members")["pid"] != first
    tree.wait(lambda: not tree.worker("members")["outdated"])

    environment.uninstall(DISTRIBUTION)
    tree.reload()
    gone = "its plugin is not installed any more"
    tree.wait(lambda: gone in tree.worker("members")["outdated"])
    assert gone in tree.command("plugins").stdout
    (fault,) = tree.status()["supervisor"]["config_errors"]
    assert "balancer plugin 'members' is not installed" in fault["message"]
    assert out.read_text().startswith("# the second version\n"), "what serves stays"


@pytest.mark.slow
def test_a_plugin_from_outside(tmp_path: Path, package: Path, lighthouse_tree: HostTree) -> None:
    tree, environment = lighthouse_tree, Environment(tmp_path / "environment")
    tree.python = str(environment.python)
    world, port = World(tmp_path, BINARIES["wheel"]), free_port()
    configure(tree, world, port, tmp_path / "members.conf")
    with serving(2) as (one, two):
        tree.put_node("web", f"127.0.0.1:{one.port}")
        tree.start()
        try:
            tree.wait(lambda: get(port)[0] == 200)
            haproxy = tree.worker("haproxy")["pid"]
            with Traffic(port) as traffic:
                installed_upgraded_removed(tree, environment, package, tmp_path / "members.conf")
                tree.put_node("web", f"127.0.0.1:{two.port}")
                tree.wait(lambda: {get(port)[1] for _ in range(8)} == {one.name, two.name})
            assert traffic.failures == []
            assert traffic.requests > 50
            assert tree.worker("haproxy")["pid"] == haproxy
            assert tree.stop() == 0
        finally:
            tree.close()
            world.close()
