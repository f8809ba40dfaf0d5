"""Expressions of Go's templates as Jinja's: of a loop, a condition, of what is printed."""

import re
from typing import Final, NamedTuple

from lighthouse.convert.places import fit

_WORD: Final = re.compile(
    r"\s*(\"(?:\\.|[^\"\\])*\"|`[^`]*`|:=|[(),|=]|\$?[\w.$@*/-]+)", re.DOTALL
)
_FIELDS: Final = {
    **{"Name": "cluster", "Node": "host", "ID": "name", "Address": "ip", "NodeAddress": "ip"},
    **{"Port": "port", "host": "host", "Host": "host", "name": "name", "ip": "ip"},
    **{"address": "ip", "addr": "ip", "port": "port", "weight": "weight", "Key": "name"},
}
"""Of a service of Consul's, or of a record that confd reads."""

_COMPARED: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_FILTERS: Final = {"toUpper": "upper", "toLower": "lower", "trimSpace": "trim", "len": "length"}
_STORES: Final = {
    **dict.fromkeys(("key", "keyOrDefault", "keyExists", "ls", "tree", "safeLs"), "keys"),
    **dict.fromkeys(("getv", "get", "exists", "lsdir", "cget", "cgetv"), "keys"),
    **dict.fromkeys(("secret", "secrets", "pkiCert"), "secrets"),
    **dict.fromkeys(("env", "getenv", "mustEnv"), "the environment"),
}


class Unconvertible(Exception):
    """Why something has no counterpart."""


class _Loop(NamedTuple):
    """A loop over the nodes of a cluster: how it calls a node, in Go and here."""

    counter: str
    item: str
    name: str


class Scope:
    """The loops around a place, and the clusters that the template has named so far."""

    def __init__(self) -> None:
        self.clusters: Final[dict[str, str]] = {}
        self._loops: Final[list[_Loop]] = []
        self._aliases: Final[dict[str, str]] = {}

    def cluster(self, called: str) -> str:
        """The nodes of a cluster, by what the template calls it."""
        if not called.strip("/*"):
            raise Unconvertible("it names no cluster")
        name = fit(called.strip("/*").rsplit("/", 1)[-1] if "/" in called else called)
        if self.clusters.setdefault(name, called) != called:
            raise Unconvertible(f"{called} and {self.clusters[name]} would both be called {name}")
        return f'cluster("{name}").nodes'

    def enter(self, index: str, item: str) -> str:
        """Go into a loop; returns the name of its nodes."""
        name = f"node{len(self._loops) + 1}" if self._loops else "node"
        self._loops.append(_Loop(index, item, name))
        return name

    def leave(self) -> None:
        self._loops.pop()

    def binds(self, action: str) -> bool:
        """Take a variable for the record of the node; returns False for any other action."""
        found = re.fullmatch(r"(\$\w+)\s*:?=\s*(?:json|parseJSON)\s+\.Value", action)
        if found and self._loops:
            self._aliases[found[1]] = self._loops[-1].name
        return bool(found and self._loops)

    def value(self, word: str) -> str:
        """A field or variable; raises ``Unconvertible``."""
        variable, _, field = word.partition(".")
        if not self._loops:
            raise Unconvertible(f"{word} is none of a node: only loops over nodes are converted")
        names = {one.item: one.name for one in self._loops if one.item}
        names.update(self._aliases)
        if variable == self._loops[-1].counter and variable and not field:
            return "loop.index0"
        owner = self._loops[-1].name if not variable else names.get(variable)
        if owner is None:
            raise Unconvertible(f"the variable {variable} is not converted")
        if not field or field == "Value":
            return f"{owner}.place"
        if field not in _FIELDS:
            raise Unconvertible(
                f"what is .{field} here: `node.metadata` has what services publish, "
                "printed through a filter that quotes it"
            )
        return f"{owner}.{_FIELDS[field]}"


def loop(text: str, scope: Scope) -> str:
    """``NAME in NODES``, for a `range`; the scope is that of its body then."""
    words = _words(text)
    variables: list[str] = []
    if ":=" in words:
        at = words.index(":=")
        variables, words = [word for word in words[:at] if word != ","], words[at + 1 :]
    index, item = ["", "", *variables][-2:] if len(variables) != 1 else ("", variables[0])
    if not (words and words[0] in ("service", "getvs", "gets") and len(words) in (2, 3)):
        raise Unconvertible(_reason(words, "only loops over the nodes of a service are converted"))
    if len(words) == 3 and words[2].strip("\"'`") not in ("passing", "passing,warning"):
        raise Unconvertible("only nodes that pass their checks are registered")
    nodes = _named(words[0], words[1], scope)
    return f"{scope.enter(index, item)} in {nodes}"


def test(text: str, scope: Scope) -> str:
    """A condition, for an `if`."""
    return _expression(_words(text), scope)


def output(text: str, scope: Scope) -> str:
    """What an action prints."""
    if re.match(r"\$\w+\s*:?=", text):
        raise Unconvertible("variables are not converted")
    return _expression(_words(text), scope)


def _words(text: str) -> list[str]:
    found, at, text = [], 0, text.strip()
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise Unconvertible(f"{text[at:]!r} is not understood")
        found.append(match[1])
        at = match.end()
    if not found:
        raise Unconvertible("nothing is said there")
    return found


def _expression(words: list[str], scope: Scope) -> str:
    """One with pipes: what stands before one is the last argument of what follows."""
    value, rest = _call(words, scope)
    while rest:
        if rest[0] != "|" or len(rest) < 2 or rest[1] not in _FILTERS:
            raise Unconvertible(f"{' '.join(rest)!r} is not converted")
        value, rest = f"({value} | {_FILTERS[rest[1]]})", rest[2:]
    return value


def _call(words: list[str], scope: Scope) -> tuple[str, list[str]]:
    """A call or a value, and the words behind it."""
    name, rest = words[0], words[1:]
    if name in _COMPARED:
        left, rest = _value(rest, scope)
        right, rest = _value(rest, scope)
        return f"({left} {_COMPARED[name]} {right})", rest
    if name in ("and", "or"):
        parts = []
        while rest and rest[0] != "|":
            part, rest = _value(rest, scope)
            parts.append(part)
        return f"({f' {name} '.join(parts)})", rest
    if name in ("not", "len", "base", *_FILTERS):
        inner, rest = _value(rest, scope)
        if name == "base":
            return inner, rest
        return (f"(not {inner})" if name == "not" else f"({inner} | {_FILTERS[name]})"), rest
    if name == "service" and rest:
        return _named(name, rest[0], scope), rest[1:]
    return _value(words, scope)


def _value(words: list[str], scope: Scope) -> tuple[str, list[str]]:
    if not words:
        raise Unconvertible("an argument is missing")
    word, rest = words[0], words[1:]
    if word == "(":
        depth = 0
        for at, one in enumerate(words):
            depth += (one == "(") - (one == ")")
            if depth == 0:
                return _expression(words[1:at], scope), words[at + 1 :]
        raise Unconvertible("a parenthesis is not closed")
    if word[0] in '"`':
        return '"' + _unquoted(word).replace("\\", "\\\\").replace('"', '\\"') + '"', rest
    if re.fullmatch(r"-?\d+(\.\d+)?|true|false", word):
        return word, rest
    if word[0] in ".$":
        return scope.value(word), rest
    raise Unconvertible(_reason(words, f"{word} is not converted"))


def _named(function: str, word: str, scope: Scope) -> str:
    if word[0] not in '"`':
        raise Unconvertible("the name of the cluster has to be written out")
    called = _unquoted(word)
    if function != "service" and not called.endswith("/*"):
        raise Unconvertible('only all keys below one, as "/web/*", are the nodes of a cluster')
    if function == "service" and re.search(r"[@|~]", called):
        raise Unconvertible("another datacenter or a filter: give the cluster a source for it")
    return scope.cluster(called)


def _unquoted(word: str) -> str:
    return word[1:-1] if word[0] == "`" else re.sub(r"\\(.)", r"\1", word[1:-1])


def _reason(words: list[str], otherwise: str) -> str:
    store = _STORES.get(words[0]) if words else None
    if store is None:
        return otherwise
    return f"nothing here reads {store}: give it in `vars`, as {{{{ vars.NAME }}}}"
