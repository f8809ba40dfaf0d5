"""A plugin's newer code takes the place of what runs only after it has shown that it can."""

import signal
import time

import pytest

from tests.fleet import Fleet
from tests.packages import Site
from tests.waiting import eventually

VALIDATES = """
    @classmethod
    def validate_config(cls, config):
        if {wrong}:
            raise ValueError("colour is not known any more")

    def sync_file("""


@pytest.fixture
def fleet(site_fleet: Fleet, site: Site) -> Fleet:
    """A daemon that serves with marks 1.0."""
    site.install("marks", "1.0")
    site_fleet.write("balancers/marks.yaml", {"colour": "red"})
    site_fleet.start()
    eventually(lambda: site_fleet.status()["healthy"] and site.says() == "marks 1.0")
    return site_fleet


def edit(site: Site, old: str, new: str) -> None:
    """Another source under the installed module's name."""
    code = site.path / "of_marks.py"
    code.write_text(code.read_text().replace(old, new))


def serves(fleet: Fleet, site: Site, text: str) -> bool:
    """Return True if its worker still makes true what it is told, with this code."""
    site.output.unlink(missing_ok=True)
    fleet.write("clusters/web.yaml", {"discovery": "files", "marks": {}})
    number = len([*fleet.nodes.glob("web/*")])
    fleet.node("web", f"n{number}", 80)
    return bool(eventually(lambda: site.says() == text))


def test_a_broken_upgrade_leaves_the_old_code_at_work(fleet: Fleet, site: Site) -> None:
    pid = fleet.worker("marks")["pid"]
    site.install("marks", "2.0")
    edit(site, "from pathlib", "import of_nothing\nfrom pathlib")
    fleet.reload()
    refused = eventually(lambda: fleet.worker("marks")["refused"])
    assert refused.startswith(
        "runs on with marks 1.0, for marks 2.0 is not taken: cannot be imported: "
        "ModuleNotFoundError: No module named 'of_nothing'; "
    )
    assert f"(marks 2.0, entry point marks = of_marks, {site.path}/of_marks.py:" in refused
    assert refused.endswith("; mend it or install marks 1.0 again, then `lighthouse reload`")
    status = fleet.status()
    assert (status["healthy"], status["problems"]) == (False, [f"balancer marks: {refused}"])
    assert f"balancer marks: {refused}" in fleet.log.read_text()
    assert fleet.worker("marks")["pid"] == pid
    assert serves(fleet, site, "marks 1.0")
    asked = fleet.lighthouse("restart-worker", "marks")
    assert (asked.returncode, f"balancer marks: {refused}" in asked.stderr) == (1, True)
    assert "--force" in asked.stderr
    assert fleet.worker("marks")["pid"] == pid
    edit(site, "import of_nothing\n", "")
    fleet.reload()
    eventually(lambda: fleet.status()["healthy"] and site.says() == "marks 2.0")
    assert "balancer marks: marks 2.0 takes the place of marks 1.0" in fleet.log.read_text()


def test_an_upgrade_that_rejects_what_the_old_code_accepts(fleet: Fleet, site: Site) -> None:
    site.install("marks", "2.0")
    edit(site, "    def sync_file(", VALIDATES.format(wrong='"colour" in config'))
    fleet.reload()
    told = "marks 2.0 is not taken: it rejects its own file: colour is not known any more; mend"
    eventually(lambda: told in fleet.worker("marks")["reason"])
    assert serves(fleet, site, "marks 1.0")
    fleet.write("balancers/marks.yaml", {"shade": "red"})
    eventually(lambda: fleet.lighthouse("check").returncode == 0)
    fleet.reload()
    eventually(lambda: fleet.status()["healthy"] and site.says() == "marks 2.0")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import os; os._exit(7)", "exited with status 7 (marks 2.0, entry point marks = of_mark"),
        ("import time; time.sleep(99)", "was not ready within 3 s: killed; it hung in import of"),
    ],
    ids=["exits", "hangs"],
)
def test_an_upgrade_that_does_harm_to_its_process(
    fleet: Fleet, site: Site, line: str, told: str
) -> None:
    """The limits of the file as it is now are those of the successor."""
    pid = fleet.worker("marks")["pid"]
    site.install("marks", "2.0")
    edit(site, "from pathlib", f"{line}\nfrom pathlib")
    fleet.write("balancers/marks.yaml", {"colour": "red", "worker": {"start_timeout": "3s"}})
    refused = eventually(lambda: fleet.worker("marks")["refused"])
    assert told in refused
    assert "runs on with marks 1.0, for marks 2.0 is not taken: " in refused
    assert refused.endswith("); mend it or install marks 1.0 again, then `lighthouse reload`")
    assert fleet.worker("marks")["pid"] == pid
    site.install("marks", "1.0")
    fleet.reload()
    eventually(lambda: fleet.status()["healthy"])


def test_settings_that_a_worker_cannot_start_with_leave_the_old_one_at_work(
    fleet: Fleet, site: Site
) -> None:
    """They are tried once, and again when they are others; what is put back is no fault."""
    pid, log = fleet.worker("marks")["pid"], fleet.log
    fleet.write("balancers/marks.yaml", {"colour": "red", "worker": {"start_timeout": "100ms"}})
    refused = eventually(lambda: fleet.worker("marks")["refused"])
    assert refused.startswith(
        "runs on with marks 1.0 and the settings under `worker:` that it was started with, for "
        "the new settings are not taken: was not ready within 0.1 s: killed"
    )
    assert "killed by signal" not in refused, "it is asked for its stacks before it knows how"
    assert refused.endswith("); mend them in its file")
    assert fleet.status()["problems"] == [f"balancer marks: {refused}"]
    assert f"balancer marks: {refused}" in log.read_text()
    assert serves(fleet, site, "marks 1.0")
    assert log.read_text().count("what its file wants now is tried") == 1
    fleet.write("balancers/marks.yaml", {"colour": "red"})
    eventually(lambda: fleet.status()["healthy"])
    assert fleet.worker("marks")["pid"] == pid
    fleet.write("balancers/marks.yaml", {"colour": "red", "worker": {"memory": "300M"}})
    eventually(lambda: fleet.worker("marks")["pid"] not in (None, pid))
    eventually(lambda: fleet.status()["healthy"])


def test_a_successor_that_hangs_delays_no_stop(fleet: Fleet, site: Site) -> None:
    site.install("marks", "2.0")
    asked = str(fleet.root / "asked")
    sleeps = VALIDATES.format(wrong=f"open({asked!r}, 'w').close() or sleep(99)")
    edit(site, "    def sync_file(", sleeps)
    edit(site, "from pathlib", "from time import sleep\nfrom pathlib")
    fleet.reload()
    eventually((fleet.root / "asked").exists)
    begun = time.monotonic()
    assert fleet.kill(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 4


def test_another_plugin_takes_over_only_if_it_can(fleet: Fleet, site: Site) -> None:
    """The one that runs keeps its own config until then."""
    pid = fleet.worker("marks")["pid"]
    site.install("others", "3.0", name="others")
    code = site.path / "of_others.py"
    good = code.read_text()
    broken = "    def apply_config(self, config):\n        {}[7]\n\n    def sync_file("
    code.write_text(good.replace("    def sync_file(", broken))
    fleet.reload()
    fleet.write("balancers/marks.yaml", {"plugin": "others", "shade": "blue"})
    refused = eventually(lambda: fleet.worker("marks")["refused"])
    assert refused.startswith(
        "runs on with marks 1.0, for the plugin others is not taken: apply_config: KeyError: 7 "
        f"(others 3.0, entry point others = of_others, {code}:"
    )
    assert refused.endswith("mend it or name marks again in its file, then `lighthouse reload`")
    assert (fleet.worker("marks")["pid"], fleet.worker("marks")["plugin"]) == (pid, "marks")
    assert serves(fleet, site, "marks 1.0")
    code.write_text(good)
    fleet.reload()
    eventually(lambda: fleet.status()["healthy"] and site.says() == "others 3.0")
    assert fleet.worker("marks")["plugin"] == "others"
    assert "others 3.0 takes the place of marks 1.0" in fleet.log.read_text()


def test_a_restart_is_refused_where_the_plugin_is_gone(fleet: Fleet, site: Site) -> None:
    """``--force`` ends it all the same; one that dies by itself has no other either."""
    site.remove("marks")
    asked = fleet.lighthouse("restart-worker", "marks")
    told = "runs on with marks 1.0, for nothing can take its place: no balancer plugin 'marks' is"
    assert (asked.returncode, told in asked.stderr) == (1, True)
    assert serves(fleet, site, "marks 1.0")
    forced = fleet.lighthouse("restart-worker", "marks", "--force")
    assert (forced.returncode, "no balancer plugin 'marks'" in forced.stderr) == (1, True)
    eventually(lambda: fleet.worker("marks")["pid"] is None)
