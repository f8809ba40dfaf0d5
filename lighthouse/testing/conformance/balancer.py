"""The suite that a balancer passes."""

from lighthouse.testing.conformance.balancer_configs import BalancerConfigRules
from lighthouse.testing.conformance.balancer_effects import BalancerEffectRules
from lighthouse.testing.conformance.balancer_faults import BalancerFaultRules
from lighthouse.testing.conformance.balancer_kills import BalancerKillRules
from lighthouse.testing.conformance.balancer_snapshots import BalancerSnapshotRules


class BalancerConformance(
    BalancerConfigRules,
    BalancerSnapshotRules,
    BalancerEffectRules,
    BalancerFaultRules,
    BalancerKillRules,
):
    """Subclass this in a test file, name the plugin, and give it configs::

        from lighthouse.testing import BalancerConformance


        class TestHosts(BalancerConformance):
            plugin = "hosts"
            section = {"domain": "web.test"}
            bad_sections = {"domain": {"domain": 1}}

            def configs(self, directory):
                path = str(directory / "hosts")
                return [{"path": path}, {"path": path, "header": "other"}]

            def bad_configs(self, directory):
                return {"path": {"path": 5}, "pth": {"pth": "x"}}

    Every test then drives the plugin as the daemon does: loaded by its entry point, in a
    worker process of its own, through the daemon's own loop and messages. ``directory`` is
    empty at the start of each test, and all that the plugin keeps has to be below it.

    What a plugin may tell besides, each with a default:

    * ``section``: what a cluster's file says to the plugin, None if nothing;
      ``section_for(name)`` where no two clusters may say the same (a port).
    * ``kept(directory)``: the files to compare. By default all below the directory whose names
      do not begin with a dot. Leave out logs and pid files.
    * ``served(directory)``: what the software serves, for one that is asked and not read.
    * ``settle``: seconds until the files are as they stay, for a plugin that writes later.
    * ``stop(host)``: end the software that the plugin starts (in ``host.directory``).
    * ``with_tool(directory, tool)``: the first config with ``tool`` as the command that checks
      or reloads; tests have it fail, hang and lie. ``real_tool`` is what it does otherwise.
    * ``names_nodes = False``: the files name no addresses, so that none are sought in them.
    * ``patience``: seconds that a call may take; ``kills``: how often the worker is killed.

    A single rule that is not meant for a plugin is overridden with the reason::

            def test_ipv6_nodes_are_served(self, host):
                pytest.skip("the software speaks IPv4 only")
    """
