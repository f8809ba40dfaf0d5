"""Runs one rule of a suite against a plugin that breaks it."""

import re

import pytest

from lighthouse.testing.conformance.plugin import PluginConformance
from lighthouse.testing.hosted import Nursery, PluginHost


def caught(suite: type[PluginConformance], rule: str, told: str) -> None:
    """Fail unless the rule fails, and its message says so."""
    instance = suite()
    nursery = Nursery(suite.kind, suite.plugin)
    host = PluginHost(nursery)
    try:
        with pytest.raises(AssertionError, match=re.compile(told, re.DOTALL)):
            getattr(instance, f"test_{rule}")(host)
    finally:
        host.end_workers()
        instance.stop(host)
        host.close()
        nursery.close()
