"""What one HAProxy has for itself on a host: its files, its sockets and its own ports."""

from collections.abc import Iterator

from lighthouse.balancer import Claim
from lighthouse.haproxy.schema.balancer import HAProxySettings

Keys = tuple[str | int, ...]


def claims(settings: HAProxySettings) -> tuple[Claim, ...]:
    """What the settings claim; ports of clusters are not among them."""
    files = [
        Claim((key,), "file", getattr(settings, key))
        for key in ("config_file", "socket_file", "pid_file", "master_socket", "state_file")
        if getattr(settings, key) is not None
    ]
    return (*files, *(Claim(path, "address", spot) for path, spot in _ports(settings)))


def _ports(settings: HAProxySettings) -> Iterator[tuple[Keys, str]]:
    own = settings.bind_address
    for key, page in (("stats", settings.stats), ("prometheus", settings.prometheus)):
        if page is not None:
            yield (key, "port"), f"{own}:{page.port}"
    for name, meta in settings.meta_clusters.items():
        yield ("meta_clusters", name, "port"), f"{own}:{meta.port}"
    for name, proxy in settings.proxies.items():
        yield ("proxies", name, "port"), f"{proxy.bind_address or own}:{proxy.port}"
