"""The ``rabbitmq`` check: a broker takes connections and, if asked, its node is well."""

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import amqp
import msgspec

from lighthouse import hookimpl, secret
from lighthouse.check import Check, Result
from lighthouse.net.connection import BoundedConnection, Deadline, said
from lighthouse.net.tls import Contexts, Tls, problems
from lighthouse.rabbitmq.handshake import Broker, shake
from lighthouse.rabbitmq.management import Api, Management, Unhealthy
from lighthouse.rabbitmq.node import NodeCondition, facts, fault
from lighthouse.schema import Problem, convert, require
from lighthouse.secret import Secret
from lighthouse.text import one_line

DEFAULT_USER = "guest"
"""RabbitMQ's own, with the password of the same name; the broker takes it on loopback only."""


class RabbitmqSettings(msgspec.Struct, frozen=True):
    """``fail_on`` is what the management API may say that counts as not passing.

    ``username`` is whom to log in as. ``password`` is where the password lies. ``vhost`` is
    the virtual host to open. ``tls`` is for servers that want it: true, or a map.
    ``management`` is where the node's own report is asked for.
    """

    username: str = DEFAULT_USER
    password: Secret | None = None
    vhost: str = "/"
    tls: bool | Tls = False
    management: Management | None = None
    fail_on: tuple[NodeCondition, ...] = ("alarms", "partitions")


class RabbitmqCheck(Check):
    """Opens a connection as a client would, then looks at the node's own report."""

    settings_type: ClassVar = RabbitmqSettings

    def __init__(self) -> None:
        self._settings = RabbitmqSettings()
        self._contexts = Contexts(False)
        self._management_contexts = Contexts(False)

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        require(_faults(convert(config, RabbitmqSettings), "fail_on" in config))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = settings = convert(config, RabbitmqSettings)
        self._contexts = Contexts(settings.tls)
        self._management_contexts = Contexts(
            settings.management.tls if settings.management else False
        )

    def perform(self, host: str, port: int, timeout: float) -> Result:
        deadline = Deadline(timeout)
        try:
            password = self._password()
        except OSError as error:
            return Result(False, f"no password: {said(error)}")
        try:
            connection = BoundedConnection.open(host, port, self._contexts, deadline)
        except (OSError, ValueError) as error:
            return Result(False, f"no connection: {said(error)}")
        try:
            settings = self._settings
            broker = shake(connection, settings.username, password, settings.vhost)
        except amqp.AMQPError as error:
            return Result(False, one_line(f"refused: {_refusal(error)}"))
        except OSError as error:
            return Result(False, f"no answer: {said(error)}")
        finally:
            connection.close()
        return self._judge(broker, host, password, deadline)

    def _password(self) -> str:
        return DEFAULT_USER if self._settings.password is None else self._settings.password.read()

    def _judge(self, broker: Broker, host: str, password: str, deadline: Deadline) -> Result:
        found: dict[str, Any] = {}
        if broker.cluster_name:
            found["cluster_name"] = broker.cluster_name
        takes = one_line(f"takes connections, {broker.product} {broker.version}".rstrip(), 80)
        settings = self._settings
        if settings.management is None:
            return Result(True, takes, found)
        contexts = self._management_contexts
        connect = functools.partial(BoundedConnection.open, contexts=contexts, deadline=deadline)
        api = Api(connect, host, settings.management, settings.username, password)
        try:
            report = api.report(settings.fail_on)
        except Unhealthy as error:
            return Result(False, one_line(f"management: {error}"), found)
        wrong = fault(report, settings.fail_on)
        return Result(not wrong, one_line(wrong or f"{takes}, node well"), found | facts(report))


def _refusal(error: amqp.AMQPError) -> str:
    """What the broker says, and what to do about it."""
    text = str(error.reply_text or error)
    if "Login was refused" in text:
        return f"{text.split('.')[0]}; see 'username' and 'password'"
    return text


def _faults(settings: RabbitmqSettings, fail_on: bool) -> list[Problem]:
    found = [*problems(settings.tls), *secret.problems(settings.password, "password")]
    if settings.username != DEFAULT_USER and settings.password is None:
        found.append(Problem(("username",), "'password' is missing beside it"))
    if any(len(text.encode()) > 255 for text in (settings.vhost, settings.username)):
        found.append(Problem((), "'vhost' and 'username' have at most 255 bytes"))
    if settings.management is None:
        if fail_on:
            found.append(Problem(("fail_on",), "means nothing without 'management'"))
        return found
    prefix = settings.management.prefix
    if prefix and not (prefix.startswith("/") and prefix.isascii() and prefix.isprintable()):
        found.append(Problem(("management", "prefix"), "expected a path such as /rabbit"))
    inner = problems(settings.management.tls)
    return [*found, *(Problem(("management", *fault.path), fault.message) for fault in inner)]


@hookimpl
def lighthouse_check() -> type[Check]:
    return RabbitmqCheck
