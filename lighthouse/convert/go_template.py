"""Templates of consul-template and confd as Jinja's, where they are simple enough.

What is not is left out with its line, and the template then keeps the file as it is: nobody
gets a file in which something is missing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from lighthouse.convert.expression import Scope, Unconvertible, loop, output, test

_ACTION: Final = re.compile(
    r"\{\{(-?)\s*((?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|/\*.*?\*/|[^\"`])*?)\s*(-?)\}\}", re.DOTALL
)
_OPENING: Final = ("range", "if", "with", "define", "block")


class NotConverted(NamedTuple):
    """What is not converted, and the line where it stands, counted from 1."""

    line: int
    message: str


class Converted(NamedTuple):
    """``clusters``: each by its name, with what the template calls it; ``missing``: in order."""

    text: str
    clusters: Mapping[str, str]
    missing: tuple[NotConverted, ...]


class _Token(NamedTuple):
    """An action with the text before it; ``alone`` on its line, but for spaces."""

    before: str
    action: str
    trims: tuple[str, str]
    line: int
    alone: bool
    ends_line: bool


def convert(text: str) -> Converted:
    """Return a template of Go's as one of Jinja's."""
    made = _Template()
    for token in _tokens(text):
        made.take(token)
    return made.finish(_rest(text))


def _tokens(text: str) -> Iterator[_Token]:
    end = 0
    for found in _ACTION.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        start = text.rfind("\n", 0, found.start()) + 1
        stop = text.find("\n", found.end())
        after = text[found.end() : stop if stop >= 0 else len(text)]
        alone = not (text[start : found.start()] + after).strip()
        trims = (found[1], found[3])
        ends = after == "" and stop >= 0
        yield _Token(text[end : found.start()], found[2], trims, line, alone, ends)
        end = found.end()


def _rest(text: str) -> str:
    """What stands behind the last action."""
    ends = [found.end() for found in _ACTION.finditer(text)]
    return text[ends[-1] :] if ends else text


class _Template:
    """Jinja's text as it grows; ``_open`` are the blocks around, innermost last."""

    def __init__(self) -> None:
        self._pieces: Final[list[str]] = []
        self._open: Final[list[str]] = []
        self._scope: Final = Scope()
        self._missing: Final[list[NotConverted]] = []
        self._skipped = 0  # blocks within one that is left out, itself included

    def take(self, token: _Token) -> None:
        if self._skipped:
            self._skip(token)
            return
        self._pieces.append(_literal(token.before))
        action = token.action
        word = action.split(maxsplit=1)[0] if action else ""
        if action.startswith("/*"):
            inner = action.removeprefix("/*").removesuffix("*/").replace("#}", "# }")
            self._pieces.append(_tag(token, "{#", inner, "#}"))
            return
        try:
            self._convert(token, word, action[len(word) :].strip())
        except Unconvertible as error:
            self._leave(token, f"{{{{ {action} }}}}: {error}")
            self._skipped = int(word in _OPENING)

    def finish(self, rest: str) -> Converted:
        """All of it; ``rest`` is the text behind the last action."""
        if not self._skipped:
            self._pieces.append(_literal(rest))
        text = "".join(self._pieces)
        if self._open or self._skipped:
            self._missing.append(NotConverted(1, "a block has no {{ end }}"))
            text = ""
        if self._missing:
            lines = ", ".join(str(one.line) for one in self._missing)
            reason = f"not converted yet: line {lines} of the former template"
            text = f'{{{{ keep("{reason}") }}}}\n{text}'
        return Converted(text, self._scope.clusters, tuple(self._missing))

    def _skip(self, token: _Token) -> None:
        word = token.action.split(maxsplit=1)[0] if token.action else ""
        self._skipped += (word in _OPENING) - (word == "end")

    def _leave(self, token: _Token, message: str) -> None:
        self._missing.append(NotConverted(token.line, " ".join(message.split())))
        told = f" line {token.line}: {message} ".replace("#}", "# }")
        end = "+#}" if token.ends_line and not token.alone else "#}"
        self._pieces.append(f"{{#{told}{end}")

    def _convert(self, token: _Token, word: str, rest: str) -> None:
        if word == "range":
            self._block(token, "for", f"for {loop(rest, self._scope)}")
        elif word == "if":
            self._block(token, "if", f"if {test(rest, self._scope)}")
        elif word == "else":
            self._else(token, rest)
        elif word == "end":
            self._end(token)
        elif word in ("with", "define", "block", "template"):
            raise Unconvertible(f"{word} is not converted")
        elif not self._scope.binds(token.action):
            printed = output(token.action, self._scope)
            self._pieces.append(_tag(token, "{{", f" {printed} ", "}}", block=False))
        elif token.alone:
            self._pieces.append(_tag(token, "{#", " ", "#}"))

    def _block(self, token: _Token, kind: str, opening: str) -> None:
        self._open.append(kind)
        self._pieces.append(_tag(token, "{%", f" {opening} ", "%}"))

    def _else(self, token: _Token, rest: str) -> None:
        if not self._open:
            raise Unconvertible("there is no block that it belongs to")
        kind, _, condition = rest.partition(" ")
        if kind == "if" and self._open[-1] == "if":
            self._pieces.append(_tag(token, "{%", f" elif {test(condition, self._scope)} ", "%}"))
        elif not rest:
            self._pieces.append(_tag(token, "{%", " else ", "%}"))
        else:
            raise Unconvertible("there is no such branch in Jinja")

    def _end(self, token: _Token) -> None:
        if not self._open:
            raise Unconvertible("there is no block that it ends")
        kind = self._open.pop()
        if kind == "for":
            self._scope.leave()
        self._pieces.append(_tag(token, "{%", f" end{kind} ", "%}"))


def _tag(token: _Token, opening: str, inner: str, closing: str, block: bool = True) -> str:
    """A tag that leaves the space around it as Go does.

    One that is alone on its line takes that line along, so that no empty one is left.
    """
    left, right = token.trims
    if block and not token.alone and opening == "{%":
        left = left or "+"
        right = right or "+"
    elif block and token.ends_line and not token.alone:
        right = right or "+"
    return f"{opening}{left}{inner}{right}{closing}"


def _literal(text: str) -> str:
    """Text that means nothing to Jinja."""
    return re.sub(r"\{(?=[%#{])", '{{ "{" }}', text)
