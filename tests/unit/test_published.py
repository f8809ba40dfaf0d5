"""What this host may have registered: never too little of it is known."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lighthouse.ipc.messages import decode_as, encode
from lighthouse.ipc.payloads import Registration
from lighthouse.node import Node
from lighthouse.registration.published import KEPT, Published, PublishedNode
from lighthouse.service import Service


def service(name: str = "web", ip: str = "10.0.0.1", port: int = 80, **metadata: Any) -> Service:
    return Service(name, port, Node("here", ip, port, 5, metadata))


def places(services: list[Service]) -> list[tuple[str, str, str, int]]:
    return [one.place for one in services]


def gone(one: Service) -> Registration:
    return Registration(one.place, registered=False, gone=True)


def test_what_is_not_provided_any_more_is_superfluous_until_it_is_gone() -> None:
    published = Published()
    published.want("files", [service(), service("db", port=5432)])
    published.want("files", [service()])
    assert places(published.superfluous("files", [service()], [])) == [
        service("db", port=5432).place
    ]
    assert published.superfluous("other", [], []) == []
    published.told("files", [Registration(service("db", port=5432).place, registered=False)])
    assert len(published.superfluous("files", [service()], [])) == 1
    published.told("files", [gone(service("db", port=5432))])
    assert published.superfluous("files", [service()], []) == []


def test_an_older_node_of_a_service_waits_until_its_checks_have_decided() -> None:
    published = Published([PublishedNode("files", service(ip="10.0.0.9"))])
    assert published.superfluous("files", [], [service().key]) == []
    assert len(published.superfluous("files", [service()], [])) == 1


def test_a_confirmation_of_an_older_order_is_no_news() -> None:
    published = Published()
    published.want("files", [service()])
    published.told("files", [gone(service())])
    assert len(published.all()) == 1


def test_metadata_is_no_reason_to_write_anything() -> None:
    published = Published()
    published.want("files", [service(lag=1)])
    before = published.all()
    published.want("files", [service(lag=2)])
    assert published.all() == before
    again = Published(decode_as(tuple[PublishedNode, ...], encode(before)))
    assert again.all() == before


SETS = st.frozensets(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]))


@given(st.lists(st.tuples(SETS, SETS)))
def test_a_node_that_may_stand_is_always_known(
    orders: list[tuple[frozenset[str], frozenset[str]]],
) -> None:
    """A source that does as it is told, or only a part of it, and confirms only what it did."""
    published, stands = Published(), set[str]()
    for wanted, removed in orders:
        published.want("files", [service(ip=ip) for ip in sorted(wanted)])
        stands |= wanted
        going = {
            one.node.ip
            for one in published.superfluous("files", [service(ip=ip) for ip in wanted], [])
        }
        done = going & removed
        stands -= done
        published.told("files", [gone(service(ip=ip)) for ip in sorted(done)])
        published = Published(published.all())  # the daemon was killed here
        assert stands <= {entry.service.node.ip for entry in published.all()}


def test_nodes_of_a_discovery_that_was_removed_are_kept_for_a_while() -> None:
    published = Published()
    published.want("files", [service()])
    published.pass_time({"files"}, 0.0)
    published.pass_time({"other"}, 1000.0)
    again = Published(decode_as(tuple[PublishedNode, ...], encode(published.all())))
    again.pass_time({"other"}, 1000.0 + KEPT - 1)
    assert len(again.superfluous("files", [], [])) == 1
    again.pass_time({"files"}, 1000.0 + KEPT)
    assert again.all()[0].absent_since is None
    published.pass_time({"other"}, 1000.0 + KEPT)
    assert published.all() == ()
