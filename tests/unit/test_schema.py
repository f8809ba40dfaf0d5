"""Typed values out of plain ones, with every fault named in an operator's words."""

from typing import Annotated, Any, Literal

import msgspec
import pytest

from lighthouse.schema import Invalid, Problem, convert, shown, unknown, with_value

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: Port
    mode: Literal["http", "tcp"] = "http"


class Outer(msgspec.Struct, frozen=True):
    name: str
    numbers: list[int] = []
    inner: Inner | None = None
    table: dict[str, Inner] = {}
    several: list[Inner] | None = None
    words: Annotated[list[str], msgspec.Meta(min_length=1)] | None = None
    either: int | str = 1
    row: tuple[int, ...] = ()
    pair: tuple[int, str] | None = None
    path: Annotated[str, msgspec.Meta(pattern="^/")] = "/"
    ratio: float = 1.0
    counts: dict[str, int] = {}
    lines: str | list[str] = ""
    flag: bool = False
    choice: bool | Inner = False
    other: int = msgspec.field(default=0, name="max_conn")

    def __post_init__(self) -> None:
        if self.name == "bad":
            raise ValueError("`bad` is no name")


def test_good_values() -> None:
    value = {
        "name": "a",
        "numbers": [1],
        "inner": {"port": 1},
        "table": {"x": {"port": 2, "mode": "tcp"}},
        "several": [{"port": 3}],
        "row": [1, 2],
        "ratio": 2,
        "max_conn": 5,
    }
    assert convert(value, Outer) == Outer(
        name="a",
        numbers=[1],
        inner=Inner(1),
        table={"x": Inner(2, "tcp")},
        several=[Inner(3)],
        row=(1, 2),
        ratio=2.0,
        other=5,
    )
    assert convert({"name": "a", "inner": None}, Outer).inner is None
    assert convert("x", str) == "x"
    assert convert([1], list[int]) == [1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], [((), "expected a map, got a list")]),
        (None, [((), "expected a map, got nothing")]),
        ({}, [((), "'name' is missing")]),
        ({"name": 5}, [(("name",), "expected text, got a number")]),
        ({"name": None}, [(("name",), "expected text, got nothing")]),
        ({"name": "bad"}, [((), "`bad` is no name")]),
        ({"name": "a", "nam": 1}, [(("nam",), "unknown key 'nam'; did you mean 'name'?")]),
        ({"name": "bad", "nam": 1}, [(("nam",), "unknown key 'nam'"), ((), "`bad` is no name")]),
        ({"name": "a", "other": 1}, [(("other",), "unknown key 'other'")]),
        ({"name": "a", "max_conn": []}, [(("max_conn",), "expected a number, got a list")]),
        (
            {"name": "a", 5: 1},
            [((5,), "unknown key '5'; expected one of: choice, counts, either,")],
        ),
        (
            {"name": "a", "numbers": ["x", 1, None, 1.5]},
            [
                (("numbers", 0), "expected a number, got text"),
                (("numbers", 2), "expected a number, got nothing"),
                (("numbers", 3), "expected a whole number, got 1.5"),
            ],
        ),
        ({"name": "a", "numbers": {}}, [(("numbers",), "expected a list, got a map")]),
        ({"name": "a", "inner": []}, [(("inner",), "expected a map, got a list")]),
        ({"name": "a", "inner": {}}, [(("inner",), "'port' is missing")]),
        (
            {"inner": {"port": 0, "mode": "udp", "prt": 1}},
            [
                ((), "'name' is missing"),
                (("inner", "prt"), "unknown key 'prt'; did you mean 'port'?"),
                (("inner", "port"), "expected a number >= 1, got 0"),
                (("inner", "mode"), "expected one of: http, tcp; got 'udp'"),
            ],
        ),
        (
            {"name": "a", "table": {"x": {"port": 70000}, "y": {"port": "1"}}},
            [
                (("table", "x", "port"), "expected a number <= 65535, got 70000"),
                (("table", "y", "port"), "expected a number, got text"),
            ],
        ),
        (
            {"name": "a", "several": [{"port": 0}, {}, 5]},
            [
                (("several", 0, "port"), "expected a number >= 1, got 0"),
                (("several", 1), "'port' is missing"),
                (("several", 2), "expected a map, got a number"),
            ],
        ),
        ({"name": "a", "words": []}, [(("words",), "expected a list of length >= 1, got 0")]),
        ({"name": "a", "words": [1]}, [(("words", 0), "expected text, got a number")]),
        ({"name": "a", "either": []}, [(("either",), "expected a number or text, got a list")]),
        ({"name": "a", "lines": 5}, [(("lines",), "expected text or a list, got a number")]),
        ({"name": "a", "lines": ["x", 5]}, [(("lines", 1), "expected text, got a number")]),
        (
            {"name": "a", "lines": [5, "x", 6]},
            [
                (("lines", 0), "expected text, got a number"),
                (("lines", 2), "expected text, got a number"),
            ],
        ),
        ({"name": "a", "choice": 5}, [(("choice",), "expected true or false or a map, got a n")]),
        (
            {"name": "a", "choice": {"port": 0, "prt": 1}},
            [
                (("choice", "prt"), "unknown key 'prt'; did you mean 'port'?"),
                (("choice", "port"), "expected a number >= 1, got 0"),
            ],
        ),
        ({"name": "a", "row": [1, "x"]}, [(("row", 1), "expected a number, got text")]),
        ({"name": "a", "pair": [1]}, [(("pair",), "expected a list of length 2, got 1")]),
        ({"name": "a", "pair": [1, 2]}, [(("pair", 1), "expected text, got a number")]),
        ({"name": "a", "path": "x"}, [(("path",), "expected text matching regex '^/', got 'x'")]),
        ({"name": "a", "ratio": "x"}, [(("ratio",), "expected a number, got text")]),
        ({"name": "a", "flag": 1}, [(("flag",), "expected true or false, got a number")]),
        ({"name": "a", "flag": "yes"}, [(("flag",), "expected true or false, got text")]),
        (
            {"name": "a", "counts": {"x": "y", "z": True}},
            [
                (("counts", "x"), "expected a number, got text"),
                (("counts", "z"), "expected a number, got true or false"),
            ],
        ),
        ({"name": "a", "counts": {5: 1}}, [(("counts",), "expected text, got a number as a key")]),
        ({"name": "a", "counts": {5: "x"}}, [(("counts", 5), "expected a number, got text")]),
    ],
)
def test_faults(value: Any, expected: list[tuple[Any, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        convert(value, Outer)
    found = [(problem.path, problem.message) for problem in caught.value.problems]
    assert [path for path, _ in found] == [path for path, _ in expected]
    for (_, message), (_, start) in zip(found, expected, strict=True):
        assert message[: len(start)] == start


def test_the_text_of_the_error_names_the_places() -> None:
    error = Invalid((Problem(("a", 0, "b"), "is wrong"), Problem((), "is odd")))
    assert str(error) == "a.0.b: is wrong; is odd"
    assert isinstance(error, ValueError)


def test_unknown_keys_are_guessed_or_listed() -> None:
    assert unknown("backnd", ["frontend", "backend"]) == (
        "unknown key 'backnd'; did you mean 'backend'?"
    )
    assert unknown("x", ["b", "a"]) == "unknown key 'x'; expected one of: a, b"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "nothing"),
        (True, "true"),
        (5, "5"),
        ("a", "'a'"),
        ("\n\u2028", "'\\n\\u2028'"),
        ([1], "a list"),
        ({}, "a map"),
        ("x" * 100, "'" + "x" * 55 + "...'"),
    ],
)
def test_shown(value: Any, expected: str) -> None:
    assert shown(value) == expected


class Plain:
    path: str = ""


@pytest.mark.parametrize("wrong", [({}, Plain), (Plain, {})])
def test_what_is_no_struct_is_the_callers_fault(wrong: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError, match=r"a msgspec\.Struct, got <class '.*Plain"):
        convert(*wrong)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (Problem(("hosts", 0), "expected host:port"), "expected host:port, got 'zk1'"),
        (
            Problem(("ttl",), "expected more; see the manual"),
            "expected more; see the manual; got 1",
        ),
        (Problem(("ttl",), "expected more, got less"), "expected more, got less"),
        (Problem(("password",), "expected a map"), "expected a map"),
        (Problem(("hosts",), "expected one"), "expected one"),
        (Problem(("hosts", 7), "expected one"), "expected one"),
        (Problem(("ttl",), "is too short"), "is too short"),
    ],
)
def test_what_was_expected_is_told_with_what_was_found(problem: Problem, told: str) -> None:
    config = {"hosts": ["zk1"], "ttl": 1, "password": "hunter2"}
    assert with_value(problem, config) == Problem(problem.path, told)


def test_a_misspelt_key_is_one_fault() -> None:
    with pytest.raises(Invalid) as raised:
        convert({"nme": "a"}, Outer)
    assert raised.value.problems == (Problem(("nme",), "unknown key 'nme'; did you mean 'name'?"),)
