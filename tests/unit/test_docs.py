"""README and docs: no link leads nowhere, every page is found, and what they name is there."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Final

import click
import pytest

from lighthouse.commands import main
from tests.markdown import PAGES, ROOT, anchors, astray, commands, links, listed

DOCS: Final = ROOT / "docs"
MANUAL: Final = DOCS / "man" / "lighthouse.8.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    assert list(astray(page)) == []


def test_what_is_a_link_and_where_it_may_lead(tmp_path: Path) -> None:
    text = "# A `b` (c)\n## A b c\n[x](#a-b-c-1) [y](gone.md) [z](p.md#no) [w](https://h/)\n"
    text += "```\n# none\n[v](none.md)\n```\n`[u](none.md)`\n"
    page = tmp_path / "p.md"
    page.write_text(text)
    assert anchors(text) == {"a-b-c", "a-b-c-1"}
    assert links(text) == ["#a-b-c-1", "gone.md", "p.md#no"]
    assert list(astray(page)) == [
        "gone.md: there is no such file",
        "p.md#no: there is no such heading",
    ]


def test_every_page_is_in_the_table_of_contents() -> None:
    pages = {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md")}
    assert listed((DOCS / "index.md").read_text()) == pages - {"index"}


def test_what_is_to_be_run_of_a_page() -> None:
    text = "<!-- run -->\n```sh\na\nb\n```\n```sh\nc\n```\n<!-- run -->\n"
    text += "```console\n$ d\n1\n2\n$ e\n```\n"
    assert commands(text) == [("a\nb\n", None), ("d", "1\n2\n"), ("e", "")]


def _sources() -> str:
    """All of the source, with texts that go on in the next line made one."""
    paths = (path for name in ("lighthouse", "workers") for path in (ROOT / name).rglob("*.py"))
    return re.sub(r'["\']\s*\n\s*f?["\']', "", "\n".join(path.read_text() for path in paths))


def test_each_failure_has_its_words_and_its_test() -> None:
    """The words stand in the source, and the test is one."""
    source, wrong = _sources(), []
    rows = re.findall(r"^\| (.*) \|$", (DOCS / "failures.md").read_text(), re.MULTILINE)
    rows = [row for row in rows if "`tests/" in row]
    assert len(rows) > 35
    for row in rows:
        _, _, seen, test = row.split(" | ")
        path, _, name = test.strip("`").partition("::")
        found = ROOT / path
        if not found.exists() or f"def {name}(" not in found.read_text():
            wrong.append(test)
        for words in re.findall(r"`(.+?)`", seen):
            parts = [part.strip() for part in words.split("...")]
            wrong += [words for part in parts if part and part not in source]
    assert wrong == []


def _made_by(name: str) -> ModuleType:
    """A module that lies beside the pages."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_manual_has_every_command_and_option() -> None:
    """What is listed when the page is made; the rest of the page tells of all others."""
    ctx = click.Context(main)
    text: str = _made_by("command_list").render(main, ctx) + MANUAL.read_text()
    assert "{commands}" in text
    missing = []
    for name in main.list_commands(ctx):
        command = main.get_command(ctx, name)
        assert command is not None
        told = re.search(rf"^`lighthouse {name}[ `].*?(?=^`lighthouse |\Z)", text, re.M | re.S)
        section = told[0] if told else ""
        if not (section and command.help):
            missing.append(name)
        for option in (one for one in command.params if isinstance(one, click.Option)):
            place = MANUAL.read_text() if {"-c", "-h"} & {*option.opts} else section
            missing += [f"{name} {word}" for word in option.opts if word not in place]
    assert missing == []


def test_a_schema_as_a_table() -> None:
    schema = {
        "properties": {
            "port": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "A | b."},
            "files": {"type": "array", "items": {"$ref": "#/$defs/x.File"}},
            "loss": {"anyOf": [{"enum": ["keep"]}, {"$ref": "#/$defs/x.File"}], "default": "keep"},
            "worker": {"type": "object"},
        },
        "anyOf": [{"required": ["port"]}, {"required": ["files"]}],
        "required": ["port"],
        "$defs": {
            "x.File": {
                "type": "object",
                "properties": {"path": {"type": "string", "description": "path is where it is."}},
            }
        },
    }
    assert _made_by("key_tables").render(schema, ("worker",)).splitlines()[2:] == [
        "| `port` | **needed**; a whole number, at least 1, at most 65535 | A \\| b. |",
        "| `files` | a list: a map |  |",
        "| `files[].path` | text | Where it is. |",
        '| `loss` | `keep`, or a map | Default: `"keep"`. |',
        "| `loss.path` | text | Where it is. |",
    ]
