"""What goes with a message as its payload, encoded by itself."""

from typing import Any

import msgspec

from lighthouse.schema import Rejection
from lighthouse.service import Place


class Rehearsal(msgspec.Struct, frozen=True):
    """What a balancer would do; ``reason`` says why that cannot be told.

    See ``lighthouse.balancer.Preview``; ``reload`` is empty if there would be none. ``waits``
    says why nothing would be done before more is known. ``previews`` is False if the plugin
    cannot tell what it would do.
    """

    diff: str = ""
    commands: tuple[str, ...] = ()
    reload: str = ""
    rejections: tuple[Rejection, ...] = ()
    warnings: tuple[Rejection, ...] = ()
    reason: str = ""
    waits: str = ""
    previews: bool = True


class PluginSchema(msgspec.Struct, frozen=True):
    """What a plugin's files may say, as JSON Schemas (2020-12) of maps.

    ``settings`` is of the plugin's own file, or of a check's section; ``section`` of a
    balancer's section in a cluster's file. None: the plugin does not say. ``reason`` says why
    not all could be told.
    """

    settings: dict[str, Any] | None = None
    section: dict[str, Any] | None = None
    reason: str = ""


class Registration(msgspec.Struct, frozen=True):
    """What became of a service's node in the source: registered, or why not.

    ``gone``: the source has confirmed that it does not; neither is true of a node whose
    removal failed, and of one that another worker registered.
    """

    place: Place
    registered: bool
    reason: str = ""
    gone: bool = False
