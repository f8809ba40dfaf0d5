"""The service manager that an environment names, and what is given on of an environment."""

import os

import pytest

from lighthouse.process.environment import scrubbed
from lighthouse.process.service_manager import ServiceManager


@pytest.mark.parametrize(
    ("variables", "there", "watchdog"),
    [
        ({}, False, None),
        ({"NOTIFY_SOCKET": "/run/notify"}, True, None),
        ({"NOTIFY_SOCKET": "@notify", "WATCHDOG_USEC": "30000000"}, True, 30.0),
        ({"NOTIFY_SOCKET": "@"}, False, None),
        ({"NOTIFY_SOCKET": "relative"}, False, None),
        ({"NOTIFY_SOCKET": "vsock:2:1234"}, False, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "x"}, True, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"}, True, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}, True, None),
        ({"WATCHDOG_USEC": "5000000"}, False, None),
    ],
)
def test_what_an_environment_names(
    variables: dict[str, str], there: bool, watchdog: float | None
) -> None:
    environment = {**variables, "PATH": "/bin"}
    manager = ServiceManager.take(environment)
    assert (bool(manager), manager.watchdog) == (there, watchdog)
    assert environment == {"PATH": "/bin"}, "it names one to later processes"


def test_the_watchdog_of_this_very_process_is_fed() -> None:
    own = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}
    assert ServiceManager.take(own).watchdog == 1.5


def test_what_leads_to_others_is_not_given_on() -> None:
    kept = {"PATH": "/bin", "LANG": "C", "DB_PASSWORD": "x", "HOME": "/root", "TZ": "UTC"}
    own = {"SSH_AUTH_SOCK": "/s", "SUDO_USER": "ann", "NOTIFY_SOCKET": "/n", "LISTEN_FDS": "1"}
    assert scrubbed({**kept, **own}) == kept
