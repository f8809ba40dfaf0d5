"""What plugins accepted, and what they are given to fall back to."""

from lighthouse.problem import Problem
from lighthouse.snapshot import Settings
from lighthouse.supervisor.ledger import Ledger

KEY = ("balancer", "haproxy")


def test_an_accepted_content_is_what_the_next_one_falls_back_to():
    ledger = Ledger({})
    assert ledger.update({KEY: {"a": 1}}) == {KEY}
    assert ledger.settings(KEY) == Settings({"a": 1}, None)
    ledger.judge(KEY, ())
    ledger.update({KEY: {"a": 2}})
    assert ledger.settings(KEY) == Settings({"a": 2}, {"a": 1})
    ledger.judge(KEY, (Problem(("a",), "too large"),))
    ledger.update({KEY: {"a": 3}})
    assert ledger.settings(KEY) == Settings({"a": 3}, {"a": 1})
    assert dict(ledger)[KEY].passed is None


def test_a_verdict_alone_changes_no_settings():
    ledger = Ledger({})
    ledger.update({KEY: {"a": 1}})
    before = ledger.settings(KEY)
    ledger.judge(KEY, ())
    assert ledger.settings(KEY) is before
    assert ledger.update({KEY: {"a": 1}}) == set()


def test_the_same_content_may_be_judged_again():
    ledger = Ledger({})
    ledger.update({KEY: {"a": 1}})
    odd = (Problem((), "odd"),)
    verdicts = [(odd, ()), (odd, ()), ((), ()), ((), odd), ((), ())]
    news = [ledger.judge(KEY, *verdict) for verdict in verdicts]
    assert news == [True, False, True, True, True]


def test_what_an_earlier_run_accepted_counts():
    ledger = Ledger({KEY: {"a": 1}})
    ledger.update({KEY: {"broken": True}})
    assert ledger.settings(KEY) == Settings({"broken": True}, {"a": 1})


def test_a_removed_content_is_forgotten():
    ledger = Ledger({})
    ledger.update({KEY: {"a": 1}})
    ledger.judge(KEY, ())
    assert ledger.update({}) == {KEY}
    assert ledger.accepted() == {}
    assert KEY not in ledger
