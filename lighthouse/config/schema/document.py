"""One YAML file as values, with the place of each of them kept."""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from lighthouse.config.fault import Fault
from lighthouse.config.schema.composer import Composer, YamlPosition

MAX_BYTES: Final = 1024 * 1024
"""Of one file."""

_CONTROL: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Broken(ValueError):
    """A file that is no document; all that is wrong with it is in ``faults``."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: Final = tuple(sorted(set(faults)))
        super().__init__("; ".join(map(str, self.faults)))


class YamlDocument(msgspec.Struct, frozen=True):
    """A parsed file. ``data`` holds maps with text keys, lists and scalars; None if empty."""

    file: str
    data: Any
    place: YamlPosition

    def locate(self, path: Iterable[str | int]) -> tuple[int, int]:
        """Line and column of a key or list item, or of what of the path there is."""
        place = self.place
        for step in path:
            if step not in place.inside:
                break
            place = place.inside[step]
        return place.line, place.column

    def fault(self, path: Iterable[str | int], message: str) -> Fault:
        """A fault at the place that the path leads to."""
        return Fault(self.file, *self.locate(path), message)


def parse(file: str, text: bytes) -> YamlDocument:
    """The document in a file's content; raises ``Broken`` with every fault found."""
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _end_of(text[: error.start].decode("utf-8-sig"))
        raise Broken([Fault(file, *place, f"not UTF-8: byte 0x{text[error.start]:02x}")]) from None
    control = _CONTROL.search(decoded)
    if control:
        message = f"control character {control[0]!a} is not allowed"
        raise Broken([Fault(file, *_end_of(decoded[: control.start()]), message)])
    composer = Composer(file, decoded)
    root = composer.root()
    if root is None or composer.faults:
        raise Broken(composer.faults)
    return YamlDocument(file, root.value, root.place)


def _end_of(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - text.rfind("\n")
