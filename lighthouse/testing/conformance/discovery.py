"""The suite that a discovery passes."""

from lighthouse.testing.conformance.discovery_readings import DiscoveryReadingRules
from lighthouse.testing.conformance.discovery_registrations import DiscoveryRegistrationRules


class DiscoveryConformance(DiscoveryReadingRules, DiscoveryRegistrationRules):
    """Subclass this in a test file, name the plugin, and let the tests write into its source::

        from lighthouse.testing import DiscoveryConformance


        class TestTable(DiscoveryConformance):
            plugin = "table"

            def config(self, directory):
                return {"path": str(directory / "table.json"), "every": 0.05}

            def bad_configs(self, directory):
                return {"path": {"path": 5}}

            def put(self, directory, cluster, *nodes):
                records = [{"ip": node.ip, "port": node.port} for node in nodes]
                (directory / "table.json").write_text(json.dumps({cluster: records}))

            def interrupt(self, directory):
                (directory / "table.json").rename(directory / "away")

            def resume(self, directory):
                (directory / "away").rename(directory / "table.json")

    ``directory`` is empty at the start of each test; a source that is a server is started by a
    fixture of the test file, and told apart by the directory's name. Where services can be
    registered (not ``read_only``), ``standing`` tells which nodes stand in the source.

    What a plugin may tell besides:

    * ``spoil(directory, cluster)``: put records beside the nodes that are none.
    * ``forget(directory)``: have the source forget what was registered through a connection.
    * ``outage``: seconds that a source is away in a test; ``patience``: how long a change may
      take to be read.
    """
