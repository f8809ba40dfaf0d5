"""How Sphinx makes the pages of this directory: `make docs`.

The pages are plain Markdown, which a forge shows too; what only Sphinx knows stands in
index.md and in man/.
"""

import re
import sys
from pathlib import Path
from typing import Final

import click
from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lighthouse import __version__
from lighthouse.commands import main

sys.path.insert(0, str(Path(__file__).parent))

import command_list
import key_tables

project = "Lighthouse"
author = "The maintainers of Lighthouse"
copyright = "the maintainers of Lighthouse"
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
smartquotes = False  # `--json` stays two dashes
highlight_language = "none"
nitpicky = True

html_theme = "furo"
html_title = f"Lighthouse {__version__}"
html_static_path = ["static"]
html_css_files = ["tables.css"]
html_show_sourcelink = False
html_copy_source = False

man_pages = [
    ("man/lighthouse.8", "lighthouse", "service discovery and load balancing", [], 8),
    ("man/lighthouse.yaml.5", "lighthouse.yaml", "configuration of lighthouse", [], 5),
]
man_show_urls = False

SCHEMAS: Final[dict[str, key_tables.Schema]] = {}
DOCS: Final = Path(__file__).parent
BESIDE: Final = re.compile(r"\[([^]]+)\]\((\.\./(?!\.\.)[^)#]+)\)(?!\))")
"""A link from a page of this directory to what lies beside it."""
PAGE: Final = re.compile(r"\]\((?=[a-z])([\w/.-]+\.md)")
"""A link to a page, by its path."""


class Commands(SphinxDirective):
    """``{commands}``: every command with its arguments, help and options, as click has them."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        return self.parse_text_to_nodes(command_list.render(main, click.Context(main)))


class KeysOfFile(SphinxDirective):
    """``{keys} KIND``: the keys of a kind of file, which are asked for when a page wants them."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        kind = self.arguments[0]
        if kind not in SCHEMAS:
            SCHEMAS.update(key_tables.schemas())
        if kind not in SCHEMAS:
            raise self.error(f"no kind of file is called {kind}")
        leave_out = ("plugin", "worker") if "-" in kind else ()
        return self.parse_text_to_nodes(key_tables.render(SCHEMAS[kind], leave_out))


def without_the_rest(_: Sphinx, __: str, content: list[str]) -> None:
    """Have what the repository holds beside the docs be named only: no page leads there."""
    content[0] = BESIDE.sub(
        lambda link: link[1] if (DOCS / link[2]).exists() else link[0], content[0]
    )


def of_page_above(_: Sphinx, path: Path, __: str, content: list[str]) -> None:
    """Have the links of a page lead on where it is included, in a directory below its own."""
    if path.parent == Path():
        content[0] = PAGE.sub(r"](../\1", content[0])


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("commands", Commands)
    app.add_directive("keys", KeysOfFile)
    app.connect("source-read", without_the_rest)
    app.connect("include-read", of_page_above)
    app.add_lexer("mermaid", TextLexer)  # a forge draws it
    return {"parallel_read_safe": False}
