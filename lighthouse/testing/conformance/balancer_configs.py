"""Rules about configs: the wrong ones are refused, the good ones leave nothing of the former."""

from lighthouse.cluster import Cluster
from lighthouse.testing.conformance.balancer_subject import BalancerSubject, difference
from lighthouse.testing.conformance.plugin import refused_at
from lighthouse.testing.hosted import PluginHost


class BalancerConfigRules(BalancerSubject):
    """What a balancer promises of ``validate_config`` and ``apply_config``."""

    def test_good_configs_and_sections_are_taken(self, host: PluginHost) -> None:
        """``validate_config`` and ``validate_cluster_config`` raise nothing for good content."""
        worker = self.serving(host)
        for number, config in enumerate(self.configs(host.directory), 1):
            found = worker.examine(config, self.two())
            told = [p.message for r in found.rejections for p in r.problems]
            assert not told, f"the good config number {number} is refused: {'; '.join(told)}"

    def test_bad_configs_are_refused_with_the_place(self, host: PluginHost) -> None:
        """Each of ``bad_configs`` raises ``ValueError`` that names its place."""
        bad = self.bad_configs(host.directory)
        assert bad, "give bad_configs: at least one content that is wrong, by its place"
        worker = self.serving(host)
        found = [refused_at(place, worker.examine(bad[place]).rejections) for place in bad]
        assert not any(found), "\n".join(filter(None, found))

    def test_bad_sections_are_refused_with_the_place(self, host: PluginHost) -> None:
        """Each of ``bad_sections`` raises ``ValueError`` that names its place."""
        worker, good = self.serving(host), self.good(host)
        found = []
        for place, section in self.bad_sections.items():
            said = worker.examine(good, Cluster("web", config=dict(section)))
            found.append(refused_at(place, said.rejections))
        assert not any(found), "\n".join(filter(None, found))

    def test_a_bad_config_changes_nothing(self, host: PluginHost) -> None:
        """The last good config stays in force, and the good one is there again unchanged."""
        worker, good = self.serving(host), self.good(host)
        worker.succeed(good, self.two())
        before = self.settled(host)
        for place, bad in self.bad_configs(host.directory).items():
            worker.said(bad, self.two(), accepted=good)
            changed = difference(before, self.settled(host))
            assert not changed, f"the bad config {place!r} changed what is kept: {changed}"
        worker.succeed(good, self.two())
        changed = difference(before, self.settled(host))
        assert not changed, f"after bad configs the good one ends otherwise: {changed}"

    def test_config_a_then_b_then_a_equals_a(self, host: PluginHost) -> None:
        """``apply_config`` leaves nothing of an older config, whichever that was."""
        first, *others = self.configs(host.directory)
        wanted = self.result(host, first, self.two())
        worker = self.serving(host)
        for other in others:
            worker.succeed(other, self.two())
            worker.succeed(first, self.two())
            now = self.settled(host)
            changed = difference(wanted, {name: now.get(name, b"") for name in wanted})
            assert not changed, f"after another config the first ends otherwise: {changed}"

    def test_a_config_after_another_equals_that_config_alone(self, host: PluginHost) -> None:
        """The state after ``apply_config`` is that of this config alone."""
        first, *others = self.configs(host.directory)
        for other in others:
            wanted = self.result(host, other, self.two())
            self.clear(host)
            worker = self.serving(host)
            worker.succeed(first, self.two())
            worker.succeed(other, self.two())
            now = self.settled(host)
            changed = difference(wanted, {name: now.get(name, b"") for name in wanted})
            assert not changed, f"something of the former config has stayed: {changed}"
