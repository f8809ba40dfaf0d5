"""Durations, sizes and shares as people write them."""

from typing import Any

import pytest

from lighthouse.config.schema.quantity import seconds, share, size


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0.0),
        (2, 2.0),
        (0.25, 0.25),
        ("10", 10.0),
        ("10s", 10.0),
        ("500ms", 0.5),
        ("1.5m", 90.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        (" 3 s ", 3.0),
    ],
)
def test_seconds(value: Any, expected: float) -> None:
    assert seconds(value) == pytest.approx(expected)


@pytest.mark.parametrize(
    "value",
    [
        *["", "s", "10x", "-1s", -1, "1e3", float("nan"), float("inf"), "25h", 10**30, True],
        *[None, [], {}, "1 0", "\u0661s", "10S"],
    ],
)
def test_no_seconds(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected .*got "):
        seconds(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1024, 1024),
        ("1024", 1024),
        ("4k", 4096),
        ("4K", 4096),
        ("256M", 256 << 20),
        ("256MB", 256 << 20),
        ("256MiB", 256 << 20),
        ("1.5G", 3 << 29),
        ("1T", 1 << 40),
    ],
)
def test_size(value: Any, expected: int) -> None:
    assert size(value) == expected


@pytest.mark.parametrize("value", ["", "M", "256X", "-1M", -5, True, None, [], "256 M M"])
def test_no_size(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected bytes .*got "):
        size(value)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0.0), (1, 1.0), (0.3, 0.3), ("0.3", 0.3), ("30%", 0.3)]
)
def test_share(value: Any, expected: float) -> None:
    assert share(value) == pytest.approx(expected)


@pytest.mark.parametrize("value", [1.1, "101%", -0.1, "half", None, False, "50m"])
def test_no_share(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected 0..1 .*got "):
        share(value)
