"""A roll is a sorted mapping, whatever comes, goes and is replaced."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.process.ordered import Ordered


class Value(msgspec.Struct, frozen=True):
    name: str
    number: int = 0


names = st.text("abc", max_size=2)
steps = st.lists(st.tuples(st.sampled_from(["put", "drop", "whole"]), names, st.integers()))


@given(st.lists(names, unique=True), steps)
def test_it_is_what_a_sorted_mapping_is(
    given_names: list[str], changes: list[tuple[str, str, int]]
) -> None:
    roll = Ordered(map(Value, given_names))
    model = {name: Value(name) for name in given_names}
    for what, name, number in [*changes, ("whole", "", 0)]:
        match what:
            case "put":
                roll.put(Value(name, number))
                model[name] = Value(name, number)
            case "drop":
                roll.drop(name)
                model.pop(name, None)
            case "whole":
                assert roll.whole() == tuple(model[name] for name in sorted(model))
        assert roll.names() == model.keys()
        assert roll.get(name) is model.get(name) or roll.get(name) == model.get(name)


def test_what_was_not_replaced_is_the_same_object() -> None:
    roll = Ordered([Value("b"), Value("a")])
    before = roll.whole()
    roll.put(Value("b", 1))
    after = roll.whole()
    assert after[0] is before[0]
    assert (before[1], after[1]) == (Value("b"), Value("b", 1))
