"""Where one nginx is, as its settings, its binary and its own configuration say together."""

import os
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.files import Mark
from lighthouse.files.exchange import mark_at
from lighthouse.nginx import main_config
from lighthouse.nginx.build import NginxBuild, ask, find
from lighthouse.nginx.main_config import MainConfig
from lighthouse.nginx.settings import NginxSettings

_SHUTDOWN: Final = (
    "{file} has no worker_shutdown_timeout: each reload leaves workers behind for as long as one "
    "of their connections lasts; add `worker_shutdown_timeout 1m;` at its top"
)
_IDLE: Final = (
    "{file} has no keepalive_min_timeout: each reload ends idle connections of clients, and a "
    "request that is just on its way there is lost; add `keepalive_min_timeout 10s;` in http"
)


class NginxSite(msgspec.Struct, frozen=True):
    """An nginx: binary, main file, and what that says."""

    build: NginxBuild
    config_file: str
    main: MainConfig
    pid_file: str
    error_log: str | None
    prefix: str | None

    @property
    def warnings(self) -> list[str]:
        """What its operator had better change."""
        if self.main.shutdown_timeout is None:
            return [_SHUTDOWN.format(file=self.config_file)]
        return []

    def advice(self) -> list[str]:
        """What else they had better: found by reading every file. Raises ``OSError``."""
        if self.build.spares_idle_clients and not main_config.spares_idle(self.config_file):
            return [_IDLE.format(file=self.config_file)]
        return []


class SiteFinder:
    """Finds the nginx of the settings, and asks the binary again only if it is another one."""

    def __init__(self, settings: NginxSettings) -> None:
        self._settings: Final = settings
        self._asked: tuple[tuple[str, Mark], NginxBuild] | None = None

    def find(self) -> NginxSite:
        """Raises ``Absent``, or ``OSError`` if the main file cannot be read."""
        settings = self._settings
        build = self._build()
        prefix = settings.prefix or build.prefix
        config_file = settings.config_file or build.conf_path
        main = main_config.read(config_file)
        pid = settings.pid_file or main.pid or build.pid_path
        log = settings.error_log or main.error_log or build.error_log_path
        return NginxSite(
            build,
            config_file,
            main,
            os.path.join(prefix, pid),
            None if log in ("stderr", "") or ":" in log else str(Path(prefix, log)),
            settings.prefix,
        )

    def _build(self) -> NginxBuild:
        binary = find(self._settings.nginx_bin)
        key = binary, mark_at(binary)
        if self._asked is None or self._asked[0] != key:
            self._asked = key, ask(binary)
        return self._asked[1]
