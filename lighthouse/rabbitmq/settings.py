"""The content of a balancer's file with ``plugin: rabbitmq``, and of a cluster's section."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from lighthouse.schema import Problem, convert, require, shown

HOST: Final = "{host}"
ERLANG_NODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,189})")
"""What is taken for the name of an Erlang node: nothing that a file or a command could misread."""

_SECOND: Final = 1.0
_DAY: Final = 86400.0
_TIME: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)?")
_UNITS: Final = {"s": _SECOND, "m": 60.0, "h": 3600.0, "d": _DAY}
_SHORTEST_AFTER: Final = 60.0

Duration = float | str
"""Seconds, or text such as ``24h``."""


class JoinSettings(msgspec.Struct, frozen=True):
    """Whether a blank node may join by itself, and how long at most it waits before, at random.

    ``enabled`` lets a blank node join. ``jitter`` is the longest wait before, in seconds or as
    10s.
    """

    enabled: bool = False
    jitter: Duration = 10.0


class ForgetSettings(msgspec.Struct, frozen=True):
    """Whether a member that is gone may be forgotten, when, and how many in 24 hours.

    ``enabled`` lets members be forgotten. ``after`` is for how long one has to be gone.
    ``max_per_day`` is how many in 24 hours.
    """

    enabled: bool = False
    after: Duration = "24h"
    max_per_day: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


class BrokerSettings(msgspec.Struct, frozen=True):
    """One broker node; times are seconds unless they are text with a unit.

    ``peers_file`` is where the list of peers is written; RabbitMQ reads what ends in .conf
    there. ``node_name`` is the name of a node, with {host} for its host. ``local_node`` is
    that of this host's node, if it is not what rabbitmqctl takes. ``rabbitmqctl`` is the
    command's path. ``cookie_file`` is that of Erlang's cookie. ``user`` is whose the cookie
    has to be. ``min_peers`` is how many names have to be seen before a file is written.
    ``interval`` lies between two looks at the cluster. ``timeout`` is how long one command may
    take. ``state_file`` keeps who is absent since when, and what was forgotten. ``join`` is
    for nodes that are new. ``forget`` is for members that are gone for good.
    """

    peers_file: str = "/etc/rabbitmq/conf.d/90-lighthouse.conf"
    node_name: str = f"rabbit@{HOST}"
    local_node: str | None = None
    rabbitmqctl: str = "/usr/sbin/rabbitmqctl"
    cookie_file: str = "/var/lib/rabbitmq/.erlang.cookie"
    user: str = "rabbitmq"
    min_peers: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    interval: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 60.0
    timeout: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 60.0
    state_file: str = "/var/lib/lighthouse/rabbitmq.json"
    join: JoinSettings = JoinSettings()
    forget: ForgetSettings = ForgetSettings()

    @property
    def acts(self) -> bool:
        """Return True if more may be done than writing the file and looking."""
        return self.join.enabled or self.forget.enabled


class BrokerSection(msgspec.Struct, frozen=True):
    """What a cluster's file says: that its nodes are the members of this broker's cluster."""


def parse_settings(config: Mapping[str, Any]) -> BrokerSettings:
    """The typed content; raises ``Invalid`` with every fault of it."""
    settings = convert(config, BrokerSettings)
    require(_faults(settings))
    return settings


def seconds(given: Duration) -> float:
    """A time in seconds; raises ``ValueError`` for what is none."""
    if isinstance(given, str):
        found = _TIME.fullmatch(given.strip())
        if found is None:
            raise ValueError(given)
        return float(found[1]) * _UNITS[found[2] or "s"]
    return float(given)


def _faults(settings: BrokerSettings) -> Iterator[Problem]:
    for key in ("peers_file", "rabbitmqctl", "cookie_file", "state_file"):
        path = getattr(settings, key)
        if not _is_path(path):
            yield Problem((key,), f"expected an absolute path of a file, got {shown(path)}")
    if _is_path(settings.peers_file) and not settings.peers_file.endswith(".conf"):
        told = "RabbitMQ reads only files that end in .conf there"
        yield Problem(("peers_file",), f"{told}, got {shown(settings.peers_file)}")
    if settings.state_file == settings.peers_file:
        yield Problem(("state_file",), "is the peers_file already")
    example = settings.node_name.replace(HOST, "host")
    if HOST not in settings.node_name or not ERLANG_NODE.fullmatch(example):
        told = f"expected a name such as rabbit@{HOST}"
        yield Problem(("node_name",), f"{told}, got {shown(settings.node_name)}")
    if settings.local_node is not None and not ERLANG_NODE.fullmatch(settings.local_node):
        told = "expected a name such as rabbit@mq1"
        yield Problem(("local_node",), f"{told}, got {shown(settings.local_node)}")
    yield from _duration(settings.join.jitter, ("join", "jitter"), 0, 3600)
    least = _SHORTEST_AFTER
    yield from _duration(settings.forget.after, ("forget", "after"), least, 365 * _DAY)


def _duration(
    given: Duration, place: tuple[str, str], least: float, most: float
) -> Iterator[Problem]:
    try:
        found = seconds(given)
    except ValueError:
        yield Problem(place, f"expected seconds or a time such as 24h, got {shown(given)}")
        return
    if not least <= found <= most:
        yield Problem(place, f"expected {least:g} to {most:g} seconds, got {shown(given)}")


def _is_path(text: str) -> bool:
    return text.startswith("/") and not text.endswith("/") and text.isprintable()
