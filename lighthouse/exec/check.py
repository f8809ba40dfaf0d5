"""Checks that a command calls a service well, by its exit status."""

import shlex
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from lighthouse import hookimpl, secret
from lighthouse.check import Check, Result
from lighthouse.schema import Problem, convert, require
from lighthouse.secret import Secret
from lighthouse.software.command import Command, common_environment, faults_of
from lighthouse.text import one_line


class ExecSettings(msgspec.Struct, frozen=True):
    """``command`` is a list of arguments, or text that is split as a shell would split it.

    ``status`` is the exit status (or several) that means healthy. ``env`` is what its
    environment has besides: values, or where a secret lies.
    """

    command: str | list[str]
    status: int | list[int] = 0
    env: dict[str, str | int | float | Secret] = {}


class ExecCheck(Check):
    """Runs the command without a shell, with the probe's address in its environment."""

    settings_type: ClassVar = ExecSettings

    def __init__(self) -> None:
        self._arguments: list[str] = []
        self._statuses: frozenset[int] = frozenset((0,))
        self._env: dict[str, str | int | float | Secret] = {}
        self._command: Command | None = None
        self._cancelled = False

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        require(_faults(convert(config, ExecSettings)))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        settings = convert(config, ExecSettings)
        self._arguments = _split(settings.command)
        self._statuses = frozenset(_statuses(settings))
        self._env = settings.env

    def perform(self, host: str, port: int, timeout: float) -> Result:
        place = {"LIGHTHOUSE_HOST": host, "LIGHTHOUSE_PORT": str(port)}
        try:
            own = {name: _text(value) for name, value in self._env.items()}
            self._command = Command(
                self._arguments, {**common_environment(), **own, **place}, guarded=True
            )
            if self._cancelled:
                self._command.cancel()
            outcome = self._command.run(timeout)
        except (OSError, ValueError) as error:
            return Result(False, one_line(f"cannot be run: {error}"))
        passing = outcome.status in self._statuses
        return Result(passing, outcome.told(timeout))

    def cancel(self) -> None:
        self._cancelled = True
        if self._command is not None:
            self._command.cancel()


def _text(value: str | float | Secret) -> str:
    return value.read() if isinstance(value, Secret) else str(value)


def _split(command: str | list[str]) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else list(command)


def _statuses(settings: ExecSettings) -> list[int]:
    return settings.status if isinstance(settings.status, list) else [settings.status]


def _faults(settings: ExecSettings) -> list[Problem]:
    found = []
    try:
        arguments = _split(settings.command)
    except ValueError as error:
        found.append(Problem(("command",), f"cannot be split into arguments: {error}"))
    else:
        found += [Problem(("command",), fault) for fault in faults_of(arguments)]
    if not all(0 <= status <= 255 for status in _statuses(settings)):
        found.append(Problem(("status",), "expected 0..255"))
    for name, value in settings.env.items():
        if not name or "=" in name or "\0" in name + str(value):
            found.append(Problem(("env", name), "not a variable that can be set"))
        if isinstance(value, Secret):
            found += secret.problems(value, "env", name)
    return found


@hookimpl
def lighthouse_check() -> type[Check]:
    return ExecCheck
