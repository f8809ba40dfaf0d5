"""Plugins that are wrong in one way, and how their suite has to tell it."""

import re

import msgspec
import pytest

from lighthouse.testing.conformance.plugin import PluginConformance
from lighthouse.testing.hosted import ForkServer, PluginHost


class Wrong(msgspec.Struct, frozen=True):
    """A change of a plugin that is right, the rule that it breaks, and how that is told.

    ``new`` stands in place of ``old``; ``told`` is a regular expression.
    """

    name: str
    rule: str
    told: str
    old: str
    new: str

    def of(self, right: str) -> str:
        """The source of the plugin that is wrong."""
        assert self.old in right, self.name
        return right.replace(self.old, self.new, 1)


def caught(suite: type[PluginConformance], wrong: Wrong) -> None:
    """Fail unless the rule fails for the plugin that is installed, and says what is wrong."""
    instance = suite()
    server = ForkServer(suite.kind, suite.plugin)
    host = PluginHost(server)
    try:
        with pytest.raises(AssertionError, match=re.compile(wrong.told, re.DOTALL)):
            getattr(instance, f"test_{wrong.rule}")(host)
    finally:
        host.end_workers()
        instance.stop(host)
        host.close()
        server.close()
