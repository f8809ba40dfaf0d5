"""YAML with places: what is taken, what is refused, and where the fault is said to be."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.config.schema.composer import MAX_DEPTH
from lighthouse.config.schema.document import Broken, YamlDocument, parse


def faults(text: str | bytes) -> list[str]:
    with pytest.raises(Broken) as caught:
        parse("x.yaml", text if isinstance(text, bytes) else text.encode())
    return [str(fault).removeprefix("x.yaml:") for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("# only a comment\n", None),
        ("---\n...\n", None),
        ("\ufeffa: 1\n", {"a": 1}),
        ("a: text\nb: 5\nc: 0.5\nd: true\ne:\nf: ~\n", {"a": "text", "b": 5, "c": 0.5, "d": True}),
        ("a: '5'\nb: \"true\"\nc: !!str 7\n", {"a": "5", "b": "true", "c": "7"}),
        ("a: 0x10\nb: 1_000\nc: yes\nd: off\n", {"a": 16, "b": 1000, "c": True, "d": False}),
        ("a: 2026-01-31\nb: 2026-01-31 10:00:00\n", {"a": "2026-01-31"}),
        ("- a\n- [1, {b: c}]\n", ["a", [1, {"b": "c"}]]),
        ("a: &x [1, 2]\nb: *x\n", {"a": [1, 2], "b": [1, 2]}),
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n", {"b": {"k": 3, "l": 2}}),
        ("a: &x {k: 1}\nc: &y {k: 2, l: 2}\nb:\n  <<: [*x, *y]\n", {"b": {"k": 1, "l": 2}}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("=: 1\n", {"=": 1}),
    ],
)
def test_values(text: str, data: Any) -> None:
    found = parse("x.yaml", text.encode()).data
    if isinstance(data, dict):
        found = {key: found[key] for key in data}
    assert found == data


@pytest.mark.needs("libyaml")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\n", ["2:1: did not find expected ',' or ']', while parsing a flow sequence"]),
        ("a: b: c\n", ["1:5: mapping values are not allowed in this context"]),
        ("a:\n\tb: 1\n", ["2:1: a tab cannot indent in YAML; use spaces"]),
        ("a: 'x\n", ["2:1: found unexpected end of stream"]),
        ("a: 1\n...\nb: 2\n", ["3:1: did not find expected <document start>"]),
        ('a: "\\ud800"\n', ["1:7: found invalid Unicode character escape code"]),
    ],
)
def test_faults_in_yamls_own_words(text: str, expected: list[str]) -> None:
    test_faults(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: *b\n", ["1:4: unknown alias '*b'"]),
        ("a: &a\n  b: *a\n", ["2:6: alias '*a' contains itself"]),
        ("a: &a {<<: *a}\n", ["1:12: alias '*a' contains itself"]),
        ("a: &a 1\nb: &a 2\n", ["2:4: duplicate anchor '&a'"]),
        ("a: 1\na: 2\n", ["2:1: duplicate key 'a'; first at 1:1"]),
        (
            "a: {b: 1, b: 2}\nc: 1\nc: 2\nc: 3\n",
            [
                "1:11: duplicate key 'b'; first at 1:5",
                "3:1: duplicate key 'c'; first at 2:1",
                "4:1: duplicate key 'c'; first at 2:1",
            ],
        ),
        ("a: &x {b: 1}\nc: {<<: *x, <<: *x}\n", ["2:13: duplicate key '<<'"]),
        ("<<: 5\n", ["1:1: '<<' merges a map or a list of maps, got 5"]),
        ("<<: [{}, 5]\n", ["1:1: '<<' merges a map or a list of maps, got a list"]),
        ("yes: 1\n", ["1:1: a key must be text, got true; quote it"]),
        ("80: 1\n", ["1:1: a key must be text, got 80; quote it"]),
        ("? [a]\n: 1\n", ["1:3: a key must be text, got a list; quote it"]),
        ("a: !!python/name:os.system x\n", ["1:4: tag '!!python/name:os.system' means nothing"]),
        (
            "a: !!python/object/apply:os.system [x]\n",
            ["1:4: tag '!!python/object/apply:os.system"],
        ),
        ("a: !secret x\nb: !!binary aGk=\n", ["1:4: tag '!secret'", "2:4: tag '!!binary'"]),
        ("a: !!set {b}\n", ["1:4: tag '!!set' means nothing here"]),
        ("a: !!int x\nb: !!float y\n", ["1:4: 'x' is no int", "2:4: 'y' is no float"]),
        ("a: !!bool x\nb: !!int ''\n", ["1:4: 'x' is no bool", "2:4: '' is no int"]),
        ("a: 066665\n", ["1:4: '066665' is an octal number in YAML"]),
        ("a: [0443, '0443', 0x1bb, 443, 0, 0.5]\n", ["1:5: '0443' is an octal number in YAML"]),
        ("a: 7:30:00\n", ["1:4: '7:30:00' is a number to the base of 60 in YAML"]),
        ("a: 7:30\nb: '7:30'\nc: 1:30.5\n", ["1:4: '7:30' is", "3:4: '1:30.5' is a number"]),
        ("a: 99999999999999999999\n", ["1:4: '99999999999999999999' is out of range"]),
        ("a: 1\n---\nb: 2\n", ["2:1: expected one document, got another"]),
        ("a: 1\nb: \x07\n", ["2:4: control character '\\x07' is not allowed"]),
        (b"a: 1\nb: \xff\n", ["2:4: not UTF-8: byte 0xff"]),
        (b"\xff\xfea\x00:\x00", ["1:1: not UTF-8: byte 0xff"]),
        ("[" * 100, [f"1:{MAX_DEPTH + 2}: nested deeper than 64"]),
        ("- " * 500_000, [f"1:{2 * MAX_DEPTH + 3}: nested deeper than 64"]),
    ],
)
def test_faults(text: str | bytes, expected: list[str]) -> None:
    found = faults(text)
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected
    assert not any("\n" in line for line in found)


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\U00110000", "\\Uffffffff"])
def test_escapes_that_are_no_characters(escape: str) -> None:
    assert len(faults(f'a: "{escape}"\n')) == 1
    assert len(faults(f'"{escape}": 1\n')) == 1


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    start = time.monotonic()
    (line,) = faults("\n".join(lines))
    assert "once aliases are expanded" in line
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (2, 1)),
        (("a",), (2, 1)),
        (("b",), (3, 1)),
        (("b", "c"), (4, 3)),
        (("b", "c", 0), (5, 7)),
        (("b", "c", 1), (6, 7)),
        (("b", "c", 7), (4, 3)),
        (("b", "missing", "deeper"), (3, 1)),
        (("d", "k"), (7, 13)),
        (("e",), (8, 1)),
        (("e", "k"), (7, 13)),
        (("f", "k"), (7, 13)),
        (("f", "l"), (9, 18)),
        (("nowhere",), (2, 1)),
    ],
)
def test_places(path: tuple[str | int, ...], place: tuple[int, int]) -> None:
    text = b"""# a comment
a: 1
b:
  c:
    - one
    - {two: 2}
d: &anchor {k: 1}
e: *anchor
f: {<<: *anchor, l: 2}
"""
    assert parse("x.yaml", text).locate(path) == place


@given(st.text(max_size=200) | st.text("ab:-[]{}&*!<|>'\"#, \n\t%?01.", max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    found = outcome(text.encode("utf-8", "surrogatepass"))
    if isinstance(found, Broken):
        assert found.faults
        assert all(fault.line >= 1 and fault.column >= 1 for fault in found.faults)
        assert str(found).isprintable()


def outcome(text: bytes) -> YamlDocument | Broken:
    try:
        return parse("x.yaml", text)
    except Broken as error:
        return error
