"""What is wrong with a plugin's class, told before anything of it is called."""

import textwrap
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

import pytest

from lighthouse.ipc.plugin_report import PluginFault
from lighthouse.workers.loading.contract import judge
from lighthouse.workers.loading.entry import PluginEntry
from lighthouse.workers.loading.hook import Unusable, named_class
from lighthouse.workers.loading.kind import BALANCER, CHECK, DISCOVERY, KINDS, PluginKind

GOOD = """
from lighthouse import hookimpl
from lighthouse.balancer import Balancer
from lighthouse.check import Check
from lighthouse.discovery import Discovery
"""

BAD_BALANCERS = {
    # name: (the body, what is told, what is to be done)
    "no sync_file": ("pass", "Own has no sync_file", "define `def sync_file(self, clusters)`"),
    "misspelt sync_file": ("def sync_files(self, c): ...", "no sync_file", "did you mean"),
    "camel case": ("def syncFile(self, c): ...", "no sync_file", "did you mean `sync_file` by"),
    "private": ("def _sync_file(self, c): ...", "no sync_file", "by _sync_file"),
    "no clusters": (
        "def sync_file(self): ...",
        "sync_file(self) cannot be called: the worker passes (clusters)",
        "write `def sync_file(self, clusters)`",
    ),
    "no self": ("def sync_file(clusters): ...", "sync_file(clusters) cannot be called", "self"),
    "too many": ("def sync_file(self, a, b): ...", "cannot be called", "(self, clusters)"),
    "only by name": ("def sync_file(self, *, clusters): ...", "cannot be called", "write"),
    "async": ("async def sync_file(self, clusters): ...", "sync_file is `async`", "without"),
    "generator": ("def sync_file(self, clusters): yield", "a generator", "return"),
    "text": ("sync_file = 'no'", "sync_file is 'no', expected a method", "write"),
    "property": (
        "def sync_file(self, c): ...\n    @property\n    def status(self): return {}",
        "status is a property, expected a method",
        "write `def status(self)`",
    ),
    "static with self": (
        "@staticmethod\n    def sync_file(self, clusters): ...",
        "sync_file(self, clusters) cannot be called",
        "write `def sync_file(self, clusters)`, and no `@staticmethod` above it",
    ),
    "static with cls": (
        "def sync_file(self, c): ...\n"
        "    @staticmethod\n    def validate_config(cls, config): ...",
        "validate_config(cls, config) cannot be called",
        "and `@classmethod` in place of `@staticmethod` above it",
    ),
    "no class method": (
        "def sync_file(self, c): ...\n    def validate_config(self, config): ...",
        "validate_config is no class method, and is called before there is an instance",
        "write `@classmethod` above `def validate_config(cls, config)`",
    ),
    "class method without a config": (
        "def sync_file(self, c): ...\n    @classmethod\n    def validate_config(cls): ...",
        "validate_config(cls) cannot be called: the worker passes (config)",
        "write `def validate_config(cls, config)`",
    ),
    "misspelt validate_config": (
        "def sync_file(self, c): ...\n    @classmethod\n    def validate_configs(cls, c): ...",
        "nobody calls validate_configs: the contract has no such method",
        "did you mean `validate_config`?",
    ),
    "constructor": (
        "def sync_file(self, c): ...\n    def __init__(self, config): ...",
        "Own(config) cannot be called: the worker passes nothing",
        "settings come with `apply_config`",
    ),
    "flag": (
        "def sync_file(self, c): ...\n    handles_unknown = 'yes'",
        "handles_unknown is 'yes', expected True or False",
        "in the class",
    ),
    "Lighthouse's own name": (
        "def sync_file(self, c): ...\n    def still_working(self, what): ...",
        "still_working is Lighthouse's own name",
        "another one",
    ),
}


def module(source: str) -> ModuleType:
    made = ModuleType("plugin_own")
    exec(compile(GOOD + textwrap.dedent(source), "plugin_own.py", "exec"), made.__dict__)
    return made


def judged(source: str, kind: PluginKind[Any] = BALANCER) -> tuple[PluginFault, ...]:
    return judge(module(source).Own, kind)


@pytest.mark.parametrize("case", BAD_BALANCERS)
def test_a_balancer_that_breaks_its_contract(case: str) -> None:
    body, told, remedy = BAD_BALANCERS[case]
    (fault,) = judged(f"class Own(Balancer):\n    {body}\n")
    assert told in fault.message
    assert remedy in fault.remedy
    assert not fault.warning


def test_a_fault_has_the_line_of_the_method() -> None:
    (fault,) = judged("class Own(Balancer):\n\n    def sync_file(self): ...\n")
    assert fault.place == "plugin_own.py:8"


@pytest.mark.parametrize(
    "body",
    [
        "def sync_file(self, clusters): ...",
        "def sync_file(self, clusters, more=None): ...",
        "def sync_file(self, *args, **kwargs): ...",
        "@staticmethod\n    def sync_file(clusters): ...",
        "sync_file = lambda self, clusters: None",
        "def sync_file(self, c): ...\n    def helper(self): ...\n    def _wak(self): ...",
        "def sync_file(self, c): ...\n    @staticmethod\n    def validate_config(config): ...",
        "def sync_file(self, c): ...\n    def __init__(self, path='/x'): ...",
    ],
)
def test_a_balancer_that_keeps_it(body: str) -> None:
    assert judged(f"class Own(Balancer):\n    {body}\n") == ()


def test_a_misspelt_name_that_nothing_depends_on_is_only_warned_of() -> None:
    (fault,) = judged(
        "class Own(Balancer):\n    def sync_file(self, c): ...\n    def previews(self, c): ...\n"
    )
    assert fault.warning
    assert fault.remedy == "did you mean `preview`?"


def test_a_method_of_the_class_is_warned_of() -> None:
    (fault,) = judged(
        "class Own(Balancer):\n    def sync_file(self, c): ...\n"
        "    @classmethod\n    def apply_config(cls, config): ...\n"
    )
    assert fault.warning
    assert fault.message == "apply_config is a class method, and all that it keeps is the class's"
    assert fault.remedy == "write `def apply_config(self, config)` without `@classmethod`"


def test_a_method_named_as_what_another_is_given_is_warned_of() -> None:
    (fault,) = judged(
        "class Own(Discovery):\n    read_only = True\n"
        "    def reading(self): ...\n    def connection(self): ...\n"
        "    def connect(self, on_reading, on_connection): ...\n"
        "    def start_watching(self, cluster): ...\n"
        "    def stop_watching(self, cluster): ...\n"
        "    def on_conection(self, state): ...\n",
        DISCOVERY,
    )
    assert fault.warning
    assert fault.message == "nobody calls on_conection: on_connection is what `connect` is given"


def test_all_that_is_wrong_is_told_at_once() -> None:
    faults = judged(
        "class Own(Balancer):\n"
        "    def sync_file(self): ...\n"
        "    def validate_config(self, config): ...\n"
        "    def apply_configs(self, config): ...\n"
    )
    assert len(faults) == 3


@pytest.mark.parametrize(
    ("source", "kind", "missing"),
    [
        ("class Own(Check): ...", CHECK, {"perform"}),
        (
            "class Own(Discovery): ...",
            DISCOVERY,
            {"connect", "start_watching", "stop_watching", "report_up", "report_down"},
        ),
        (
            "class Own(Discovery):\n    read_only = True\n    def connect(self, r, c): ...",
            DISCOVERY,
            {"start_watching", "stop_watching"},
        ),
    ],
)
def test_what_each_kind_has_to_override(
    source: str, kind: PluginKind[Any], missing: set[str]
) -> None:
    assert {fault.message for fault in judged(source, kind)} == {
        f"Own has no {name}" for name in missing
    }


def test_methods_of_2016_that_are_called_otherwise_by_now() -> None:
    (fault,) = judged(
        "class Own(Check):\n    def perform(self): return True\n",
        CHECK,
    )
    assert fault.message == (
        "perform(self) cannot be called: the worker passes (host, port, timeout)"
    )


@pytest.mark.parametrize(
    ("source", "told", "remedy"),
    [
        (
            "class Own: ...",
            "Own, expected a subclass of lighthouse.balancer.Balancer",
            "class Own",
        ),
        ("class Own(Check): ...", "Own, which is a check, expected", "into lighthouse.checks"),
        ("Own = Balancer", "Balancer, which is the contract itself", "your own subclass"),
        ("Own = 7", "7, expected a subclass of lighthouse.balancer.Balancer", "class"),
        ("Own = Balancer()", "an instance of Balancer, expected the class", "parentheses"),
    ],
)
def test_what_is_no_balancers_class(source: str, told: str, remedy: str) -> None:
    (fault,) = judged(source)
    assert told in fault.message
    assert remedy in fault.remedy


CLASS = "class Own(Balancer):\n    def sync_file(self, clusters): ...\n"


@pytest.mark.parametrize(
    ("source", "told", "remedy"),
    [
        (CLASS, "has no hook lighthouse_balancer", "own = plugin_own:Own"),
        (
            CLASS + "def lighthouse_balancer(): return Own",
            "lighthouse_balancer is not marked as a hook",
            "`@hookimpl` above",
        ),
        (
            CLASS + "@hookimpl\ndef lighthouse_balancr(): return Own",
            "unknown hook 'lighthouse_balancr'",
            "did you mean `lighthouse_balancer`?",
        ),
        (
            CLASS + "def lighthouse_balancers(): return Own",
            "has no hook",
            "did you mean lighthouse_balancers to be `lighthouse_balancer`?",
        ),
        (
            "class Own: ...\n@hookimpl\ndef lighthouse_balancer(): Own",
            "lighthouse_balancer returns nothing",
            "end it with `return Own`",
        ),
        (
            CLASS + "def lighthouse_balancer(): return Own\n"
            "lighthouse_balancer.lighthose_impl = True",
            "is not marked as a hook of Lighthouse's, but of another project's",
            "from lighthouse import hookimpl",
        ),
        (
            CLASS + "@hookimpl\ndef lighthouse_check(): return Own",
            "has no hook lighthouse_balancer",
            "put its entry point into lighthouse.checks",
        ),
        (
            CLASS + "@hookimpl\ndef lighthouse_balancer(config): return Own",
            "not as specified: lighthouse_balancer(config) is called with nothing",
            "write `def lighthouse_balancer():`",
        ),
        (
            CLASS + "@hookimpl\ndef lighthouse_balancer(): Own",
            "lighthouse_balancer returns nothing",
            "end it with `return Own`",
        ),
        (
            CLASS + "@hookimpl\nasync def lighthouse_balancer(): return Own",
            "is no plain function",
            "write `def lighthouse_balancer():`",
        ),
        (
            CLASS + "@hookimpl\ndef lighthouse_balancer(): raise KeyError('x')",
            "lighthouse_balancer raised KeyError: 'x'",
            "return the plugin's class",
        ),
    ],
)
def test_a_module_without_a_class(source: str, told: str, remedy: str) -> None:
    entry = PluginEntry("own", "plugin_own")
    with pytest.raises(Unusable) as raised:
        named_class(BALANCER, entry, module(source))
    assert told in raised.value.fault.message
    assert remedy in raised.value.fault.remedy
    assert raised.value.fault.place.startswith("plugin_own.py:") or "own:Own" in remedy


def test_an_entry_point_may_name_the_class() -> None:
    entry = PluginEntry("own", "plugin_own:Own")
    own = module(CLASS).Own
    assert named_class(BALANCER, entry, own) is own


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_bundled_plugin_keeps_its_contract(kind: PluginKind[Any]) -> None:
    points = [point for point in entry_points(group=kind.group) if point.dist is not None]
    assert points
    for point in points:
        entry = PluginEntry(point.name, point.value)
        assert judge(named_class(kind, entry, entry.load()), kind) == (), point.name
