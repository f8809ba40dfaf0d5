"""What every suite stands on: the plugin by its installed name, and workers of it."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from lighthouse.schema import Rejection
from lighthouse.testing.hosted import ForkServer, PluginHost

Config = dict[str, Any]
"""The content of a plugin's YAML file, or of a section for it."""


class PluginConformance:
    """The part of a suite that is the same for every kind of plugin."""

    kind: ClassVar[str]
    plugin: ClassVar[str]
    """The plugin's name: that of its entry point."""

    _fork_server: ClassVar[ForkServer | None] = None

    @classmethod
    def teardown_class(cls) -> None:
        """End the process in which the plugin is loaded."""
        if cls._fork_server is not None:
            cls._fork_server.close()
            cls._fork_server = None

    @pytest.fixture
    def host(self) -> Iterator[PluginHost]:
        """An empty directory for the plugin's files, and workers of the plugin.

        The plugin is loaded once for all tests of the class, as a worker loads it.
        """
        if self._fork_server is None:
            type(self)._fork_server = ForkServer(self.kind, self.plugin)
        assert self._fork_server is not None
        host = PluginHost(self._fork_server)
        try:
            yield host
        finally:
            host.end_workers()
            self.stop(host)
            host.close()

    def stop(self, host: PluginHost) -> None:
        """End the software that the plugin has started, which survives its worker."""

    def test_loads_by_its_name_and_leaves_nothing_from_its_import(self, host: PluginHost) -> None:
        """No thread, process, descriptor or signal handler comes of importing the plugin."""
        host.worker()
        left = ", ".join(host.loaded.imported)
        assert not left, f"importing the plugin left: {left}"

    def test_keeps_the_contract_to_the_letter(self, host: PluginHost) -> None:
        """Base class, methods and their signatures are as specified: no fault, no warning."""
        host.worker()
        faults = "\n".join(host.loaded.faults)
        assert not faults, faults


def refused_at(place: str, rejections: tuple[Rejection, ...]) -> str:
    """What is wrong with how a bad config was refused, empty if nothing is."""
    problems = [problem for rejection in rejections for problem in rejection.problems]
    if not problems:
        return f"{place}: it is taken, expected ValueError from the validation"
    told = [f"{'.'.join(map(str, p.path))}: {p.message}".removeprefix(": ") for p in problems]
    for text in told:
        if text.startswith("its validation failed: "):
            raised = text.removeprefix("its validation failed: ")
            return f"{place}: expected ValueError, the validation raised {raised}"
    if not any(place in text for text in told):
        return f"{place}: the refusal does not name the place: {'; '.join(told)}"
    return ""
