"""A balancer that is right, and what makes it wrong in one way each."""

from typing import Final

from tests.conformance.wrong import Wrong

RIGHT: Final = """
import difflib
import subprocess
from pathlib import Path

import msgspec

from lighthouse import hookimpl
from lighthouse.balancer import APPLIED, UNCHANGED, Balancer, Outcome, Preview
from lighthouse.files import FileTarget, NotActivated, Refused
from lighthouse.schema import convert


class Settings(msgspec.Struct, frozen=True):
    path: str
    header: str = "kept"
    check: tuple[str, ...] = ("true",)


class Section(msgspec.Struct, frozen=True):
    domain: str


class Own(Balancer):
    @classmethod
    def validate_config(cls, config):
        convert(config, Settings)

    @classmethod
    def validate_cluster_config(cls, config):
        convert(config, Section)

    def apply_config(self, config):
        self.settings = convert(config, Settings)
        self.target = FileTarget(self.settings.path, self.validate)

    def validate(self, candidate):
        command = [*self.settings.check, str(candidate)]
        try:
            subprocess.run(command, check=True, timeout=1, capture_output=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise Refused(str(error)) from error

    def sync_file(self, clusters):
        content = self.render(clusters)
        try:
            written = self.target.install(content)
        except Refused as error:
            return Outcome("failed", str(error))
        return APPLIED if written else UNCHANGED

    def render(self, clusters):
        lines = ["# " + self.settings.header]
        for cluster in clusters:
            if cluster.config is not None:
                lines += [f"{n.ip} {n.host}.{cluster.config['domain']}" for n in cluster.nodes]
        return ("\\\\n".join(lines) + "\\\\n").encode()

    def preview(self, clusters):
        old = (self.target.read() or b"").decode().splitlines()
        new = self.render(clusters).decode().splitlines()
        return Preview("\\\\n".join(difflib.unified_diff(old, new, lineterm="")))


@hookimpl
def lighthouse_balancer():
    return Own
""".replace("\\\\n", "\\n")


_HOOK: Final = "\n\n@hookimpl"
_VALIDATE: Final = "        convert(config, Settings)\n\n    @classmethod"
_CONTENT: Final = "        content = self.render(clusters)\n"
_INSTALL: Final = "written = self.target.install(content)"
_NODES: Final = "for n in cluster.nodes]"
_PREVIEW: Final = "        old = (self.target.read()"
_FAILED: Final = 'return Outcome("failed", str(error))'
_CHECK: Final = "            raise Refused(str(error)) from error"


def _validation(code: str) -> str:
    return f"        {code}\n\n    @classmethod"


def _before_sync(code: str) -> str:
    return f"        {code}\n{_CONTENT}"


_SEEN: Final = (
    "Path(str(config['path']) + '.' + max(config)).write_text('!') if 'pth' in config else None"
)
_THREAD: Final = "threading.Thread(target=threading.Event().wait, daemon=True).start()"

WRONG: Final = [
    Wrong(
        "starts a thread when it is imported",
        "loads_by_its_name_and_leaves_nothing_from_its_import",
        "importing the plugin left: thread",
        _HOOK,
        f"\n\nimport threading\n{_THREAD}{_HOOK}",
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
        _VALIDATE,
        _validation("raise ValueError('never')"),
    ),
    Wrong(
        "takes every config",
        "bad_configs_are_refused_with_the_place",
        "path: it is taken, expected ValueError",
        _VALIDATE,
        _validation("pass"),
    ),
    Wrong(
        "lets its validation break",
        "bad_configs_are_refused_with_the_place",
        "path: the validation raised TypeError.*expected ValueError",
        _VALIDATE,
        _validation("Path(config['path'])"),
    ),
    Wrong(
        "does not say where",
        "bad_configs_are_refused_with_the_place",
        "path: the refusal does not name the place: something is wrong",
        _VALIDATE,
        _validation("raise ValueError('something is wrong')"),
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
        _VALIDATE,
        _validation("SEEN; convert(config, Settings)".replace("SEEN", _SEEN)),
    ),
    Wrong(
        "writes while it is asked",
        "examine_and_validation_write_nothing",
        "examine touched .*hosts.seen",
        _VALIDATE,
        _validation("Path(config['path'] + '.seen').touch(); convert(config, Settings)"),
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
        _CONTENT,
        _before_sync("self.all = [*getattr(self, 'all', []), *clusters]; clusters = self.all"),
    ),
    Wrong(
        "serves the first node only",
        "members_that_come_and_go_are_followed",
        "of 2 nodes, these stand in no file: 10.0.0.2",
        _NODES,
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
        _NODES,
        "for n in cluster.nodes if 256 // n.weight]",
    ),
    Wrong(
        "knows IPv4 only",
        "ipv6_nodes_are_served",
        "sync_file ended failed.*AddressValueError",
        _NODES,
        "for n in cluster.nodes if __import__('ipaddress').IPv4Address(n.ip)]",
    ),
    Wrong(
        "wants a node",
        "none_one_and_ten_thousand_nodes",
        "sync_file ended failed.*IndexError",
        _NODES,
        "for n in cluster.nodes if cluster.nodes] + [cluster.nodes[0].host]",
    ),
    Wrong(
        "counts to a thousand",
        "none_one_and_ten_thousand_nodes",
        "of 10000 nodes, these stand in no file: 10.0.",
        _NODES,
        "for n in cluster.nodes[:1000]]",
    ),
    Wrong(
        "hands metadata to a shell",
        "hostile_metadata_harms_nothing",
        "a command in a node's metadata was run",
        _CONTENT,
        _before_sync(
            "[subprocess.run(f'true {v}', shell=True, capture_output=True)"
            " for c in clusters for n in c.nodes for v in n.metadata.values()]"
        ),
    ),
    Wrong(
        "computes what metadata says",
        "hostile_metadata_harms_nothing",
        "an expression in a node's metadata was computed",
        _NODES,
        "for n in cluster.nodes] + [str(eval(v[3:14])) for n in cluster.nodes"
        " for v in n.metadata.values() if v[:3] == '{{ ']",
    ),
    Wrong(
        "previews nothing",
        "preview_tells_what_a_sync_does_and_touches_nothing",
        "preview says that nothing would be done, and there is",
        _PREVIEW,
        "        return Preview()\n" + _PREVIEW,
    ),
    Wrong(
        "syncs in its preview",
        "preview_tells_what_a_sync_does_and_touches_nothing",
        "preview touched .*hosts",
        _PREVIEW,
        "        self.sync_file(clusters)\n" + _PREVIEW,
    ),
    Wrong(
        "previews something else",
        "preview_tells_what_a_sync_does_and_touches_nothing",
        "preview is not what the sync did: the line .* was not written",
        "        new = self.render(clusters).decode().splitlines()",
        "        new = self.render(clusters).decode().replace(' ', '   ').splitlines()",
    ),
    Wrong(
        "previews work for ever",
        "preview_tells_what_a_sync_does_and_touches_nothing",
        "preview tells of work when all is done",
        'return Preview("',
        'return Preview(reload="again", diff="',
    ),
    Wrong(
        "examines with a file",
        "examine_and_validation_write_nothing",
        "examine touched .*hosts.examined",
        _HOOK,
        "\n    def examine(self, clusters):"
        "\n        Path(self.settings.path + '.examined').write_text('')"
        f"\n        return ()\n{_HOOK}",
    ),
    Wrong(
        "opens and does not close",
        "nothing_is_held_that_grows",
        "12 more descriptors are held after 12 more syncs",
        _CONTENT,
        _before_sync("__import__('os').dup(1)"),
    ),
    Wrong(
        "leaves a thread",
        "close_leaves_nothing",
        "after close there is left: thread Thread-",
        _CONTENT,
        _before_sync(f"import threading; {_THREAD}"),
    ),
    Wrong(
        "leaves a signal handler",
        "close_leaves_nothing",
        "after close there is left: signal handler SIGUSR1: ",
        _CONTENT,
        _before_sync("import signal; signal.signal(signal.SIGUSR1, lambda *_: None)"),
    ),
    Wrong(
        "leaves a process",
        "close_leaves_nothing",
        "after close there is left: process sleep 60",
        _CONTENT,
        _before_sync("self.kept = subprocess.Popen(['sleep', '60'])"),
    ),
    Wrong(
        "writes in place",
        "no_space_leaves_what_served",
        "a full disk harmed hosts",
        _INSTALL,
        "written = Path(self.settings.path).write_bytes(content)",
    ),
    Wrong(
        "says nothing of a full disk",
        "no_space_leaves_what_served",
        "a full disk: sync_file ended unchanged though it is not done",
        "except Refused as error:",
        "except OSError:\n            return UNCHANGED\n        except Refused as error:",
    ),
    Wrong(
        "says nothing of missing rights",
        "no_permission_leaves_what_served",
        "a directory without permission: sync_file ended unchanged though it is not done",
        "except Refused as error:",
        "except OSError:\n            return UNCHANGED\n        except Refused as error:",
    ),
    Wrong(
        "does not look at how its tool ended",
        "a_failing_tool_leaves_what_served",
        "the tool failed and sync_file ended applied",
        _CHECK,
        "            pass",
    ),
    Wrong(
        "waits for its tool without a file",
        "a_hanging_tool_leaves_what_served",
        "a tool that hangs harmed hosts",
        "        command = [*self.settings.check, str(candidate)]",
        "        Path(self.settings.path).unlink(missing_ok=True)\n"
        "        command = [*self.settings.check, str(candidate)]",
    ),
    Wrong(
        "waits for its tool for ever",
        "a_failing_tool_leaves_what_served",
        "with a tool that fails sync_file does not return",
        _CHECK,
        "            __import__('time').sleep(60)",
    ),
    Wrong(
        "does what its tool says",
        "a_lying_tool_leaves_what_served",
        "a tool that lies harmed hosts",
        _CONTENT,
        _before_sync("beside = Path(self.settings.path + '.in')").replace(
            "self.render(clusters)",
            "self.render(clusters); beside.write_bytes(content); content = subprocess.run("
            "[*self.settings.check, str(beside)], capture_output=True).stdout",
        ),
    ),
    Wrong(
        "writes in place, killed",
        "killed_at_any_system_call_the_same_snapshot_heals",
        "there is neither the old nor the new hosts",
        _INSTALL,
        "written = Path(self.settings.path).write_bytes(content)",
    ),
    Wrong(
        "leaves files with names of their own",
        "killed_at_any_system_call_the_same_snapshot_heals",
        "and another sync there is left: .",
        _INSTALL,
        "import os; b = Path(self.settings.path).with_name(f'.{os.getpid()}'); b.write_text('');"
        f" {_INSTALL}; b.unlink()",
    ),
    Wrong(
        "leaves its lock",
        "killed_at_any_system_call_the_same_snapshot_heals",
        "sync_file ended failed.*FileExistsError",
        _INSTALL,
        f"lock = Path(self.settings.path + '.lock'); lock.mkdir(); {_INSTALL}; lock.rmdir()",
    ),
]
