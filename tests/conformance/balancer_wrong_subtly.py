"""Balancers that are wrong where one does not look, in one way each."""

from typing import Final

from tests.conformance.balancer_edits import (
    CONTENT,
    FAILED,
    HOOK,
    INSTALL,
    NODES,
    VALIDATE,
    before_sync,
    validation,
)
from tests.conformance.wrong import Wrong

WRONG: Final = [
    Wrong(
        "aborts",
        "weight_zero_costs_no_other_node",
        "sync_file did not return: the worker has ended: killed by SIGABRT",
        NODES,
        "for n in cluster.nodes if n.weight or __import__('os').abort()]",
    ),
    Wrong(
        "exits while it validates",
        "bad_configs_are_refused_with_the_place",
        "the worker has ended: exited with status 3",
        VALIDATE,
        validation("'pth' in config and __import__('os')._exit(3); convert(config, Settings)"),
    ),
    Wrong(
        "names hosts only",
        "members_that_come_and_go_are_followed",
        "of 2 nodes, these stand in no file: 10.0.0.1, 10.0.0.2",
        "{n.ip} {n.host}",
        "{n.host} {n.host}",
    ),
    Wrong(
        "alters what it says it only compares",
        "the_same_snapshot_twice_changes_nothing",
        "the same snapshot again changed what is kept: hosts",
        HOOK,
        "\n    compares_clusters = True\n    former = sync_file\n"
        "\n    def sync_file(self, clusters):"
        "\n        [cluster.nodes.reverse() for cluster in clusters]"
        f"\n        return self.former(clusters)\n{HOOK}",
    ),
    Wrong(
        "compares counts",
        "members_that_come_and_go_are_followed",
        "of 3 nodes, these stand in no file: 10.0.0.3, 10.0.0.4",
        CONTENT,
        before_sync(
            "new = len(clusters); same, self.n = getattr(self, 'n', None) == new, new\n"
            "        if same:\n            return UNCHANGED"
        ),
    ),
    Wrong(
        "writes the same anew",
        "the_same_snapshot_twice_changes_nothing",
        "the same snapshot again wrote the same anew: hosts",
        INSTALL,
        f"{INSTALL}; Path(self.settings.path).write_bytes(content)",
    ),
    Wrong(
        "raises when it is closed",
        "close_leaves_nothing",
        "close did not end well: KeyError: 'gone'",
        HOOK,
        f"\n    def close(self):\n        raise KeyError('gone')\n{HOOK}",
    ),
    Wrong(
        "withholds tuples",
        "members_that_come_and_go_are_followed",
        "withheld: its list holds .'web', 'x', .... expected lighthouse.balancer.Withheld",
        HOOK,
        f"\n    def withheld(self):\n        return [('web', 'x', ())]\n{HOOK}",
    ),
    Wrong(
        "fails without a word",
        "a_failing_tool_leaves_what_served",
        "the tool failed and sync_file ended failed without a reason",
        FAILED,
        'return Outcome("failed")',
    ),
    Wrong(
        "calls a failure held",
        "a_failing_tool_leaves_what_served",
        "the tool failed and sync_file ended held, expected failed or degraded",
        FAILED,
        'return Outcome("held", str(error))',
    ),
]
