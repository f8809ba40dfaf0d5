"""A plugin's newer code takes the place of what runs only after it has shown that it can."""

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
        ("import os; os._exit(7)", "exited with status 7"),
        ("import time; time.sleep(99)", "was not ready within 2 s: killed; it hung in import of"),
    ],
    ids=["exits", "hangs"],
)
def test_an_upgrade_that_does_harm_to_its_process(
    fleet: Fleet, site: Site, line: str, told: str
) -> None:
    before = fleet.worker("marks")["pid"]
    fleet.write("balancers/marks.yaml", {"worker": {"start_timeout": "2s"}})
    eventually(lambda: fleet.worker("marks")["pid"] not in (before, None))
    eventually(lambda: fleet.worker("marks")["snapshot"]["outcome"])
    pid = fleet.worker("marks")["pid"]
    site.install("marks", "2.0")
    edit(site, "from pathlib", f"{line}\nfrom pathlib")
    fleet.reload()
    refused = eventually(lambda: fleet.worker("marks")["refused"])
    assert told in refused
    assert "runs on with marks 1.0, for marks 2.0 is not taken: " in refused
    assert fleet.worker("marks")["pid"] == pid
    site.install("marks", "1.0")
    eventually(lambda: fleet.status()["healthy"], 12)


def test_a_restart_is_refused_where_the_plugin_is_gone(fleet: Fleet, site: Site) -> None:
    """``--force`` ends it all the same; one that dies by itself has no other either."""
    site.remove("marks")
    asked = fleet.lighthouse("restart-worker", "marks")
    told = "runs on with marks 1.0, for nothing can take its place: no balancer plugin 'marks' is"
    assert (asked.returncode, told in asked.stderr) == (1, True)
    assert serves(fleet, site, "marks 1.0")
    forced = fleet.lighthouse("restart-worker", "marks", "--force")
    assert (forced.returncode, "no balancer plugin 'marks'" in forced.stderr) == (1, True)
    assert fleet.worker("marks")["pid"] is None
