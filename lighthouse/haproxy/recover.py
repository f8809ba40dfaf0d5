"""Reading back what runs from the file on disk, after a restart of ours.

The file has the last good stanza of each cluster, which must outlive the worker that wrote it.
"""

import re
from typing import Final

from lighthouse.haproxy.settings import Section, Settings
from lighthouse.haproxy.stanza import Stanza, own_servers, why_static

_STANZA: Final = re.compile(
    r"(?:^frontend (?P<front>\S+)\n(?P<lines>(?:    .*\n)*)\n)?"
    r"^backend (?P<name>\S+)\n(?P<backend>(?:    .*\n)*?)"
    r"    # each server:(?: (?P<options>.*))?\n",
    re.MULTILINE,
)
_PORT: Final = re.compile(r"    bind \S*:(\d+)\n")


def recover(settings: Settings, text: str) -> dict[str, Stanza]:
    """The stanzas in a file that ``render`` made under these settings."""
    found = {}
    metas = _metas(settings, text)
    for match in _STANZA.finditer(text):
        name = match["name"]
        section = Section(backend=tuple(line[4:] for line in match["backend"].splitlines()))
        options = tuple(match["options"].split(" ")) if match["options"] else ()
        port = _PORT.match(match["lines"] or "")
        meta, acl = metas.get(name, (None, None))
        found[name] = Stanza(
            name,
            match.group(),
            options,
            why_static(settings, section, options),
            frozenset(own_servers(section)),
            int(port[1]) if port else None,
            meta,
            acl,
        )
    return found


def _metas(settings: Settings, text: str) -> dict[str, tuple[str, str]]:
    """The meta cluster and the acl of each cluster that is a member of one."""
    found = {}
    for meta in settings.meta_clusters:
        start = text.find(f"\nfrontend {meta}\n")
        end = text.find("\n\n", start)
        for line in text[start:end].splitlines() if start >= 0 else ():
            words = line.split(" ", 6)
            if words[4:5] == ["acl"] and words[5].startswith("is_"):
                found[words[5][3:]] = (meta, words[6])
    return found
