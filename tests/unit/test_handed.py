"""What a balancer was given, and what it can do without."""

from collections.abc import Sequence
from typing import get_args

import pytest

from lighthouse.balancer import Kind
from lighthouse.supervisor.handed import HandedClusters

KEY = ("hosts", "hosts")
Note = tuple[Kind, set[str]]


@pytest.mark.parametrize(
    ("notes", "never"),
    [
        ([], ()),
        ([("failed", {"web"})], ()),
        ([("held", {"web"})], ()),
        ([("applied", {"web"})], ("api", "db")),
        ([("applied", {"web", "db"})], ("api",)),
        ([("applied", {"web"}), ("failed", {"api"})], ("db",)),
        ([("applied", {"web", "db"}), ("held", {"web"})], ("api",)),
        ([("applied", {"web", "db"}), ("unchanged", {"web"})], ("api", "db")),
        ([("degraded", {"web", "db"})], ("api",)),
    ],
)
def test_what_was_never_given(notes: Sequence[Note], never: tuple[str, ...]) -> None:
    handed = HandedClusters()
    for kind, clusters in notes:
        handed.note(KEY, clusters, kind)
    assert handed.never(KEY, {"api", "db"}) == never
    assert handed.never(("hosts", "other"), {"api"}) == ()
    later = HandedClusters()
    later.restore(handed.all())
    assert later.never(KEY, {"api", "db"}) == never


@pytest.mark.parametrize("kind", get_args(Kind))
def test_only_news_is_news(kind: Kind) -> None:
    handed = HandedClusters()
    handed.note(KEY, {"web"}, "applied")
    assert not handed.note(KEY, {"web"}, kind)
    assert handed.note(KEY, {"web", "db"}, kind)
