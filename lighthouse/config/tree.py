"""The configuration tree, with the last good version of each file in force."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from lighthouse.config.assembly import Assembled, assemble
from lighthouse.config.exposure import warnings
from lighthouse.config.fault import Fault
from lighthouse.config.file import ConfigFile
from lighthouse.config.scan import DIRECTORIES, SINGLE, FoundFile, Listing, kind_of, scan
from lighthouse.config.schema.document import YamlDocument
from lighthouse.config.schema.types import Config
from lighthouse.distribution.installed import Installed as Installed

_EMPTY: Final = Assembled(Config(), (), frozenset(), {})


class Tree:
    """Reads a tree again and again; what is wrong in it never raises but becomes a fault.

    A file that breaks keeps its last good version in force, alone; one that is removed is
    gone from the config. If the tree itself cannot be read, everything stays as it was.
    ``kept`` maps names of files to texts that were in force in an earlier run: they stand in
    for files that are broken, or cannot even be listed, at the first load.
    """

    def __init__(
        self, root: Path, installed: Installed, kept: Mapping[str, bytes] | None = None
    ) -> None:
        self._root: Final = root
        self._installed: Final = installed
        self._kept: Final = dict(kept or {})
        self._entries: Final[dict[str, ConfigFile]] = {}
        self._assembled = _EMPTY
        self._stirred = False  # entries differ from what was assembled
        self._listed: tuple[Fault, ...] = ()
        self._exposed: tuple[Fault, ...] = ()

    @property
    def config(self) -> Config:
        """The last good version of each file."""
        return self._assembled.config

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All there are, sorted."""
        return tuple(sorted({*self._assembled.faults, *self._listed, *self._exposed}))

    @property
    def broken(self) -> frozenset[str]:
        """Names of the files whose newest content is not in force."""
        return self._assembled.broken

    @property
    def texts(self) -> Mapping[str, bytes]:
        """For each file in force the text that is, to be ``kept`` for the next run."""
        return self._assembled.texts

    def load(self) -> bool:
        """Reads what may have changed on disk. Returns True if the config or the faults did."""
        outcomes = [outcome for outcome in self.read() if outcome is not None]
        return outcomes[-1]

    def read(self) -> Iterator[bool | None]:
        """The same in steps, of which only the last yields an outcome, and changes anything.

        A reading that is given up is taken over by the next.
        """
        before = self.config, self.faults, self.broken
        files: tuple[FoundFile, ...] = ()
        try:
            listing = scan(self._root)
        except OSError as error:
            reason = f"{self._root} cannot be read: {error.strerror}"
            listed: tuple[Fault, ...] = (
                Fault(".", 1, 1, f"{reason}; the configuration stays as it was"),
            )
            self._stand_in((*SINGLE, *DIRECTORIES), error)
        else:
            files = listing.files
            for found in files:
                self._refresh(found)
                yield None
            self._drop(listing)
            listed = (*listing.faults, *self._misplaced(listing))
        self._listed = listed
        if self._stirred:
            self._assembled = assemble(self._entries.values(), self._installed)
            for entry in self._entries.values():
                entry.good = self._assembled.good.get(entry.file)
            self._stirred = False
        self._exposed = tuple(warnings(self._root, files, self.config, self.locate))
        yield before != (self.config, self.faults, self.broken)

    def locate(self, file: str, path: Iterable[str | int]) -> tuple[int, int]:
        """Line and column in the newest content of the file that could be parsed."""
        document = self._document(file)
        return document.locate(path) if document else (1, 1)

    def _misplaced(self, listing: Listing) -> Iterator[Fault]:
        """Warnings of files that look like a plugin's and lie where nobody reads them."""
        there = {(found.kind, found.stem) for found in listing.files}
        plugins = {"balancers": self._installed.balancers, "discovery": self._installed.discovery}
        for name in listing.strays:
            stem = name.rpartition(".")[0]
            for kind, installed in plugins.items():
                if stem in installed and (kind, stem) not in there:
                    message = f"this is not read here; it belongs into {kind}/"
                    yield Fault(name, 1, 1, message, warning=True)

    def _refresh(self, found: FoundFile) -> None:
        """Brings one entry up to what was found of it."""
        entry = self._entries.get(found.file)
        if entry is None:
            kept = self._kept.pop(found.file, None)
            entry = self._entries[found.file] = ConfigFile(self._root, found, kept)
            self._stirred = True
        self._stirred = entry.refresh(found) or self._stirred

    def _drop(self, listing: Listing) -> None:
        """Lets go of the entries that are not listed any more."""
        names = {found.file for found in listing.files}
        for file, entry in list(self._entries.items()):
            if file not in names and entry.kind not in listing.unread:
                del self._entries[file]
                self._stirred = True
        self._stand_in(listing.unread, OSError("its directory cannot be read"))
        self._kept.clear()

    def _stand_in(self, kinds: Collection[str], reason: OSError) -> None:
        """Takes what an earlier run had for files of which nothing can be known; once."""
        for file in [*self._kept]:
            known = kind_of(file)
            if known and known[0] in kinds:
                found = FoundFile(file, *known, reason)
                self._entries[file] = ConfigFile(self._root, found, self._kept.pop(file))
                self._stirred = True

    def _document(self, file: str) -> YamlDocument | None:
        entry = self._entries.get(file)
        versions = (entry.newest, entry.good) if entry else ()
        return next((v.document for v in versions if v and v.document), None)
