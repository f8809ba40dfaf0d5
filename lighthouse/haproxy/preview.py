"""What a sync would do, found out without doing any of it."""

import difflib
from collections.abc import Sequence

from lighthouse.balancer import Preview
from lighthouse.cluster import Cluster
from lighthouse.files import FileTarget
from lighthouse.haproxy.instance import Instance
from lighthouse.haproxy.ladder import climb
from lighthouse.haproxy.membership import Membership
from lighthouse.haproxy.process import find_binary
from lighthouse.haproxy.recover import recover
from lighthouse.haproxy.render import text_of
from lighthouse.haproxy.settings import Settings
from lighthouse.haproxy.wish import Wish, difference


def preview(settings: Settings, clusters: Sequence[Cluster]) -> Preview:
    """The change of the file, the commands, and why a reload or a start, if one.

    HAProxy is only asked questions. What it would refuse is not known here. Raises
    ``process.Missing`` or ``OSError``.
    """
    members = Membership(settings)
    members.take(clusters)
    frame = Wish(settings, members, find_binary(settings.haproxy_bin)).frame({})
    before = (FileTarget(settings.config_file).read() or b"").decode("utf-8", "replace")
    try:
        instance = Instance.attach(settings.socket_file)
    except OSError:
        text = text_of(members.fill(frame, {}))
        return Preview(_diff(before, text, settings), (), "HAProxy does not run; it is started")
    try:
        ways = [
            climb(stanza, members.servers(stanza, instance.live), instance.live[stanza.cluster])
            for stanza in frame.stanzas
            if stanza.cluster in instance.live
        ]
        steps = [step for way in ways for step in (*way.gain, *way.lose)]
        reasons = [way.reload for way in ways if way.reload]
        if frame.generation != instance.generation:
            reasons.insert(0, difference(frame, recover(settings, before)))
        return Preview(
            _diff(before, text_of(members.fill(frame, instance.live)), settings),
            tuple(" ".join(command) for step in steps for command in step.commands),
            "; ".join(reasons),
        )
    finally:
        instance.close()


def _diff(before: str, after: str, settings: Settings) -> str:
    rows = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        settings.config_file,
        f"{settings.config_file} (new)",
    )
    return "".join(rows)
