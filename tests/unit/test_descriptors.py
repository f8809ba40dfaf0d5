"""The advice of ``check`` on the limit of open files."""

import resource

import pytest

from lighthouse.commands.offline.descriptors import too_few


@pytest.mark.parametrize(
    ("workers", "limit", "warned"),
    [
        (3, 1024, False),
        (119, 1024, False),
        (121, 1024, True),
        (0, 16, True),
        (500, resource.RLIM_INFINITY, False),
    ],
)
def test_too_few_descriptors_for_the_workers(workers: int, limit: int, warned: bool) -> None:
    found = list(too_few(workers, limit))
    assert [fault.warning for fault in found] == [True] * warned
    assert all("LimitNOFILE" in fault.message for fault in found)
