"""The code that a worker's process runs, and what has become of that on disk since."""

from typing import Final

from lighthouse.distribution.installed import Installed, succession
from lighthouse.distribution.origin import GROUPS, PluginOrigin
from lighthouse.ipc.plugin_report import PluginReport
from lighthouse.supervisor.standing_order import Name


class PluginCode:
    """``report`` is of the code that the process runs, or ran; ``offered`` is the distribution
    that is installed for it. ``outdated`` says what has become of the one that runs, ``refused``
    why the one that is installed was tried and does not take its place.
    """

    def __init__(self, name: Name, plugin: str, offered: PluginOrigin | None) -> None:
        self._kind: Final = name[0]
        self.plugin: Final = plugin
        self._runs = False
        self._refused: PluginOrigin | None = None
        self._refused_by = plugin
        self.offered = offered
        self.report: PluginReport | None = None
        self.outdated = ""
        self.refused = ""

    @property
    def running(self) -> PluginOrigin | None:
        """The distribution whose code the process runs, None if that is not known."""
        return self.report.origin if self._runs and self.report is not None else None

    @property
    def tried(self) -> PluginOrigin | None:
        """The one that it has loaded or tried to, None if there is none."""
        return self.report.origin if self.report is not None else self.offered

    @property
    def source(self) -> str:
        """The distribution and the entry point of what it runs or was to run, on one line.

        Empty for a plugin that comes with Lighthouse.
        """
        origin = self.tried
        if origin is None or origin.bundled:
            return ""
        return f"{origin}, entry point {self.plugin} = {origin.module} in {GROUPS[self._kind]}"

    def reported(self, report: PluginReport | None) -> None:
        """Its process tells what it has loaded, or could not."""
        self.report, self._runs = report, report is not None

    def ended(self) -> None:
        """Its process has ended: the next one loads what is installed."""
        self._runs = False
        self.outdated = self.refused = ""

    def compare(self, installed: Installed) -> None:
        """Note whether the code that runs is still what is installed."""
        now = self.offered = installed.origin(self._kind, self.plugin)
        clash = installed.clash(self._kind, self.plugin)
        self.outdated = "" if self.running is None else succession(self.running, now, clash)
        if self._refused_by != self.plugin:
            now = installed.origin(self._kind, self._refused_by)
        if now != self._refused:
            self.refused = ""

    def refuse(self, other: "PluginCode", why: str, resettled: bool) -> None:
        """It runs on, for this other code cannot take its place.

        ``resettled``: the other one had other settings under ``worker:``.
        """
        self._refused, self._refused_by = other.tried, other.plugin
        self.refused = refusal(self, other, why, resettled)

    def renewable(self, installed: Installed) -> bool:
        """Return True if another process would run other code, that fits to its supervisor."""
        now = installed.origin(self._kind, self.plugin)
        known = self.running is not None and now is not None and not now.bundled
        return known and now != self.running


def taken(old: PluginOrigin | None, new: PluginOrigin | None) -> str:
    """Whose code takes the place of whose, in words."""
    if old is None or new is None or (old.package, old.version) == (new.package, new.version):
        return f"{new or 'its plugin'} as it is installed now takes the place of what ran"
    return f"{new} takes the place of {old}"


def refusal(old: PluginCode, new: PluginCode, reason: str, resettled: bool) -> str:
    """What an operator is told where the old code runs on, and what to do."""
    ran, tried = old.running, new.tried
    runs = str(ran) if ran is not None else f"the plugin {old.plugin}"
    again = "then `lighthouse reload`"
    mend = f"mend it or install {runs} again, {again}"
    if new.plugin != old.plugin:
        why = f"the plugin {new.plugin} is not taken"
        mend = f"mend it or name {old.plugin} again in its file, {again}"
    elif tried is None:
        why = "nothing can take its place"
    elif ran is not None and (ran.package, ran.version) != (tried.package, tried.version):
        why = f"{tried} is not taken"
    elif resettled and ran == tried:
        runs = f"{runs} and the settings under `worker:` that it was started with"
        why, mend = "the new settings are not taken", "mend them in its file"
    else:
        runs, why = f"{runs} as it was loaded", "what is installed now is not taken"
        mend = f"mend it or install what it was again, {again}"
    return f"runs on with {runs}, for {why}: {reason}; {mend}"
