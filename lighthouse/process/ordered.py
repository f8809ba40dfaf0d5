"""Values by name, in order, of which one can be replaced without a look at the others."""

from collections.abc import Iterable, KeysView
from typing import Final, Generic, Protocol, TypeVar


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Ordered(Generic[T]):
    """Each name once, sorted; ``whole`` hands out all of them.

    Replacing a value costs a copy of so many pointers, whatever the values are. A name that
    comes or goes costs a new order, once, with the next ``whole``.
    """

    def __init__(self, values: Iterable[T] = ()) -> None:
        self._values: Final = {value.name: value for value in values}
        self._places: dict[str, int] = {}
        self._ordered: list[T] | None = None

    def get(self, name: str) -> T | None:
        return self._values.get(name)

    def names(self) -> KeysView[str]:
        return self._values.keys()

    def put(self, value: T) -> None:
        """In place of the value of that name, or as a new one."""
        if value.name not in self._values:
            self._ordered = None
        elif self._ordered is not None:
            self._ordered[self._places[value.name]] = value
        self._values[value.name] = value

    def drop(self, name: str) -> None:
        """Without the value of that name, if there is one."""
        if self._values.pop(name, None) is not None:
            self._ordered = None

    def whole(self) -> tuple[T, ...]:
        """All values, sorted by name."""
        if self._ordered is None:
            self._ordered = [self._values[name] for name in sorted(self._values)]
            self._places = {value.name: place for place, value in enumerate(self._ordered)}
        return tuple(self._ordered)
