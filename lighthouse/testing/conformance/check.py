"""The suite that a check passes."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

import pytest
from msgspec.structs import replace

from lighthouse.ipc.snapshot import CheckSnapshot
from lighthouse.service import Probe, Verdict
from lighthouse.standalone.belongings import held_by
from lighthouse.testing.conformance.plugin import Config, PluginConformance, refused_at
from lighthouse.testing.hosted import PluginHost, PluginWorker
from lighthouse.testing.services import ANSWER, FakeService

GRACE: Final = 0.4
"""Seconds past its timeout that a performance may take; a little later it is given up."""

ODD: Final = ("silent", "slow", "half", "stuck", "binary", "empty", "endless")
"""The services that are not well, and not what the check expects."""

WHILE: Final = 0.8
"""Seconds for which a check is performed again and again."""


SLACK: Final = 4
"""Of each kind, what a library may hold more once it is warm."""


class CheckConformance(PluginConformance):
    """Subclass this in a test file, name the plugin, and give it a service that is well::

        from lighthouse.testing import CheckConformance, FakeService


        class TestBanner(CheckConformance):
            plugin = "banner"
            bad_configs = {"expect": {"expect": 5}}

            @pytest.fixture(autouse=True)
            def server(self):
                with FakeService("answers", b"SSH-2.0 well\\r\\n") as self.well:
                    yield

            def config(self, directory):
                return {"expect": "SSH-"}

            def healthy(self):
                return self.well.host, self.well.port

    What a plugin may tell besides:

    * ``answer``: what a service that is well says first; odd services say half of it, or all
      of it byte by byte.
    * ``passes_on``: the behaviours of ``lighthouse.testing.services`` that are well for this
      check, such as ``silent`` for one that only connects.
    * ``connects = False``: it does not connect to the service at all.
    * ``with_secret(file)``: the config with its password in a file, which ``password`` is.
    """

    kind: ClassVar[str] = "check"

    bad_configs: ClassVar[Mapping[str, Config]] = {}
    """Wrong sections, each by the place that the refusal has to name."""

    answer: ClassVar[bytes] = ANSWER
    passes_on: ClassVar[frozenset[str]] = frozenset()
    connects: ClassVar[bool] = True
    password: ClassVar[str] = ""
    lingers: ClassVar[float] = 2.0
    """Seconds for which a library may hold what a performance that was given up has left."""

    timeout: ClassVar[float] = 2.0
    """Seconds that a performance against a service that is well may take."""

    def config(self, directory: Path) -> Config:
        """A good section of a service's file."""
        raise NotImplementedError

    def healthy(self) -> tuple[str, int]:
        """Host and port of a service that is well."""
        raise NotImplementedError

    def with_secret(self, file: Path) -> Config | None:
        """The section with its password in this file; None if it has none."""
        return None

    def test_bad_configs_are_refused_with_the_place(self, host: PluginHost) -> None:
        """The good section is taken; each of ``bad_configs`` is refused, and its place named."""
        worker = host.worker()
        good = self._probe(self.config(host.directory))
        found = worker.validate(CheckSnapshot((good,)))
        told = [p.message for r in found.rejections for p in r.problems]
        assert not told, f"the good section is refused: {'; '.join(told)}"
        assert self.bad_configs, "give bad_configs: at least one section that is wrong"
        wrong = [
            refused_at(place, worker.validate(CheckSnapshot((self._probe(bad),))).rejections)
            for place, bad in self.bad_configs.items()
        ]
        assert not any(wrong), "\n".join(filter(None, wrong))

    def test_a_service_that_is_well_passes(self, host: PluginHost) -> None:
        """It passes within its timeout, and what it finds out can be published as it is."""
        said = self._perform(host, {"well": self._well(host)})["well"]
        assert said.passing, f"a service that is well does not pass: {said.reason}"
        for fault in ("is left out", "is not published"):
            assert fault not in said.reason, f"its metadata: {said.reason}"

    def test_nobody_there_does_not_pass(self, host: PluginHost) -> None:
        """A port that nobody listens at fails, with a reason."""
        if not self.connects:
            pytest.skip("the check does not connect")
        with FakeService("empty") as gone:
            port = gone.port
        said = self._perform(host, {"gone": self._probe(self.config(host.directory), port)})[
            "gone"
        ]
        assert not said.passing, "a port that nobody listens at passes"
        assert said.reason, "a port that nobody listens at fails without a reason"

    def test_odd_answers_do_not_pass_and_keep_to_the_timeout(self, host: PluginHost) -> None:
        """Services that are slow, silent, binary and the like fail in time, with a reason."""
        if not self.connects:
            pytest.skip("the check does not connect")
        with contextlib.ExitStack() as stack:
            odd = {name: stack.enter_context(FakeService(name, self.answer)) for name in ODD}
            probes = {}
            for name, service in odd.items():
                for timeout in (0.3, 0.8):
                    key = f"{name} service, timeout {timeout:g} s"
                    config = self.config(host.directory)
                    probes[key] = self._probe(config, service.port, timeout)
            for key, said in self._perform(host, probes).items():
                name, timeout = key.split()[0], probes[key].timeout
                assert said.took < timeout + GRACE, f"{key}: it took {said.took:.1f} s"
                assert name in self.passes_on or not said.passing, f"{key}: it passes"
                assert said.passing or said.reason, f"{key}: it fails without a reason"

    def test_nothing_is_held_that_grows(self, host: PluginHost) -> None:
        """No descriptor, thread or process is left of each performance, nor of one given up."""
        worker = host.worker()
        with FakeService("silent") as silent:
            probes = [self._well(host, "well", 0.02)]
            if self.connects:
                config = self.config(host.directory)
                probes.append(self._probe(config, silent.port, 0.1, "silent", 0.05))
            before = self._held_after(worker, probes)
            worker.deliver(CheckSnapshot(tuple(probes)))
            time.sleep(WHILE)
            worker.deliver(CheckSnapshot())
            deadline = time.monotonic() + self.timeout + self.lingers
            while more := self._more(before, held_by(worker.pid)):
                assert time.monotonic() < deadline, f"after its performances are held: {more}"
                time.sleep(0.05)

    def test_credentials_are_read_again(self, host: PluginHost) -> None:
        """A password in a file counts as it is now, without a restart."""
        file = host.directory / "secret"
        config = self.with_secret(file)
        if config is None:
            pytest.skip("with_secret is not given: the check has no password")
        file.write_text("wrong")
        file.chmod(0o600)
        place, port = self.healthy()
        probe = Probe("well", place, port, config, 0.05, self.timeout)
        worker = host.worker()
        worker.deliver(CheckSnapshot((probe,)))
        said = worker.verdicts(lambda found: found["well"].performed_at)["well"]
        assert not said.passing, "it passes with a wrong password"
        file.write_text(self.password)
        try:
            worker.verdicts(lambda found: found["well"].passing, self.timeout + 3.0)
        except AssertionError:
            raise AssertionError(
                "the password's file was mended, and it goes on failing"
            ) from None

    def _probe(
        self,
        config: Config,
        port: int = 1,
        timeout: float = 2.0,
        name: str = "web",
        interval: float = 5.0,
    ) -> Probe:
        return Probe(name, "127.0.0.1", port, config, interval, timeout)

    def _well(self, host: PluginHost, name: str = "web", interval: float = 5.0) -> Probe:
        place, port = self.healthy()
        return Probe(name, place, port, self.config(host.directory), interval, self.timeout)

    def _perform(self, host: PluginHost, probes: Mapping[str, Probe]) -> dict[str, Verdict]:
        """The first result of each probe; each is performed by an instance of its own."""
        worker = host.worker()
        keys = {f"probe{number}": name for number, name in enumerate(probes)}
        worker.deliver(
            CheckSnapshot(tuple(replace(probes[keys[key]], service=key) for key in keys))
        )
        within = max(probe.timeout for probe in probes.values()) + 4.0
        try:
            found = worker.verdicts(
                lambda said: all(key in said and said[key].performed_at for key in keys), within
            )
        except AssertionError as error:
            raise AssertionError(f"not every probe has a result in time: {error}") from None
        return {name: found[key] for key, name in keys.items()}

    def _held_after(self, worker: PluginWorker, probes: Sequence[Probe]) -> Mapping[str, int]:
        """What it holds once it is warm: as much work lies behind it as is to follow."""
        worker.deliver(CheckSnapshot(tuple(probes)))
        worker.verdicts(lambda said: said["well"].performed_at, self.timeout + 3.0)
        time.sleep(WHILE)
        worker.deliver(CheckSnapshot())
        time.sleep(WHILE / 2)
        return held_by(worker.pid)

    def _more(self, before: Mapping[str, int], now: Mapping[str, int]) -> str:
        return ", ".join(
            f"{now[what] - count} more {what}"
            for what, count in before.items()
            if now[what] > count + SLACK
        )
