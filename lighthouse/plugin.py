"""What every plugin is, whatever its kind."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from lighthouse.schema import convert


class Plugin:
    """A class that Lighthouse instantiates once, in a worker process of its own.

    The worker calls ``validate_dependencies`` once, then ``validate_config`` and, if that
    raised nothing, ``apply_config`` for every new content of the plugin's YAML file. All
    calls come from one thread. An exception costs nothing but this worker's success: it is
    reported with its traceback and the work is tried again.
    """

    settings_type: ClassVar[type[msgspec.Struct] | None] = None
    """A struct whose fields are the keys of the plugin's YAML file, with their types.

    ``validate_config`` goes by it, and so do ``lighthouse schema`` and with it editors: what a
    field's ``msgspec.Meta`` has as its description, or else what the struct's docstring says of
    the ``key``, is shown there. Without one, any key may be written.
    """

    sign_of_life: Callable[[str], None] | None = None
    """Set by the worker: who hears of ``still_working``."""

    def still_working(self, what: str) -> None:
        """Say, from inside a call that takes long, that it goes on, and with what.

        The worker then has another ``sync_timeout`` until it is taken to hang. To be called
        between steps that are bounded themselves, and from the thread of the call.
        """
        if self.sign_of_life is not None:
            self.sign_of_life(what)

    @classmethod
    def validate_dependencies(cls) -> bool:
        """Return True if everything outside the plugin that it needs is there.

        Raise ``RuntimeError`` instead of returning False to say what is missing.
        """
        return True

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` for invalid content of the plugin's YAML file.

        ``lighthouse.schema.convert`` raises one that names every fault with its place. The
        keys ``plugin`` and ``worker`` belong to Lighthouse and are not passed. One that is not
        overridden has the config converted to the ``settings_type``, if there is one.
        """
        if cls.settings_type is not None:
            convert(config, cls.settings_type)

    def apply_config(self, config: Mapping[str, Any]) -> None:
        """Take a validated config.

        Idempotent: afterwards the state reflects this config and nothing of an older one.
        """

    def fileno(self) -> int | None:
        """A descriptor to wait on between snapshots: ``wake`` is called when it is readable."""
        return None

    def wake_after(self) -> float | None:
        """Seconds until ``wake`` is to be called though nothing happens; None: never."""
        return None

    def status(self) -> Mapping[str, Any]:
        """A few JSON values for operators, shown with the worker."""
        return {}
