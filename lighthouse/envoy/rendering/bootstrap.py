"""What Envoy is started on: where it finds everything else."""

import os
from collections.abc import Iterable
from typing import Any

import msgspec

from lighthouse.envoy.rendering.text import MARK, encoded, merged, version
from lighthouse.envoy.schema.settings import EnvoySettings


def bootstrap(settings: EnvoySettings) -> dict[str, Any]:
    """The whole bootstrap, marked with its generation."""
    found = {
        "node": {"id": "lighthouse", "cluster": "lighthouse"},
        "admin": {"address": {"pipe": {"path": settings.admin, "mode": 0o600}}},
        "dynamic_resources": {
            "cds_config": _source(settings.clusters_file),
            "lds_config": _source(settings.listeners_file),
        },
    }
    made = merged(settings.bootstrap, found)
    return merged(made, {"node": {"metadata": {MARK: generation(settings)}}})


def generation(settings: EnvoySettings) -> str:
    """What stands for all that a running Envoy cannot be told by a file."""
    parts = (settings.bootstrap, settings.directory, settings.concurrency, settings.log_level)
    return version([encoded({"of": [*parts, settings.drain_time]})])


def trial(clusters: Iterable[str], listeners: Iterable[str]) -> str:
    """A bootstrap that has resources in itself, for ``envoy --mode validate``."""
    resources = {"clusters": _bare(clusters), "listeners": _bare(listeners)}
    return encoded({"node": {"id": "x", "cluster": "x"}, "static_resources": resources})


def trial_of(settings: EnvoySettings) -> str:
    """The bootstrap itself, without the files, which need not be there yet."""
    made = bootstrap(settings)
    return encoded({key: value for key, value in made.items() if key != "dynamic_resources"})


def _bare(resources: Iterable[str]) -> list[dict[str, Any]]:
    """Resources as they are in a bootstrap.

    Without their type, which is told by their place there, and with a file of nodes that exists.
    """
    found = []
    for text in resources:
        one: dict[str, Any] = msgspec.json.decode(text)
        del one["@type"]
        if "eds_cluster_config" in one:
            one = merged(one, {"eds_cluster_config": {"eds_config": _source(os.devnull)}})
        found.append(one)
    return found


def _source(path: str) -> dict[str, Any]:
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}
