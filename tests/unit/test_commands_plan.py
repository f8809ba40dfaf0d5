"""What ``plan`` prints, and what a state is told of the nodes for it."""

import json

import click
import pytest

from lighthouse.cluster import Cluster
from lighthouse.commands.offline.last_members import LastMembers, unknown
from lighthouse.commands.offline.trial import NOBODY
from lighthouse.commands.output.preview import Outlook, document, lines
from lighthouse.config.fault import Fault
from lighthouse.config.schema.policy import Policy
from lighthouse.config.schema.types import ClusterFile, Config
from lighthouse.discovery import Reading
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.membership.memberships import View
from lighthouse.node import Node
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import SavedCluster

A, B, C = (Node(name, f"10.0.0.{n}", 80) for n, name in enumerate("abc", 1))

HEADLINES = [
    (Rehearsal(), "nothing to do"),
    (Rehearsal(commands=("x",)), "1 command, no reload"),
    (Rehearsal(commands=("x", "y")), "2 commands, no reload"),
    (Rehearsal(diff="+x\n"), "the file changes, no reload"),
    (Rehearsal(reload="new bind"), "reload: new bind"),
    (Rehearsal("+x\n", ("x",), "new\nbind"), "1 command, the file changes, reload: new\\nbind"),
    (Rehearsal(reason="gone\x1b"), "cannot tell: gone\\x1b"),
    (Rehearsal(waits="for web"), "waits: for web"),
    (Rehearsal(previews=False), "cannot tell: the plugin 'haproxy' has no preview"),
]


@pytest.mark.parametrize(("rehearsal", "headline"), HEADLINES)
def test_the_headline_says_it_all(rehearsal: Rehearsal, headline: str) -> None:
    first, *_ = lines(Outlook("web", "haproxy", rehearsal))
    assert click.unstyle(first) == f"web: {headline}"
    assert Outlook("web", "haproxy", rehearsal).busy == (headline[:3] not in ("not", "can", "wai"))


def test_a_diff_is_coloured_and_cannot_move_the_cursor() -> None:
    diff = "--- a\n+++ b\n@@ -1 +1 @@\n \tsame\n-old\x0b\n+new\x1b[2J\n"
    shown = list(lines(Outlook("web", "haproxy", Rehearsal(diff, ("set\x9b",)))))[1:]
    assert [click.unstyle(line) for line in shown] == [
        "  set\\x9b",
        *("--- a", "+++ b", "@@ -1 +1 @@", " \tsame", "-old\\x0b", "+new\\x1b[2J"),
    ]
    assert [line[:5] for line in shown[3:]] == ["\x1b[36m", " \tsam", "\x1b[31m", "\x1b[32m"]


def test_the_document_has_all_of_it() -> None:
    fault = Fault("balancers/web.yaml", 2, 3, "odd", warning=True)
    outlooks = [Outlook("web", "haproxy", Rehearsal("+x\n", ("set",), "new bind"), (fault,))]
    assert json.loads(document(outlooks, [fault], LastMembers(()), ["api"], 0.0)) == {
        "version": 1,
        "members": {"source": "daemon", "of": "", "age_seconds": None, "unknown": ["api"]},
        "faults": [
            {
                "file": "balancers/web.yaml",
                "line": 2,
                "column": 3,
                "message": "odd",
                "warning": True,
            }
        ],
        "balancers": [
            {
                "name": "web",
                "plugin": "haproxy",
                "reload": "new bind",
                "commands": ["set"],
                "diff": "+x\n",
                "error": "",
                "waits": "",
            }
        ],
    }


TOLD = [
    (LastMembers(None), View()),
    (LastMembers(()), View()),
    (LastMembers((Cluster("web", [A, B], observed_at=5.0),)), View((A, B), True, False)),
    (LastMembers((Cluster("web", [A], stale=True),)), View((A,), True, True)),
    (LastMembers((Cluster("web", [], known=True),)), View((), True, False)),
    (LastMembers((Cluster("web", known=False), Cluster("elsewhere", [A]))), View()),
    (
        LastMembers(
            None, {"web": SavedCluster({"files": Reading((A,)), "more": Reading((C,))}, 7.0)}
        ),
        View((A, C), True, True),
    ),
]


@pytest.mark.parametrize(("members", "view"), TOLD)
def test_a_state_is_told_what_is_known_of_the_nodes(members: LastMembers, view: View) -> None:
    config = Config(
        clusters={"web": ClusterFile("web", ("files", "more"), None, Policy(), {}, "")}
    )
    state = State(config, NOBODY, {})
    members.tell(state, config, 100.0)
    assert state.memberships.views["web"] == view
    assert unknown(state) == ([] if view.known else ["web"])


def test_what_is_remembered_has_an_age() -> None:
    assert LastMembers(()).age(9.0) is None
    assert LastMembers(None).age(9.0) is None
    old = LastMembers(None, {"a": SavedCluster({}, 10.0), "b": SavedCluster({}, 30.0)})
    assert (old.origin, old.age(100.0)) == ("state", 70.0)
    assert old.age(5.0) == 0.0
