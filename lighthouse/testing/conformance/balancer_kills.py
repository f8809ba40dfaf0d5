"""The rule about death: killed at any system call, the same snapshot heals it."""

from lighthouse.testing.conformance.balancer_subject import (
    BalancerSubject,
    Content,
    difference,
    files_below,
)
from lighthouse.testing.hosted import PluginHost
from lighthouse.testing.strace import places, require_strace, traced


class BalancerKillRules(BalancerSubject):
    """What a balancer promises of ``kill -9`` in the middle of a sync."""

    def test_killed_at_any_system_call_the_same_snapshot_heals(self, host: PluginHost) -> None:
        """No file is ever cut, nothing is left lying about, and the next sync ends as it should.

        The kills are spread over the system calls of one sync, those that write first.
        """
        require_strace()
        good = self.good(host)
        worker = self.serving(host)
        worker.succeed(good, self.two())
        old = self.settled(host)
        with traced(worker.worker.pid) as report:
            worker.succeed(good, self.three())
            self.settled(host)
            calls = report.read_text()
        new = self.settled(host)
        worker.succeed(good, self.two())
        worker.succeed(good, self.three())
        names = set(files_below(host.directory, hidden=True))
        killed = 0
        for place in places(calls, self.kills):
            worker = self.serving(host)
            worker.succeed(good, self.two())
            self.settled(host)
            with traced(worker.worker.pid, "-e", place):
                worker.begin(good, self.three())
                worker.outcome()
                self.settled(host)
            killed += worker.worker.ended
            self._whole(host, place, old, new)
            self.serving(host).succeed(good, self.three())
            changed = difference(new, self.settled(host))
            assert not changed, f"after {place} the same snapshot ends otherwise: {changed}"
            left = ", ".join(sorted(set(files_below(host.directory, hidden=True)) - names))
            assert not left, f"after {place} and another sync there is left: {left}"
        assert killed, "strace killed nothing"

    def _whole(self, host: PluginHost, place: str, old: Content, new: Content) -> None:
        now = self.kept(host.directory)
        for name, content in now.items():
            assert content in (old.get(name), new.get(name)), (
                f"after {place} there is neither the old nor the new {name}: {content[:400]!r}"
            )
        lost = ", ".join(sorted((old.keys() & new.keys()) - now.keys()))
        assert not lost, f"after {place} there is no {lost}"
