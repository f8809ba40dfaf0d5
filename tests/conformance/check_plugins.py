"""A check that is right, and what makes it wrong in one way each."""

from typing import Final

from tests.conformance.wrong import Wrong

RIGHT: Final = """
import socket
import time
from pathlib import Path

import msgspec

from lighthouse import hookimpl
from lighthouse.check import Check, Result
from lighthouse.schema import convert
from lighthouse.secret import Secret


class Settings(msgspec.Struct, frozen=True):
    expect: str
    password: Secret | None = None


class Own(Check):
    @classmethod
    def validate_config(cls, config):
        convert(config, Settings)

    def apply_config(self, config):
        self.settings = convert(config, Settings)

    def perform(self, host, port, timeout):
        deadline = time.monotonic() + timeout
        greeting = b""
        with socket.create_connection((host, port), timeout) as connection:
            if self.settings.password is not None:
                connection.sendall(self.settings.password.read().encode() + b"\\n")
            while not greeting.endswith(b"\\n") and len(greeting) < 1024:
                left = deadline - time.monotonic()
                if left <= 0:
                    return Result(False, "no greeting in time")
                connection.settimeout(left)
                data = connection.recv(1024)
                if not data:
                    return Result(False, "closes without a greeting")
                greeting += data
        text = greeting.decode("utf-8", "replace").strip()
        if not text.startswith(self.settings.expect):
            return Result(False, f"greets with {text[:60]!r}")
        return Result(True, "greets", {"version": text.removeprefix(self.settings.expect)[:50]})


@hookimpl
def lighthouse_check():
    return Own
"""

_PERFORM: Final = '        deadline = time.monotonic() + timeout\n        greeting = b""\n'
_PASSWORD: Final = "self.settings.password.read()"

WRONG: Final = [
    Wrong(
        "takes every section",
        "bad_configs_are_refused_with_the_place",
        "expect: it is taken, expected ValueError",
        "        convert(config, Settings)\n\n    def apply",
        "        pass\n\n    def apply",
    ),
    Wrong(
        "lets what is well not pass",
        "a_service_that_is_well_passes",
        "a service that is well does not pass: greets with 'own 1.0'",
        "if not text.startswith(",
        "if text.startswith(",
    ),
    Wrong(
        "finds out what cannot be published",
        "a_service_that_is_well_passes",
        "its metadata: greets; metadata: .* is left out",
        '{"version": text.removeprefix(self.settings.expect)[:50]}',
        '{"text": "a" * 5000}',
    ),
    Wrong(
        "publishes no JSON",
        "a_service_that_is_well_passes",
        "its metadata: greets; ",
        '{"version": text.removeprefix(self.settings.expect)[:50]}',
        '{"port": {1, 2}}',
    ),
    Wrong(
        "lets nobody pass",
        "nobody_there_does_not_pass",
        "a port that nobody listens at passes",
        _PERFORM,
        f"{_PERFORM}        if socket.socket().connect_ex((host, port)):\n"
        "            return Result(True)\n",
    ),
    Wrong(
        "fails without a word",
        "nobody_there_does_not_pass",
        "a port that nobody listens at fails without a reason",
        _PERFORM,
        f"{_PERFORM}        if socket.socket().connect_ex((host, port)):\n"
        "            return Result(False)\n",
    ),
    Wrong(
        "waits for ever",
        "odd_answers_do_not_pass_and_keep_to_the_timeout",
        "silent service, timeout 0.3 s: it took",
        "connection.settimeout(left)",
        "connection.settimeout(None)",
    ),
    Wrong(
        "gives each byte its time",
        "odd_answers_do_not_pass_and_keep_to_the_timeout",
        "slow service, timeout 0.3 s: it took",
        "left = deadline - time.monotonic()",
        "left = timeout",
    ),
    Wrong(
        "is content with a connection",
        "odd_answers_do_not_pass_and_keep_to_the_timeout",
        "silent service, timeout 0.3 s: it passes",
        _PERFORM,
        f"        socket.create_connection((host, port), timeout).close()\n"
        f"        return Result(True)\n{_PERFORM}",
    ),
    Wrong(
        "is content with half",
        "odd_answers_do_not_pass_and_keep_to_the_timeout",
        "half service, timeout 0.3 s: it passes",
        'return Result(False, "closes without a greeting")',
        "break",
    ),
    Wrong(
        "opens and does not close",
        "nothing_is_held_that_grows",
        "after its performances are held: .* more descriptors",
        _PERFORM,
        f"{_PERFORM}        __import__('os').dup(1)\n",
    ),
    Wrong(
        "leaves a thread for each performance",
        "nothing_is_held_that_grows",
        "after its performances are held: .* more threads",
        _PERFORM,
        f"{_PERFORM}        import threading\n"
        "        threading.Thread(target=threading.Event().wait, daemon=True).start()\n",
    ),
    Wrong(
        "reads its password once",
        "credentials_are_read_again",
        "the password's file was mended, and it goes on failing",
        _PASSWORD,
        "self.__dict__.setdefault('kept', self.settings.password.read())",
    ),
    Wrong(
        "does not ask for a password",
        "credentials_are_read_again",
        "it passes with a wrong password",
        _PASSWORD,
        "'right'",
    ),
    Wrong(
        "exits where nobody listens",
        "nobody_there_does_not_pass",
        "not every probe has a result in time: the worker has ended: exited with status 5",
        _PERFORM,
        f"{_PERFORM}        if socket.socket().connect_ex((host, port)):\n"
        "            __import__('os')._exit(5)\n",
    ),
]
