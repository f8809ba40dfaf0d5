"""Balancers that take configs and snapshots wrongly, in one way each."""

from typing import Final

from tests.conformance.balancer_edits import (
    CONTENT,
    HOOK,
    NODES,
    SEEN,
    THREAD,
    VALIDATE,
    before_sync,
    validation,
)
from tests.conformance.wrong import Wrong

WRONG: Final = [
    Wrong(
        "starts a thread when it is imported",
        "loads_by_its_name_and_leaves_nothing_from_its_import",
        "importing the plugin left: thread",
        HOOK,
        f"\n\nimport threading\n{THREAD}{HOOK}",
    ),
    Wrong(
        "misspells a hook",
        "keeps_the_contract_to_the_letter",
        "did you mean",
        "def preview(self",
        "def previews(self",
    ),
    Wrong(
        "refuses what is good",
        "good_configs_and_sections_are_taken",
        "the good config number 1 is refused: never",
        VALIDATE,
        validation("raise ValueError('never')"),
    ),
    Wrong(
        "takes every config",
        "bad_configs_are_refused_with_the_place",
        "path: it is taken, expected ValueError",
        VALIDATE,
        validation("pass"),
    ),
    Wrong(
        "lets its validation break",
        "bad_configs_are_refused_with_the_place",
        "path: expected ValueError, the validation raised TypeError",
        VALIDATE,
        validation("Path(config['path'])"),
    ),
    Wrong(
        "does not say where",
        "bad_configs_are_refused_with_the_place",
        "path: the refusal does not name the place: something is wrong",
        VALIDATE,
        validation("raise ValueError('something is wrong')"),
    ),
    Wrong(
        "takes every section",
        "bad_sections_are_refused_with_the_place",
        "domain: it is taken, expected ValueError",
        "        convert(config, Section)",
        "        pass",
    ),
    Wrong(
        "writes while it validates",
        "a_bad_config_changes_nothing",
        "the bad config 'pth' changed what is kept: hosts.pth is new",
        VALIDATE,
        validation("SEEN; convert(config, Settings)".replace("SEEN", SEEN)),
    ),
    Wrong(
        "writes while it is asked",
        "examine_and_validation_write_nothing",
        "examine touched .*hosts.seen",
        VALIDATE,
        validation("Path(config['path'] + '.seen').touch(); convert(config, Settings)"),
    ),
    Wrong(
        "adds one config to the other",
        "config_a_then_b_then_a_equals_a",
        "after another config the first ends otherwise: hosts",
        'lines = ["# " + self.settings.header]',
        "self.seen = getattr(self, 'seen', '') + self.settings.header; lines = ['#' + self.seen]",
    ),
    Wrong(
        "keeps its first config",
        "a_config_after_another_equals_that_config_alone",
        "something of the former config has stayed: hosts",
        "        self.settings = convert(config, Settings)",
        "        self.settings = getattr(self, 'settings', None) or convert(config, Settings)",
    ),
    Wrong(
        "writes the time",
        "the_same_snapshot_twice_changes_nothing",
        "the same snapshot again changed what is kept",
        'lines = ["# " + self.settings.header]',
        "import time; lines = [str(time.monotonic_ns())]",
    ),
    Wrong(
        "always says applied",
        "the_same_snapshot_twice_changes_nothing",
        "ended applied, expected unchanged",
        "return APPLIED if written else UNCHANGED",
        "return APPLIED",
    ),
    Wrong(
        "keeps nodes that have gone",
        "any_order_of_snapshots_ends_in_the_same_bytes",
        "after other snapshots the same ends otherwise",
        CONTENT,
        before_sync("self.all = [*getattr(self, 'all', []), *clusters]; clusters = self.all"),
    ),
    Wrong(
        "writes in the order of a set",
        "another_process_writes_the_same_bytes",
        "another process writes other bytes: hosts",
        NODES,
        "for n in cluster.nodes]; lines = [*{*lines}]",
    ),
    Wrong(
        "serves the first node only",
        "members_that_come_and_go_are_followed",
        "of 2 nodes, these stand in no file: 10.0.0.2",
        NODES,
        "for n in cluster.nodes[:1]]",
    ),
    Wrong(
        "takes unknown for empty",
        "a_cluster_that_nobody_knows_keeps_what_serves",
        "a cluster that nobody knows was taken for empty: hosts",
        "class Own(Balancer):",
        "class Own(Balancer):\n    handles_unknown = True\n",
    ),
    Wrong(
        "leaves out what is stale",
        "stale_nodes_are_served",
        "of 2 nodes, these stand in no file: 10.0.0.1, 10.0.0.2",
        "if cluster.config is not None:",
        "if cluster.config is not None and not cluster.stale:",
    ),
    Wrong(
        "divides by a weight",
        "weight_zero_costs_no_other_node",
        "sync_file ended failed.*ZeroDivisionError",
        NODES,
        "for n in cluster.nodes if 256 // n.weight]",
    ),
    Wrong(
        "knows IPv4 only",
        "ipv6_nodes_are_served",
        "sync_file ended failed.*AddressValueError",
        NODES,
        "for n in cluster.nodes if __import__('ipaddress').IPv4Address(n.ip)]",
    ),
    Wrong(
        "wants a node",
        "none_one_and_ten_thousand_nodes",
        "sync_file ended failed.*IndexError",
        NODES,
        "for n in cluster.nodes if cluster.nodes] + [cluster.nodes[0].host]",
    ),
    Wrong(
        "counts to a thousand",
        "none_one_and_ten_thousand_nodes",
        "of 10000 nodes, these stand in no file: 10.0.",
        NODES,
        "for n in cluster.nodes[:1000]]",
    ),
    Wrong(
        "hands metadata to a shell",
        "hostile_metadata_harms_nothing",
        "a command in a node's metadata was run",
        CONTENT,
        before_sync(
            "[subprocess.run(f'true {v}', shell=True, capture_output=True)"
            " for c in clusters for n in c.nodes for v in n.metadata.values()]"
        ),
    ),
    Wrong(
        "computes what metadata says",
        "hostile_metadata_harms_nothing",
        "an expression in a node's metadata was computed",
        NODES,
        "for n in cluster.nodes] + [str(eval(v[3:14])) for n in cluster.nodes"
        " for v in n.metadata.values() if v[:3] == '{{ ']",
    ),
]
