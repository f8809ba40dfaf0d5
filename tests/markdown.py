"""What the Markdown of README and docs says: its headings, links, and commands to run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCE: Final = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`[^`]*`")
_LINK: Final = re.compile(r"\]\(([^()\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
_RUN: Final = re.compile(r"<!-- run -->\n```(sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TOCTREE: Final = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return what links may name behind ``#``: of each heading, as forges make it."""
    found: dict[str, int] = {}
    made = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        seen = found[slug] = found.get(slug, -1) + 1
        made.add(f"{slug}-{seen}" if seen else slug)
    return made


def links(text: str) -> list[str]:
    """Return where the links lead that stay within the repository, as they are written."""
    found = _LINK.findall(_CODE.sub("`", _FENCE.sub("", text)))
    return [link for link in found if not re.match(r"[a-z][a-z+.-]*:", link)]


def listed(text: str) -> set[str]:
    """Return the pages in the tables of contents, without their endings."""
    lines = "\n".join(_TOCTREE.findall(text)).splitlines()
    return {line for line in lines if line and not line.startswith(":")}


def astray(page: Path) -> Iterator[str]:
    """Yield each link of a page that leads to no file, or to no heading of it."""
    text = page.read_text(encoding="utf-8")
    for link in links(text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{link}: there is no such heading"


def commands(text: str) -> list[tuple[str, str | None]]:
    """Return what is to be run of a page, in order: each command and what it prints.

    A block of ``sh`` is one, of which nothing is said. In one of ``console`` a command stands
    behind ``$``, what it prints below it.
    """
    found: list[tuple[str, str | None]] = []
    for kind, block in _RUN.findall(text):
        if kind == "sh":
            found.append((block, None))
            continue
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = step.partition("\n")
            found.append((command, printed))
    return found
