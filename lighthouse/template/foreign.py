"""Values that somebody else has written, as templates are given them.

Text that is a plain word (letters, digits, ``_ . -``) is harmless in every format and stays
text. Any other text of a node's metadata becomes ``ForeignText``, which can be compared, tested
and looked up like the text, but is printed only by the filters that quote it for a format.
Whatever else would turn it into text raises ``Unquoted``: so it cannot get into a file as
anything but a value.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|")


class Unquoted(ValueError):
    """Foreign text would be printed as it is; ``key`` is the metadata's key that it is of."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(f"metadata {key!r} is no plain word: {text!r}")
        self.key: Final = key


class ForeignText:
    """Text of a node's metadata that is not printed unless it is quoted for the format."""

    __slots__ = ("_key", "_value")

    def __init__(self, value: str, key: str) -> None:
        self._value: Final = value
        self._key: Final = key

    def __str__(self) -> str:
        self._refuse()

    def __repr__(self) -> str:
        self._refuse()

    def __format__(self, spec: str) -> str:
        self._refuse()

    def __eq__(self, other: object) -> bool:
        return bool(self._value == original(other))

    def __lt__(self, other: object) -> bool:
        return self._value < str(original(other))

    def __gt__(self, other: object) -> bool:
        return self._value > str(original(other))

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __contains__(self, part: object) -> bool:
        return str(original(part)) in self._value

    def __int__(self) -> int:
        return int(self._value)

    def __float__(self) -> float:
        return float(self._value)

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def __getitem__(self, key: object) -> object:
        self._refuse()

    def __add__(self, other: object) -> object:
        self._refuse()

    def __radd__(self, other: object) -> object:
        self._refuse()

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise Unquoted(self._key, self._value)


def foreign(metadata: Mapping[str, Any]) -> dict[Any, Any]:
    """A node's metadata as templates see it."""
    return {_guarded(key, key): _guarded(value, key) for key, value in metadata.items()}


def is_plain(value: object) -> bool:
    """Return True if there is nothing in a value of metadata that has to be quoted."""
    if isinstance(value, dict):
        return all(is_plain(key) and is_plain(entry) for key, entry in value.items())
    if isinstance(value, list):
        return all(map(is_plain, value))
    return not isinstance(value, str) or _PLAIN.fullmatch(value) is not None


def original(value: object) -> Any:
    """What was written, of a value that may have been made foreign."""
    if isinstance(value, ForeignText):
        return value._value
    if isinstance(value, dict):
        return {original(key): original(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [original(entry) for entry in value]
    return value


def _guarded(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {_guarded(inner, key): _guarded(entry, key) for inner, entry in value.items()}
    if isinstance(value, list):
        return [_guarded(entry, key) for entry in value]
    return value if is_plain(value) else ForeignText(value, key)
