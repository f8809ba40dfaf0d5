"""Reading back what runs from the file on disk, after a restart of ours.

The file has the last good stanza of each cluster, which must outlive the worker that wrote it.
"""

import contextlib
import re
from typing import Final

import msgspec

from lighthouse.haproxy.rendering.live import Live
from lighthouse.haproxy.rendering.stanza import FACTS, Facts, Stanza

_STANZA: Final = re.compile(
    rf"^# cluster (?P<name>\S+)\n(?:(?!# cluster ).*\n)*?    {re.escape(FACTS)}(?P<facts>.*)\n",
    re.MULTILINE,
)
_SERVER: Final = re.compile(
    r"    server (?P<name>\S+) \[?(?P<ip>[0-9a-f.:]+?)\]?:(?P<port>\d+)"
    r" id (?P<id>\d+) weight (?P<weight>\d+)(?P<rest>.*)\n"
)


def recover(text: str) -> dict[str, Stanza]:
    """The stanzas in a file that ``render`` made."""
    found = {}
    for match in _STANZA.finditer(text):
        with contextlib.suppress(msgspec.DecodeError):
            facts = msgspec.json.decode(match["facts"], type=Facts)
            found[match["name"]] = Stanza(match["name"], match.group(), facts)
    return found


def lives(text: str) -> dict[str, dict[str, Live]]:
    """The servers in such a file, by cluster, as HAProxy runs them when it has loaded it."""
    found: dict[str, dict[str, Live]] = {}
    for match in _STANZA.finditer(text):
        servers = found.setdefault(match["name"], {})
        place = match.end()
        while row := _SERVER.match(text, place):
            place = row.end()
            weight = int(row["weight"])
            state = "maint" if row["rest"].endswith(" disabled") else "ready"
            live = Live(int(row["id"]), row["ip"], int(row["port"]), weight, state, weight)
            servers[row["name"]] = live
    return found
