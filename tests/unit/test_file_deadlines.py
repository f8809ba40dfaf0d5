"""Deadlines are a mapping from which the earliest are taken."""

from hypothesis import given
from hypothesis import strategies as st

from lighthouse.file.deadlines import Deadlines

names = st.sampled_from("abcde")
times = st.integers(0, 20)
steps = st.one_of(
    st.tuples(st.just("set"), names, st.none() | times),
    st.tuples(st.just("take"), st.none(), times),
)


@given(st.lists(steps, max_size=200))
def test_they_are_what_a_mapping_is(changes: list[tuple[str, str | None, int | None]]) -> None:
    deadlines = Deadlines()
    model: dict[str, int] = {}
    for what, name, when in changes:
        if what == "take":
            assert when is not None
            due = {name for name, due in model.items() if due <= when}
            taken = deadlines.take(when)
            assert sorted(taken) == sorted(due)
            model = {name: due for name, due in model.items() if name not in taken}
        elif name is not None:
            deadlines.set(name, when)
            model.pop(name, None)
            if when is not None:
                model[name] = when
        assert deadlines.first() == min(model.values(), default=None)
