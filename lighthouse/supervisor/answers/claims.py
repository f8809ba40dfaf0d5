"""What two balancers of one host cannot both have: directories, files, addresses."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lighthouse.balancer import Claim
from lighthouse.config.fault import Fault
from lighthouse.config.tree import Tree

_EVERY: Final = ("*", "0.0.0.0", "[::]", "::")
_WHY: Final = {
    "directory": "the two would undo each other's files; give this one a directory of its own",
    "file": "the two would undo each other's work; give this one a file of its own",
    "address": "only one of them can listen there; give this one another address or port",
}


def conflicts(tree: Tree, claims: Mapping[str, Sequence[Claim]]) -> Iterator[Fault]:
    """A fault for each balancer that claims what another one does, by the names of balancers.

    It is told of the second one in the order of their files, at the place of its claim.
    """
    files = {name: tree.config.balancers[name].file for name in claims}
    earlier: list[tuple[str, Claim]] = []
    for name in sorted(claims, key=lambda one: files[one]):
        for claim in claims[name]:
            found = next((one for one in earlier if excludes(one[1], claim)), None)
            if found is not None:
                yield _fault(tree, files[name], claim, *found)
        earlier += [(files[name], claim) for claim in claims[name]]


def excludes(one: Claim, other: Claim) -> bool:
    """Return True if nobody can have one of these while somebody else has the other."""
    if "address" in (one.kind, other.kind):
        return one.kind == other.kind and _meet(one.name, other.name)
    first, second = os.path.normpath(one.name), os.path.normpath(other.name)
    if first == second or _stands_for(first, second) or _stands_for(second, first):
        return True
    within = one.kind == "directory" and second.startswith(f"{first.rstrip('/')}/")
    return within or (other.kind == "directory" and first.startswith(f"{second.rstrip('/')}/"))


def _meet(one: str, other: str) -> bool:
    """Return True if two addresses have one port, and one host or every one."""
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    return port == other_port and (host == other_host or host in _EVERY or other_host in _EVERY)


def _stands_for(pattern: str, path: str) -> bool:
    expression = "[^/]*".join(re.escape(piece) for piece in pattern.split("*"))
    return "*" in pattern and re.fullmatch(expression, path) is not None


def _fault(tree: Tree, file: str, claim: Claim, owner: str, theirs: Claim) -> Fault:
    where, key = _words(claim.path), _words(theirs.path)
    whose = f"{owner}, as its '{key}'" if key else owner
    if theirs.name != claim.name:
        whose += f" ({theirs.name})"
    message = f"{claim.name} belongs to {whose}, already: {_WHY[claim.kind]}"
    place = tree.locate(file, claim.path)
    return Fault(file, *place, f"{where}: {message}" if where else message)


def _words(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path))
