"""How long a server may take to answer: never so long that a session is lost over waiting."""

import pytest

from lighthouse.zookeeper.protocol.client import HANDSHAKE, HANDSHAKE_TLS, PATIENT, patience


@pytest.mark.parametrize(
    ("late", "allowed", "has_session", "seconds"),
    [
        (0, 10.0, True, HANDSHAKE),
        (2, 10.0, True, 4 * HANDSHAKE),
        (9, 10.0, True, 10.0),
        (9, 0.7, True, 0.7),
        (0, 0.1, True, HANDSHAKE / 2),
        (0, 0.7, False, HANDSHAKE),
        (1, 0.7, False, 2 * HANDSHAKE),
        (9, 0.7, False, PATIENT),
        (9, 10.0, False, 10.0),
    ],
)
def test_patience(late: int, allowed: float, has_session: bool, seconds: float) -> None:
    assert patience(HANDSHAKE, late, allowed, has_session) == pytest.approx(seconds)


def test_tls_has_more_from_the_beginning() -> None:
    assert patience(HANDSHAKE_TLS, 0, 0.7, has_session=False) == HANDSHAKE_TLS
