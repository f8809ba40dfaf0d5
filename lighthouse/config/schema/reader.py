"""From a parsed file to its typed content, one function for each kind of file.

Each of them notes every fault in the section's ``problems``; the content counts only if there
is none. What depends on other files is judged elsewhere.
"""

from pathlib import Path
from typing import Any, Final

from lighthouse import schema
from lighthouse.config.schema import access, log_trial, members
from lighthouse.config.schema.keys.table import KeyTable
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
from lighthouse.config.schema.web import WebSettings
from lighthouse.schema import shown

_LOGGING_MAPS: Final = ("formatters", "filters", "handlers", "loggers")


def daemon(section: SectionReader, root: Path) -> DaemonSettings:
    """``lighthouse.yaml``; relative paths are taken from the tree."""
    default = DaemonSettings()
    keys = [name for name in section.table.keys if name not in ("worker", "control", "web")]
    workers = worker(section.section("worker"), default.worker)
    settings = DaemonSettings(
        **_under(root, section.settings(default, *keys), "run_dir", "state_dir", "log_file"),
        worker=workers,
        control=access.control(section.section("control")),
        web=_web(section, root, workers),
    )
    section.close()
    return settings


def _web(section: SectionReader, root: Path, default: WorkerSettings) -> WebFile | None:
    """``web``: a map, an empty one too; ``off`` is the same as none."""
    own = section.switch("web") if "web" in section else None
    if own is None:
        return None
    content = own.settings(WebSettings(), "listen", "token_file")
    content["allowed_hosts"] = own.each("allowed_hosts")
    settings = WebSettings(**_under(root, content, "token_file"))
    own.close()
    return WebFile(settings, worker(own.section("worker"), default))


def _under(root: Path, content: dict[str, Any], *paths: str) -> dict[str, Any]:
    """The content with these paths as they are from the tree."""
    given = {key: root / content[key] for key in paths if content[key] is not None}
    return content | given


def worker(section: SectionReader, default: WorkerSettings) -> WorkerSettings:
    """A ``worker:`` map; what it does not say is as in ``default``."""
    settings = WorkerSettings(**section.settings(default))
    section.close()
    return settings


def plugin(section: SectionReader, name: str, file: str, default: WorkerSettings) -> PluginFile:
    """A file of ``balancers/`` or ``discovery/``."""
    return PluginFile(
        name=name,
        plugin=section.take("plugin", name),
        worker=worker(section.section("worker"), default),
        config=section.rest(),
        file=file,
    )


def cluster(section: SectionReader, name: str, file: str) -> ClusterFile:
    """A file of ``clusters/``; which balancers there are is not judged here."""
    discovery = section.each("discovery")
    policy = members.policy(section, discovery)
    sections = {}
    for key, value in section.others():
        if value is None or isinstance(value, dict):
            sections[key] = value or {}
        else:
            section.note(_no_section(key, value, section.table, "balancer"), key)
    return ClusterFile(
        name,
        discovery,
        section.take("meta_cluster", None),
        policy,
        sections,
        file,
        section.take("name", ""),
    )


def service(section: SectionReader, stem: str, file: str) -> ServiceFile:
    """A file of ``services/``; which checks and discovery files there are is not judged here."""
    if "port" not in section and "ports" not in section:
        section.note("'port' (or 'ports') is missing")
    if "port" in section and "ports" in section:
        section.note("expected either 'port' or 'ports', got both", "ports")
    port = section.take("port", None)
    ports = section.each("ports")
    content = ServiceFile(
        name=section.take("name", stem),
        host=section.take("host", "127.0.0.1"),
        ports=ports if port is None else (port,),
        discovery=section.each("discovery"),
        advertise=section.take("advertise", None),
        weight=section.take("weight", 1),
        metadata=section.take("metadata", {}),
        checks=_checks(section.section("checks")),
        file=file,
        flap_damping=_damping(section),
        drain_delay=section.take("drain_delay", None),
        on_check_loss=_on_check_loss(section),
    )
    section.close()
    return content


def log_config(section: SectionReader) -> dict[str, Any]:
    """``logging.yaml``: a dictConfig that can be applied, all its classes included."""
    section.take("version", None)
    maps = {key: section.section(key) for key in _LOGGING_MAPS}
    named = {key: set(entries.data) for key, entries in maps.items()}
    for key, entries in maps.items():
        for name in entries.data:
            _log_entry(key, entries.other(name), named)
    _log_entry("loggers", section.section("root"), named)
    section.take("incremental", False)
    section.take("disable_existing_loggers", True)
    section.close()
    if section.problems:
        return section.data
    config = _without_nothing(section.data)
    for problem in log_trial.rejections(config):
        section.note(problem.message, *problem.path)
    return config


def _without_nothing(config: dict[str, Any]) -> dict[str, Any]:
    """The same without maps and loggers of which nothing is said, which dictConfig refuses."""
    found = {key: value for key, value in config.items() if value is not None}
    if "loggers" in found:
        found["loggers"] = {name: entry or {} for name, entry in found["loggers"].items()}
    return found


def _log_entry(kind: str, entry: SectionReader, named: dict[str, set[str]]) -> None:
    if "level" in entry.table.keys:
        entry.take("level", None)
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
    damping = DampingPolicy(**limits.settings(DampingPolicy()))
    limits.close()
    return damping


def _on_check_loss(section: SectionReader) -> float | None:
    """``on_check_loss``: seconds after which to deregister, None to keep what is registered."""
    chosen = section.variant("on_check_loss")
    if chosen is None:
        return CHECK_LOSS_AFTER
    name, inside = chosen
    after: float | None = None
    if name == "deregister":
        after = inside.take("after", CHECK_LOSS_AFTER)
    inside.close()
    return after


def _checks(section: SectionReader) -> tuple[CheckFile, ...]:
    interval = section.take("interval", 2.0)
    timeout = section.take("timeout", 1.0)
    checks = []
    for key, value in section.others():
        if value is None or isinstance(value, dict):
            checks.append(_check(section.other(key), key, interval, timeout))
        else:
            section.note(_no_section(key, value, section.table, "check"), key)
    return tuple(checks)


def _no_section(key: str, value: object, table: KeyTable, plugin: str) -> str:
    """What is wrong with a key that is neither a known one nor a plugin's name with a map."""
    if schema.resembled(key, table.keys):
        return schema.unknown(key, table.keys)
    keys = ", ".join(sorted(table.keys))
    return (
        f"expected a map for the {plugin} '{key}', or one of the keys {keys}; got {shown(value)}"
    )


def _check(section: SectionReader, name: str, interval: float, timeout: float) -> CheckFile:
    default = CheckFile(name, interval, timeout)
    return CheckFile(plugin=name, **section.settings(default), config=section.rest())
