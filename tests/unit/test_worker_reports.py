"""Which of a plugin's readings answers a reread that was asked for."""

import threading
from collections.abc import Callable, Iterator

import pytest

from lighthouse.discovery import OnReading, Reading
from lighthouse.process.wakeup import Wakeup
from lighthouse.workers.sources.reports import Reports


@pytest.fixture
def reports() -> Iterator[Reports]:
    made = Reports(Wakeup())
    with made.attended():
        yield made


def elsewhere(call: Callable[[], None]) -> None:
    """Have another thread do it, and wait for that."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def answered(reports: Reports, cluster: str = "web") -> int | None:
    """The reread that the newest reading answers."""
    found = reports.drain()[0].get(cluster)
    return None if found is None else found.reread


def test_what_a_call_reports_itself_and_all_that_follows_answer_it(reports: Reports) -> None:
    on_reading, _ = reports.open()
    reports.reread(1, lambda cluster: on_reading(cluster, Reading()), "web")
    assert answered(reports) == 1
    elsewhere(lambda: on_reading("web", Reading()))
    assert answered(reports) == 1
    reports.reread(2, lambda _: None, "web")
    assert answered(reports) is None
    elsewhere(lambda: on_reading("web", Reading()))
    assert answered(reports) == 2
    on_reading("other", Reading())
    assert answered(reports, "other") == 0


def test_a_reading_in_flight_does_not_answer(reports: Reports) -> None:
    on_reading, _ = reports.open()
    reports.reread(1, lambda _: elsewhere(lambda: on_reading("web", Reading())), "web")
    assert answered(reports) == 0

    def both(cluster: str) -> None:
        elsewhere(lambda: on_reading(cluster, Reading()))
        assert answered(reports) == 1
        on_reading(cluster, Reading())
        elsewhere(lambda: on_reading(cluster, Reading()))

    reports.reread(2, both, "web")
    assert answered(reports) == 2


def test_what_a_failed_call_reports_does_not_answer(reports: Reports) -> None:
    on_reading, _ = reports.open()
    reports.reread(1, lambda cluster: on_reading(cluster, Reading()), "web")
    with pytest.raises(OSError, match="half way"):
        reports.reread(2, _failing(on_reading), "web")
    assert answered(reports) == 1
    on_reading("web", Reading())
    assert answered(reports) == 1


def _failing(on_reading: OnReading) -> Callable[[str], None]:
    def fail(cluster: str) -> None:
        on_reading(cluster, Reading())
        raise OSError("half way")

    return fail
