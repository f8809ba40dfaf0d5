"""What HAProxy listens for besides clusters: its own pages, and ports that clusters share."""

import msgspec

from lighthouse.haproxy.schema.grammar import Port


class Timeouts(msgspec.Struct, frozen=True):
    """Milliseconds, or text with a unit such as ``10s``.

    ``connect`` is for the connection to a server. ``client`` is for a silent client.
    ``server`` is for a silent server.
    """

    connect: int | str = "5s"
    client: int | str = "60s"
    server: int | str = "60s"


class Stats(msgspec.Struct, frozen=True):
    """The built-in statistics page.

    ``port`` is where it is served. ``uri`` is its path. ``timeouts`` are those of its
    connections. ``bind_options`` follow the address of its bind line.
    """

    port: Port
    uri: str = "/"
    timeouts: Timeouts = Timeouts()
    bind_options: str = ""


class Prometheus(msgspec.Struct, frozen=True):
    """The built-in exporter of metrics.

    ``port`` is where it is served. ``path`` is its path. ``bind_options`` follow the address
    of its bind line.
    """

    port: Port
    path: str = "/metrics"
    bind_options: str = ""


class MetaCluster(msgspec.Struct, frozen=True):
    """One port that several clusters share; each member says which requests are its own.

    ``port`` is the one that they share. ``frontend`` are lines of its frontend.
    ``bind_options`` follow the address of its bind line.
    """

    port: Port
    frontend: tuple[str, ...] = ()
    bind_options: str = ""
