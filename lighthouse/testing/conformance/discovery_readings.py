"""Rules about readings: whole, true, and never made of an error."""

import time
from typing import Final

import pytest

from lighthouse.ipc.messages import Applied, Connected, Observed
from lighthouse.ipc.snapshot import DiscoverySnapshot, PluginSettings
from lighthouse.testing.conformance.discovery_subject import (
    THREE,
    TWO,
    DiscoverySubject,
    DiscoveryWorker,
    places,
)
from lighthouse.testing.conformance.plugin import refused_at
from lighthouse.testing.hosted import PluginHost

_AWAY: Final = ("suspended", "lost")


class DiscoveryReadingRules(DiscoverySubject):
    """What a discovery promises of configs, ``start_watching`` and its two callbacks."""

    def test_bad_configs_are_refused_with_the_place(self, host: PluginHost) -> None:
        """The good config is taken; each of ``bad_configs`` is refused, and its place named."""
        worker = host.worker()
        good = worker.validate(DiscoverySnapshot(PluginSettings(self.config(host.directory))))
        told = [p.message for r in good.rejections for p in r.problems]
        assert not told, f"the good config is refused: {'; '.join(told)}"
        bad = self.bad_configs(host.directory)
        assert bad, "give bad_configs: at least one content that is wrong, by its place"
        found = [
            refused_at(place, worker.validate(DiscoverySnapshot(PluginSettings(one))).rejections)
            for place, one in bad.items()
        ]
        assert not any(found), "\n".join(filter(None, found))

    def test_what_the_source_says_is_read(self, host: PluginHost) -> None:
        """Complete readings, of each change; also of a cluster that has no nodes any more."""
        self.put(host.directory, "web", *TWO)
        worker = self.watching(host, "web")
        worker.reads("web", TWO)
        worker.says("connected", "though the source answers")
        self.put(host.directory, "web", *THREE)
        worker.reads("web", THREE, "after a change: ")
        self.put(host.directory, "web")
        worker.reads("web", (), "after its last node has gone: ")
        faults = "\n".join(worker.worker.faults())
        assert not faults, faults

    def test_a_reading_on_demand_is_fresh(self, host: PluginHost) -> None:
        """``refresh`` reads past every cache, and says so though nothing has changed."""
        self.put(host.directory, "web", *TWO)
        worker = self.watching(host, "web")
        worker.reads("web", TWO)
        for number in (1, 2):
            worker.want(["web"], reread=number)
            found = worker.worker.answer(Observed, self.patience)
            while found is not None and found.reread < number:
                found = worker.worker.answer(Observed, self.patience)
            assert found is not None, "refresh was asked for and no reading came of it"

    def test_an_error_is_never_an_empty_reading(self, host: PluginHost) -> None:
        """While the source is away no node is lost, and it is said that it is away."""
        self.put(host.directory, "web", *TWO)
        self.put(host.directory, "other", *THREE)
        worker = self.watching(host, "web")
        worker.reads("web", TWO)
        worker.says("connected", "though the source answers")
        self.interrupt(host.directory)
        try:
            until = time.monotonic() + self.outage
            worker.want(["web", "other"], reread=1)
            self._away(worker)
            while time.monotonic() < until:
                time.sleep(0.02)
            for cluster, nodes in (("web", TWO), ("other", THREE)):
                for reading in worker.worker.readings(cluster):
                    found = places(reading.nodes)
                    assert found == places(nodes), (
                        f"while the source was away {cluster} was read as "
                        f"{sorted(found)}: an error has to be an exception"
                    )
        finally:
            self.resume(host.directory)
        worker.says("connected", "when the source was back")
        self.put(host.directory, "web", *THREE)
        worker.reads("web", THREE, "after an outage: ")

    def test_a_source_that_is_away_at_the_start_is_awaited(self, host: PluginHost) -> None:
        """Nothing is read before the source answers, and everything is when it does."""
        self.put(host.directory, "web", *TWO)
        self.interrupt(host.directory)
        try:
            worker = self.watching(host, "web")
            worker.worker.answer(Applied, self.patience)
            time.sleep(min(self.outage, 0.5))
            for reading in worker.worker.readings("web"):
                raise AssertionError(
                    f"the source was away and web was read as {sorted(places(reading.nodes))}"
                )
        finally:
            self.resume(host.directory)
        worker.reads("web", TWO, "after the source came up: ")

    def test_malformed_records_cost_no_sibling(self, host: PluginHost) -> None:
        """What is no node is refused with a reason, and the nodes beside it are read."""
        if not self.gives("spoil"):
            pytest.skip("spoil is not given")
        self.put(host.directory, "web", *TWO)
        self.spoil(host.directory, "web")
        worker = self.watching(host, "web")
        reading = worker.reads("web", TWO, "beside malformed records: ")
        deadline = time.monotonic() + self.patience
        while not reading.refused and time.monotonic() < deadline:
            found = worker.worker.readings("web")
            reading = found[-1] if found else reading
            time.sleep(0.02)
        assert reading.refused, "malformed records are in no reading as refused"
        for refusal in reading.refused:
            assert refusal.record, f"a refusal names no record: {refusal}"
            assert refusal.reason, f"a refusal has no reason: {refusal}"

    def test_stopping_leaves_nothing(self, host: PluginHost) -> None:
        """After ``disconnect`` there is no descriptor, thread, process or handler more."""
        self.put(host.directory, "web", *TWO)
        worker = self.watching(host, "web")
        worker.reads("web", TWO)
        report = worker.worker.stop()
        assert report is not None, f"disconnect does not come back\n{host.printed}"
        left = ", ".join(report.after.beyond(report.before))
        assert not left, f"after disconnect there is left: {left}"

    def _away(self, worker: DiscoveryWorker) -> None:
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            said = worker.worker.answer(Connected, deadline - time.monotonic())
            if said is not None and said.state in _AWAY:
                assert said.reason, f"on_connection({said.state!r}) was given no reason"
                return
        raise AssertionError(
            "the source was away and neither on_connection('suspended') nor ('lost') was called"
            f" within {self.patience:g} s\n{worker.worker.log}"
        )
