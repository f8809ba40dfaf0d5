"""Rules about registrations: kept, renewed, taken back; those of others are left alone."""

import time
from collections.abc import Callable

import pytest

from lighthouse.node import Node
from lighthouse.service import Service
from lighthouse.testing.conformance.discovery_subject import TWO, DiscoverySubject, DiscoveryWorker
from lighthouse.testing.hosted import PluginHost
from lighthouse.testing.values import service

OWN = "10.0.0.9:8009"


class DiscoveryRegistrationRules(DiscoverySubject):
    """What a discovery promises of ``report_up`` and ``report_down``."""

    def test_a_service_is_registered_renewed_and_removed(self, host: PluginHost) -> None:
        """It stands in the source while it is up, with its newest weight and metadata."""
        worker = self._registering(host, service("web", OWN))
        self._until_standing(host, OWN)
        worker.want(["web"], up=[service("web", OWN, weight=7, zone="b")])
        self._until(
            lambda: any(
                node.place == OWN and node.weight == 7 and node.metadata.get("zone") == "b"
                for reading in worker.worker.readings("web")
                for node in reading.nodes
            ),
            "report_up of a service with another weight and metadata did not renew its node",
        )
        worker.want(["web"], down=[service("web", OWN)])
        self._until_gone(host, OWN)

    def test_nothing_of_another_host_is_touched(self, host: PluginHost) -> None:
        """``report_down`` removes what this host registered, and no node of anybody else."""
        foreign = sorted(node.place for node in TWO)
        worker = self._registering(host, service("web", OWN), *TWO)
        self._until_standing(host, OWN)
        strangers = [service("web", place) for place in foreign]
        worker.want(["web"], down=[service("web", OWN), *strangers])
        self._until_gone(host, OWN)
        worker.worker.stop()
        left = sorted(self.standing(host.directory, "web"))
        assert left == foreign, f"other hosts' nodes were {foreign}, and are {left} afterwards"

    def test_a_new_process_removes_what_a_killed_one_registered(self, host: PluginHost) -> None:
        """``report_down`` is of this host's nodes, whichever process registered them."""
        self._registering(host, service("web", OWN))
        self._until_standing(host, OWN)
        worker = self.watching(host, "web")
        worker.want(["web"], down=[service("web", OWN)])
        self._until_gone(host, OWN)

    def test_registrations_are_back_after_the_source_forgot_them(self, host: PluginHost) -> None:
        """After ``lost`` and ``connected`` everything is registered again."""
        if not self.gives("forget"):
            pytest.skip("forget is not given")
        worker = self._registering(host, service("web", OWN))
        self._until_standing(host, OWN)
        worker.worker.forget()
        self.forget(host.directory)
        self._until_standing(host, OWN)

    def test_stopping_deregisters(self, host: PluginHost) -> None:
        """A daemon that is stopped takes its services out before it ends."""
        worker = self._registering(host, service("web", OWN))
        self._until_standing(host, OWN)
        worker.worker.stop()
        self._until_gone(host, OWN)

    def _registering(self, host: PluginHost, own: Service, *others: Node) -> DiscoveryWorker:
        """A worker that keeps a service registered in a cluster that has these nodes."""
        if not self.gives("standing"):
            pytest.skip("standing is not given: nothing can be registered")
        self.put(host.directory, "web", *others)
        worker = self.watching(host, "web")
        worker.want(["web"], up=[own])
        return worker

    def _until_standing(self, host: PluginHost, place: str) -> None:
        self._until(
            lambda: place in self.standing(host.directory, "web"),
            f"{place} was reported up and does not stand in the source",
        )

    def _until_gone(self, host: PluginHost, place: str) -> None:
        self._until(
            lambda: place not in self.standing(host.directory, "web"),
            f"{place} was reported down and still stands in the source",
        )

    def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + self.patience
        while not condition():
            assert time.monotonic() < deadline, f"{otherwise} after {self.patience:g} s"
            time.sleep(0.02)
