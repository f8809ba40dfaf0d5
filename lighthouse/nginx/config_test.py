"""What nginx says of a candidate: ``nginx -t``, with its complaint led back to its place."""

import re
from typing import Final

import msgspec

from lighthouse.nginx.build import NginxBuild
from lighthouse.nginx.main_config import Contents, build
from lighthouse.nginx.upstream import at
from lighthouse.software.command import Command, common_environment
from lighthouse.software.scratch import scratch

_COMPLAINT: Final = re.compile(
    r"\[(?:emerg|alert|crit)\](?: \d+#\d+:)? (.*?)(?: in (/\S+?):(\d+))?$", re.MULTILINE
)
_DENIED: Final = "(13: Permission denied)"


class Complaint(msgspec.Struct, frozen=True):
    """Why nginx refuses a candidate, and in which file and line of the originals.

    ``cluster`` and ``line`` lead into an upstream of ours; both are empty for what is not ours.
    """

    message: str
    file: str = ""
    number: int = 0
    cluster: str = ""
    line: int = 0

    @property
    def denied(self) -> bool:
        """Return True if it is only that this user may not try."""
        return not self.file and _DENIED in self.message

    def __str__(self) -> str:
        return f"{self.message} in {self.file}:{self.number}" if self.file else self.message


class ConfigTest:
    """Asks one nginx about candidates for one configuration."""

    def __init__(
        self, nginx: NginxBuild, config_file: str, prefix: str | None, timeout: float
    ) -> None:
        self._config_file: Final = config_file
        self._timeout: Final = timeout
        self._command: Final = [nginx.binary, "-t", *(["-p", prefix] if prefix else [])]
        self.missed: frozenset[str] = frozenset()
        """Files that no include leads to, of all candidates so far."""

    def run(self, contents: Contents) -> Complaint | None:
        """The first complaint about our files being so, None if there is none.

        Raises ``OSError`` if the configuration cannot be read or copied.
        """
        with scratch() as place:
            candidate = build(self._config_file, contents, place)
            there = {path for path, content in contents.items() if content is not None}
            self.missed |= there - candidate.reached
            try:
                words = [*self._command, "-c", candidate.config_file]
                result = Command(words, common_environment()).run(self._timeout)
            except ValueError as error:
                return Complaint(f"{self._command[0]} cannot be run: {error}")
            if result.status == 0:
                return None
            said = result.output.decode("utf-8", "replace")
            found = _COMPLAINT.search(said)
            if found is None:
                return Complaint(f"nginx -t: {result.told(self._timeout)}")
            return _placed(found, contents, candidate.originals)


def _placed(found: re.Match[str], contents: Contents, originals: dict[str, str]) -> Complaint:
    message, copy, number = found[1], found[2], int(found[3] or 0)
    for path, original in originals.items():
        message = message.replace(path, original)
    if copy is None:
        return Complaint(message)
    file = originals.get(copy, copy)
    ours = at(contents.get(file) or b"", number) if file in contents else None
    cluster, line = ours or ("", 0)
    return Complaint(message, file, number, cluster, line)
