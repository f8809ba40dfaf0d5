"""Standing orders about workers."""

from lighthouse.supervisor.standing_order import StandingOrder, StandingOrders

HAPROXY, FILES = ("balancer", "haproxy"), ("discovery", "files")


def order(
    since: float = 1.0, reason: str = "goes mad", until: float | None = None
) -> StandingOrder:
    return StandingOrder(HAPROXY, since, reason, until, "alice (uid 0)")


def test_an_order_said_again_keeps_its_time() -> None:
    book = StandingOrders("paused")
    book.begin(order())
    book.begin(order(since=5.0, reason="still mad", until=9.0))
    assert book.all() == (order(1.0, "still mad", 9.0),)
    assert book.next_end() == 9.0


def test_an_order_to_another_version_begins_anew() -> None:
    book = StandingOrders("pinned")
    book.begin(StandingOrder(HAPROXY, 1.0, "bad", version=3))
    book.begin(StandingOrder(HAPROXY, 5.0, "bad", version=2))
    assert [each.since for each in book.all()] == [5.0]
    assert book.words(HAPROXY) == "is pinned to version 2 until that is ended: bad"


def test_an_order_ends_in_time_or_when_told() -> None:
    book = StandingOrders("paused")
    book.restore([order(until=9.0), StandingOrder(FILES, 1.0, "moves")])
    assert book.pass_time(8.9) == []
    assert book.pass_time(9.0) == [order(until=9.0)]
    assert book.names() == {FILES}
    assert book.next_end() is None
    assert book.end(FILES)
    assert not book.end(FILES)


def test_words_say_who_why_and_until_when() -> None:
    book = StandingOrders("paused")
    assert book.words(HAPROXY) == ""
    book.begin(order(until=86400.0 * 365))
    words = book.words(HAPROXY)
    assert words.startswith("is paused by alice (uid 0) until 197")
    assert words.endswith(": goes mad")
