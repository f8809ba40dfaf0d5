"""From a parsed file to its typed content, one function for each kind of file.

Each of them notes every fault in the section's ``problems``; the content counts only if there
is none. What depends on other files is judged elsewhere.
"""

import logging
import os
from pathlib import Path
from typing import Any, Final

from lighthouse import schema
from lighthouse.config.schema import access, log_trial, members, quantity, web
from lighthouse.config.schema.accounts import look_up
from lighthouse.config.schema.section import SectionReader
from lighthouse.config.schema.types import (
    CHECK_LOSS_AFTER,
    CheckFile,
    ClusterFile,
    DaemonSettings,
    DampingPolicy,
    PluginFile,
    ServiceFile,
    WebFile,
    WorkerSettings,
)
from lighthouse.node import MAX_WEIGHT, Refused, parse
from lighthouse.schema import shown

MIN_MEMORY: Final = 32 * 1024 * 1024
"""Bytes; a plugin's process needs about as much before it does anything."""

SHORTEST_INTERVAL: Final = 0.1
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LOGGING_MAPS: Final = ("formatters", "filters", "handlers", "loggers")


def daemon(section: SectionReader, root: Path) -> DaemonSettings:
    """``lighthouse.yaml``; relative paths are taken from the tree."""

    def path(value: object) -> Path:
        text = schema.convert(value, str)
        if not text or not text.isprintable():
            raise ValueError(f"expected a path, got {shown(text)}")
        return root / text

    default = DaemonSettings()
    workers = worker(section.section("worker"), default.worker)
    content = DaemonSettings(
        run_dir=section.take("run_dir", path, None),
        state_dir=section.take("state_dir", path, None),
        advertise=section.address("advertise"),
        metadata=section.take("metadata", _metadata, {}),
        stop_timeout=section.seconds("stop_timeout", default.stop_timeout),
        drain_delay=section.seconds("drain_delay", default.drain_delay),
        deregister_on_stop=section.take("deregister_on_stop", _flag, default.deregister_on_stop),
        worker=workers,
        log_file=section.take("log_file", path, None),
        log_level=section.take("log_level", _level, default.log_level),
        control=access.control(section.section("control")),
        web=_web(section, root, workers),
    )
    section.close()
    return content


def _web(section: SectionReader, root: Path, default: WorkerSettings) -> WebFile | None:
    """``web``: a map, an empty one too; ``off`` is the same as none."""
    own = section.switch("web") if "web" in section else None
    if own is None:
        return None
    content = WebFile(web.web(own, root), worker(own.section("worker"), default))
    own.close()
    return content


def worker(section: SectionReader, default: WorkerSettings) -> WorkerSettings:
    """A ``worker:`` map; what it does not say is as in ``default``."""
    settings = WorkerSettings(
        user=section.take("user", _user, default.user),
        memory=section.take("memory", _memory, default.memory),
        sync_timeout=section.seconds("sync_timeout", default.sync_timeout, 0.1),
        stop_timeout=section.seconds("stop_timeout", default.stop_timeout),
        start_timeout=section.seconds("start_timeout", default.start_timeout, 0.1),
        processes=section.whole("processes", default.processes, 8, 100_000),
        zombies=section.whole("zombies", default.zombies, 1, 100_000),
        threads=section.whole("threads", default.threads, 8, 100_000),
        descriptors=section.whole("descriptors", default.descriptors, 64, 1_000_000),
        log_lines=section.whole("log_lines", default.log_lines, 1, 100_000),
        new_privileges=section.take("new_privileges", _flag, default.new_privileges),
    )
    section.close()
    return settings


def plugin(section: SectionReader, name: str, file: str, default: WorkerSettings) -> PluginFile:
    """A file of ``balancers/`` or ``discovery/``."""
    return PluginFile(
        name=name,
        plugin=section.name("plugin", name),
        worker=worker(section.section("worker"), default),
        config=section.rest(),
        file=file,
    )


def cluster(section: SectionReader, name: str, file: str) -> ClusterFile:
    """A file of ``clusters/``; which balancers there are is not judged here."""
    discovery = section.names("discovery")
    registered_as = section.name("name", "")
    meta_cluster = section.name("meta_cluster", None)
    policy = members.policy(section, discovery)
    sections = {}
    for key, value in section.rest().items():
        if value is None or isinstance(value, dict):
            sections[key] = value or {}
        else:
            known = ("discovery", "name", "meta_cluster", *members.KEYS)
            section.note(_no_section(key, value, known, "balancer"), key)
    return ClusterFile(name, discovery, meta_cluster, policy, sections, file, registered_as)


def service(section: SectionReader, stem: str, file: str) -> ServiceFile:
    """A file of ``services/``; which checks and discovery files there are is not judged here."""
    if "port" not in section and "ports" not in section:
        section.note("'port' (or 'ports') is missing")
    if "port" in section and "ports" in section:
        section.note("expected either 'port' or 'ports', got both", "ports")
    port = section.whole("port", None, 1, 65535)
    ports = section.ports("ports")
    content = ServiceFile(
        name=section.name("name", stem),
        host=section.take("host", _host, "127.0.0.1"),
        ports=ports if port is None else (port,),
        discovery=section.names("discovery"),
        advertise=section.address("advertise"),
        weight=section.whole("weight", 1, 0, MAX_WEIGHT),
        metadata=section.take("metadata", _metadata, {}),
        checks=_checks(section.section("checks")),
        file=file,
        flap_damping=_damping(section),
        drain_delay=section.seconds("drain_delay", 0.0) if "drain_delay" in section else None,
        on_check_loss=_on_check_loss(section),
    )
    section.close()
    return content


def log_config(section: SectionReader) -> dict[str, Any]:
    """``logging.yaml``: a dictConfig that can be applied, all its classes included."""
    version = section.take("version", lambda value: value, None)
    if "version" not in section:
        section.note("'version' is missing; expected version: 1")
    elif version != 1 or isinstance(version, bool):
        section.note(f"expected 1, got {shown(version)}", "version")
    maps = {key: section.section(key) for key in _LOGGING_MAPS}
    named = {key: set(entries.rest()) for key, entries in maps.items()}
    for key, entries in maps.items():
        for name in entries.data:
            _log_entry(key, entries.section(name), named)
    _log_entry("loggers", section.section("root"), named)
    section.take("incremental", _flag, False)
    section.take("disable_existing_loggers", _flag, True)
    section.close()
    if not section.problems:
        for problem in log_trial.rejections(section.data):
            section.note(problem.message, *problem.path)
    return section.data


def _log_entry(kind: str, entry: SectionReader, named: dict[str, set[str]]) -> None:
    if "level" in entry and kind in ("handlers", "loggers"):
        entry.take("level", _any_level, None)
    if kind == "handlers" and "class" not in entry and "()" not in entry:
        entry.note("'class' is missing")
    for key, kinds in (("handlers", "handlers"), ("filters", "filters")):
        names = entry.data.get(key)
        for index, name in enumerate(names if isinstance(names, list) else ()):
            if isinstance(name, str) and name not in named[kinds]:
                entry.note(f"there is no {kinds[:-1]} {shown(name)}", key, index)
    formatter = entry.data.get("formatter")
    if isinstance(formatter, str) and formatter not in named["formatters"]:
        entry.note(f"there is no formatter {shown(formatter)}", "formatter")


def _damping(section: SectionReader) -> DampingPolicy | None:
    """``flap_damping``: a map, or ``off`` to have none."""
    limits = section.switch("flap_damping")
    if limits is None:
        return None
    default = DampingPolicy()
    damping = DampingPolicy(
        burst=limits.whole("burst", default.burst, 1, 1000),
        every=limits.seconds("every", default.every, SHORTEST_INTERVAL),
    )
    limits.close()
    return damping


def _on_check_loss(section: SectionReader) -> float | None:
    """``on_check_loss``: seconds after which to deregister, None to keep what is registered."""
    chosen = section.variant("on_check_loss", ("keep", "deregister"))
    if chosen is None:
        return CHECK_LOSS_AFTER
    name, inside = chosen
    after = inside.seconds("after", CHECK_LOSS_AFTER) if name == "deregister" else None
    inside.close()
    return after


def _checks(section: SectionReader) -> tuple[CheckFile, ...]:
    interval = section.seconds("interval", 2.0, SHORTEST_INTERVAL)
    timeout = section.seconds("timeout", 1.0, 0.001)
    checks = []
    for key, value in section.rest().items():
        if value is None or isinstance(value, dict):
            checks.append(_check(section.section(key), key, interval, timeout))
        else:
            section.note(_no_section(key, value, ("interval", "timeout"), "check"), key)
    return tuple(checks)


def _no_section(key: str, value: object, known: tuple[str, ...], plugin: str) -> str:
    """What is wrong with a key that is neither a known one nor a plugin's name with a map."""
    if schema.resembled(key, known):
        return schema.unknown(key, known)
    keys = ", ".join(sorted(known))
    return (
        f"expected a map for the {plugin} '{key}', or one of the keys {keys}; got {shown(value)}"
    )


def _check(section: SectionReader, name: str, interval: float, timeout: float) -> CheckFile:
    return CheckFile(
        plugin=name,
        interval=section.seconds("interval", interval, SHORTEST_INTERVAL),
        timeout=section.seconds("timeout", timeout, 0.001),
        rise=section.whole("rise", 1, 1, 1000),
        fall=section.whole("fall", 1, 1, 1000),
        config=section.rest(),
    )


def _host(value: object) -> str:
    text = schema.convert(value, str)
    try:
        parse({"host": text, "ip": "127.0.0.1", "port": 1}, strict=True)
    except Refused as error:
        raise ValueError(str(error).removeprefix("host: ")) from None
    return text


def _metadata(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a map, got {shown(value)}")
    try:
        return parse({"ip": "127.0.0.1", "port": 1, "metadata": value}, strict=True).metadata
    except Refused as error:
        raise ValueError(str(error).removeprefix("metadata: ")) from None


def _memory(value: object) -> int:
    memory = quantity.size(value)
    if memory < MIN_MEMORY:
        raise ValueError(f"expected at least 32M, got {shown(value)}")
    return memory


def _user(value: object) -> str:
    text = schema.convert(value, str)
    account = look_up(text)
    if not account.known:
        return text  # its worker finds out, and has the time
    if account.uid is None:
        raise ValueError(f"there is no user {shown(text)} on this host")
    if os.geteuid() not in (0, account.uid):
        raise ValueError(f"only root can run a worker as user {shown(text)}, and this is not root")
    return text


def _level(value: object) -> str:
    if isinstance(value, str) and value.upper() in _LEVELS:
        return value.upper()
    raise ValueError(f"expected one of {', '.join(_LEVELS)}; got {shown(value)}")


def _any_level(value: object) -> None:
    """A level of the logging module, by name or number."""
    known = logging.getLevelNamesMapping()
    if isinstance(value, bool) or not (isinstance(value, int) or value in known):
        raise ValueError(f"expected one of {', '.join(known)} or a number; got {shown(value)}")


def _flag(value: object) -> bool:
    return schema.convert(value, bool)
