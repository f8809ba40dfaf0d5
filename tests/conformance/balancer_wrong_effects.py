"""Balancers that do wrong to what lies around them, in one way each."""

from typing import Final

from tests.conformance.balancer_edits import (
    CHECK,
    CONTENT,
    HOOK,
    INSTALL,
    PREVIEW,
    THREAD,
    before_sync,
)
from tests.conformance.wrong import Wrong

WRONG: Final = [
    Wrong(
        "previews nothing",
        "preview_tells_what_a_sync_does_and_touches_nothing",
        "preview says that nothing would be done, and there is",
        PREVIEW,
        "        return Preview()\n" + PREVIEW,
    ),
    Wrong(
        "syncs in its preview",
        "preview_tells_what_a_sync_does_and_touches_nothing",
        "preview touched .*hosts",
        PREVIEW,
        "        self.sync_file(clusters)\n" + PREVIEW,
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
        HOOK,
        "\n    def examine(self, clusters):"
        "\n        Path(self.settings.path + '.examined').write_text('')"
        f"\n        return ()\n{HOOK}",
    ),
    Wrong(
        "has a status that cannot be shown",
        "keeps_to_its_contract_while_it_works",
        "of what status returned, odd is no JSON value",
        HOOK,
        f"\n    def status(self):\n        return {{'odd': object()}}\n{HOOK}",
    ),
    Wrong(
        "opens and does not close",
        "nothing_is_held_that_grows",
        "12 more descriptors are held after 12 more syncs",
        CONTENT,
        before_sync("__import__('os').dup(1)"),
    ),
    Wrong(
        "leaves a thread",
        "close_leaves_nothing",
        "after close there is left: thread Thread-",
        CONTENT,
        before_sync(f"import threading; {THREAD}"),
    ),
    Wrong(
        "leaves a signal handler",
        "close_leaves_nothing",
        "after close there is left: signal handler SIGUSR1: ",
        CONTENT,
        before_sync("import signal; signal.signal(signal.SIGUSR1, lambda *_: None)"),
    ),
    Wrong(
        "leaves a process",
        "close_leaves_nothing",
        "after close there is left: process sleep 60",
        CONTENT,
        before_sync("self.kept = subprocess.Popen(['sleep', '60'])"),
    ),
    Wrong(
        "writes in place",
        "no_space_leaves_what_served",
        "a full disk harmed hosts",
        INSTALL,
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
        CHECK,
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
        CHECK,
        "            __import__('time').sleep(60)",
    ),
    Wrong(
        "does what its tool says",
        "a_lying_tool_leaves_what_served",
        "a tool that lies harmed hosts",
        CONTENT,
        before_sync("beside = Path(self.settings.path + '.in')").replace(
            "self.render(clusters)",
            "self.render(clusters); beside.write_bytes(content); content = subprocess.run("
            "[*self.settings.check, str(beside)], capture_output=True).stdout",
        ),
    ),
    Wrong(
        "writes in place, killed",
        "killed_at_any_system_call_the_same_snapshot_heals",
        "there is neither the old nor the new hosts",
        INSTALL,
        "written = Path(self.settings.path).write_bytes(content)",
    ),
    Wrong(
        "leaves files with names of their own",
        "killed_at_any_system_call_the_same_snapshot_heals",
        "and another sync there is left: .",
        INSTALL,
        "import os; b = Path(self.settings.path).with_name(f'.{os.getpid()}'); b.write_text('');"
        f" {INSTALL}; b.unlink()",
    ),
    Wrong(
        "leaves its lock",
        "killed_at_any_system_call_the_same_snapshot_heals",
        "sync_file ended failed.*FileExistsError",
        INSTALL,
        f"lock = Path(self.settings.path + '.lock'); lock.mkdir(); {INSTALL}; lock.rmdir()",
    ),
]
