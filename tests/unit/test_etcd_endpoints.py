"""Which endpoint is tried when."""

from lighthouse.etcd.endpoints import Endpoints
from lighthouse.etcd.errors import Denied, EtcdAway
from lighthouse.etcd.settings import Endpoint

ALL = [Endpoint(False, f"10.0.0.{number}", 2379) for number in (1, 2, 3)]


def made(count: int = 3) -> Endpoints:
    return Endpoints(ALL[:count], lambda low, high: high)


def test_every_endpoint_is_tried_before_there_is_a_pause() -> None:
    endpoints = made()
    tried = set()
    for last in (False, False, True):
        tried.add(endpoints.current)
        delay = endpoints.failed(EtcdAway("refused"))
        assert (delay > 0) is last
        assert endpoints.exhausted is last
    assert tried == set(ALL)
    assert endpoints.current in tried


def test_who_served_is_left_at_once_and_not_blamed() -> None:
    endpoints = made()
    first = endpoints.current
    endpoints.good()
    endpoints.move_on()
    assert endpoints.current != first
    assert not endpoints.exhausted
    assert endpoints.failed(EtcdAway("refused")) == 0.0


def test_pauses_grow_where_somebody_has_to_change_something() -> None:
    endpoints = made(1)
    away = [endpoints.failed(EtcdAway("refused")) for _ in range(5)]
    assert max(away) < 0.1
    endpoints.good()
    denied = [endpoints.failed(Denied("wrong password")) for _ in range(5)]
    assert denied == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_pauses_stay_short_while_one_of_them_is_only_away() -> None:
    endpoints = made(2)
    delays = []
    for _ in range(4):
        endpoints.failed(Denied("wrong password"))
        delays.append(endpoints.failed(EtcdAway("refused")))
    assert max(delays) < 0.1


def test_the_reason_names_everybody_once() -> None:
    endpoints = made()
    order = []
    for fault in ("refused", "refused", "timed out"):
        order.append(str(endpoints.current))
        endpoints.failed(EtcdAway(fault))
    assert endpoints.reason() == f"{order[0]}, {order[1]}: refused; {order[2]}: timed out"
    endpoints.good()
    assert endpoints.reason() == ""
