"""What plugins accepted, and what they are given to fall back to."""

from lighthouse.ipc.snapshot import PluginSettings
from lighthouse.schema import Problem
from lighthouse.supervisor.verdicts import Verdicts

KEY = ("balancer", "haproxy")


def test_an_accepted_content_is_what_the_next_one_falls_back_to() -> None:
    verdicts = Verdicts({})
    assert verdicts.update({KEY: {"a": 1}}) == {KEY}
    assert verdicts.settings(KEY) == PluginSettings({"a": 1}, None)
    verdicts.judge(KEY, ())
    verdicts.update({KEY: {"a": 2}})
    assert verdicts.settings(KEY) == PluginSettings({"a": 2}, {"a": 1})
    verdicts.judge(KEY, (Problem(("a",), "too large"),))
    verdicts.update({KEY: {"a": 3}})
    assert verdicts.settings(KEY) == PluginSettings({"a": 3}, {"a": 1})
    assert dict(verdicts)[KEY].passed is None


def test_a_verdict_alone_changes_no_settings() -> None:
    verdicts = Verdicts({})
    verdicts.update({KEY: {"a": 1}})
    before = verdicts.settings(KEY)
    verdicts.judge(KEY, ())
    assert verdicts.settings(KEY) is before
    assert verdicts.update({KEY: {"a": 1}}) == set()


def test_the_same_content_may_be_judged_again() -> None:
    verdicts = Verdicts({})
    verdicts.update({KEY: {"a": 1}})
    odd = (Problem((), "odd"),)
    judged = [(odd, ()), (odd, ()), ((), ()), ((), odd), ((), ())]
    news = [verdicts.judge(KEY, *verdict) for verdict in judged]
    assert news == [True, False, True, True, True]


def test_what_an_earlier_run_accepted_counts() -> None:
    verdicts = Verdicts({KEY: {"a": 1}})
    verdicts.update({KEY: {"broken": True}})
    assert verdicts.settings(KEY) == PluginSettings({"broken": True}, {"a": 1})


def test_a_removed_content_is_forgotten() -> None:
    verdicts = Verdicts({})
    verdicts.update({KEY: {"a": 1}})
    verdicts.judge(KEY, ())
    assert verdicts.update({}) == {KEY}
    assert verdicts.accepted() == {}
    assert KEY not in verdicts
