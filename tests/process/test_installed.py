"""Plugins that are installed, upgraded, removed or brought by two distributions meanwhile."""

import re

import pytest

from lighthouse.ipc.messages import Failed
from lighthouse.text import one_line
from tests.fleet import Fleet
from tests.packages import Site
from tests.rig import Rig
from tests.waiting import eventually


@pytest.fixture
def fleet(site_fleet: Fleet) -> Fleet:
    return site_fleet


def test_a_plugin_that_is_installed_later_is_taken_at_once(fleet: Fleet, site: Site) -> None:
    fleet.write("balancers/marks.yaml", {})
    fleet.start()
    told = "balancers/marks.yaml:1:1: balancer plugin 'marks' is not installed; installed: "
    eventually(lambda: any(told in problem for problem in fleet.status()["problems"]))
    eventually(lambda: fleet.worker("marks")["restarts"] >= 3, 30)
    site.install("marks", "1.0")
    eventually(lambda: fleet.status()["healthy"], 12)
    assert site.says() == "marks 1.0"
    assert fleet.worker("marks")["package"] == "marks 1.0"


def test_sighup_cuts_the_wait_for_the_next_try(fleet: Fleet, site: Site) -> None:
    """Of a worker that fails for another reason than packages."""
    site.install("marks", "1.0")
    code = site.path / "of_marks.py"
    good = code.read_text()
    code.write_text("import of_nothing\n")
    fleet.write("balancers/marks.yaml", {})
    fleet.start()

    def waits() -> bool:
        """Return True if it waits for about four seconds now, or longer."""
        worker = fleet.worker("marks")
        return bool(worker["state"] == "waiting" and worker["restarts"] >= 3)

    eventually(waits, 40)
    restarts = fleet.worker("marks")["restarts"]
    code.write_text(good)
    fleet.reload()
    eventually(lambda: fleet.worker("marks")["state"] != "waiting", 2)
    eventually(lambda: site.says() == "marks 1.0")
    assert fleet.worker("marks")["restarts"] == restarts + 1


def test_an_upgrade_is_told_and_taken_with_the_next_reload(fleet: Fleet, site: Site) -> None:
    site.install("marks", "1.0")
    fleet.write("balancers/marks.yaml", {})
    fleet.start()
    eventually(lambda: site.says() == "marks 1.0")
    pid = eventually(lambda: fleet.worker("marks")["pid"])
    site.install("marks", "2.0")
    told = "it runs marks 1.0, and marks 2.0 is installed; `lighthouse reload` takes that"
    eventually(lambda: fleet.worker("marks")["reason"] == told, 12)
    assert f"balancer marks: {told}" in fleet.lighthouse("plugins").stdout
    assert told in one_line(fleet.lighthouse("status", "--worker", "marks").stdout, 9999)
    assert (fleet.worker("marks")["pid"], site.says()) == (pid, "marks 1.0")
    fleet.reload()
    eventually(lambda: site.says() == "marks 2.0")
    eventually(lambda: fleet.worker("marks")["reason"] == "")
    site.install("marks", "2.0", record="+hotfix")
    told = "marks 2.0 was installed anew; `lighthouse reload` takes its code"
    eventually(lambda: fleet.worker("marks")["outdated"] == told, 12)
    pid = fleet.worker("marks")["pid"]
    fleet.reload()
    eventually(lambda: site.says() == "marks 2.0+hotfix")
    eventually(lambda: fleet.worker("marks")["pid"] not in (pid, None))
    pid = fleet.worker("marks")["pid"]
    fleet.reload()
    eventually(lambda: fleet.log.read_text().count("SIGHUP: reading") == 3)
    assert fleet.worker("marks")["pid"] == pid
    code = site.path / "of_marks.py"
    code.write_text(code.read_text().replace("+hotfix", "+edited"))
    fleet.reload()
    eventually(lambda: site.says() == "marks 2.0+edited")
    shown = fleet.lighthouse("plugins").stdout
    assert re.search(r"balancer +marks +yes +marks 2.0 +marks 2.0 +of_marks\n", shown)


def test_one_worker_is_started_anew(fleet: Fleet, site: Site) -> None:
    """With what was edited since; what does not run again is told, and who there is."""
    site.install("marks", "1.0")
    fleet.write("balancers/marks.yaml", {})
    fleet.start()
    eventually(lambda: site.says() == "marks 1.0")
    before = {w["name"]: w["pid"] for w in fleet.status()["workers"]}
    code = site.path / "of_marks.py"
    good = code.read_text()
    code.write_text(good.replace("marks 1.0", "marks anew"))
    done = fleet.lighthouse("restart-worker", "marks")
    pid = fleet.worker("marks")["pid"]
    assert (done.returncode, done.stdout) == (
        0,
        f"lighthouse: balancer marks: runs anew (pid {pid})\n",
    )
    assert site.says() == "marks anew"
    after = {w["name"]: w["pid"] for w in fleet.status()["workers"]}
    assert {name for name in before if before[name] != after[name]} == {"marks"}
    fleet.env["_LIGHTHOUSE_COMPLETE"] = "bash_complete"
    fleet.env |= {
        "COMP_WORDS": f"lighthouse restart-worker -c {fleet.config} bal",
        "COMP_CWORD": "4",
    }
    assert "plain,balancer/marks" in fleet.lighthouse().stdout
    del fleet.env["_LIGHTHOUSE_COMPLETE"]
    code.write_text("1 / 0\n")
    failed = fleet.lighthouse("restart-worker", "balancer/marks")
    assert failed.returncode == 1
    told = (
        "ZeroDivisionError: division by zero; mend that line, then `lighthouse reload` (marks 1.0"
    )
    assert told in failed.stderr
    assert f"{code}:1)" in failed.stderr
    code.write_text(good)
    assert fleet.lighthouse("restart-worker", "marks", "--no-wait").returncode == 0
    eventually(lambda: site.says() == "marks 1.0", 5)
    unknown = fleet.lighthouse("restart-worker", "mark")
    assert unknown.returncode == 1
    assert "no worker mark; there are: balancer/marks, discovery/files" in unknown.stderr
    assert fleet.lighthouse("restart-worker", "waiter/marks").returncode == 2


def test_an_entry_point_in_a_group_that_nobody_reads_is_told(fleet: Fleet, site: Site) -> None:
    site.install("marks", "1.0")
    points = site.path / "marks-1.0.dist-info" / "entry_points.txt"
    points.write_text("[lighthouse.balancer]\nmarks = of_marks\n")
    fleet.write("balancers/marks.yaml", {})
    told = (
        "marks 1.0 has the entry point 'marks' in the group 'lighthouse.balancer', which nobody "
        "reads: did you mean 'lighthouse.balancers'?"
    )
    assert f"\n{told}\n" in fleet.lighthouse("plugins").stdout
    checked = fleet.lighthouse("check")
    where = "balancers/marks.yaml:1:1: balancer plugin 'marks' is not installed; "
    assert (checked.returncode, where + told in checked.stdout) == (1, True)


def test_a_removed_plugin_runs_on_and_is_told(fleet: Fleet, site: Site) -> None:
    site.install("marks", "1.0")
    fleet.write("balancers/marks.yaml", {})
    fleet.start()
    eventually(lambda: fleet.status()["healthy"] and site.says())
    pid = fleet.worker("marks")["pid"]
    site.remove("marks")
    missing = "balancers/marks.yaml:1:1: balancer plugin 'marks' is not installed"
    eventually(lambda: missing in "".join(fleet.status()["problems"]), 12)
    worker = fleet.worker("marks")
    told = "its plugin is not installed any more (marks 1.0 was): it runs on until it ends"
    assert (worker["pid"], worker["reason"]) == (pid, told)
    site.install("marks", "1.0")
    eventually(lambda: fleet.status()["healthy"], 12)
    assert fleet.worker("marks")["pid"] == pid


def test_two_distributions_of_one_name_are_refused_by_name(fleet: Fleet, site: Site) -> None:
    site.install("alpha", "1.0", "marks")
    site.install("beta", "2.0", "marks")
    fleet.write("balancers/marks.yaml", {})
    told = (
        "alpha 1.0 (of_alpha) and beta 2.0 (of_beta) both bring a balancer plugin 'marks', "
        "so neither is used; uninstall one of them"
    )
    checked = fleet.lighthouse("check")
    assert (checked.returncode, checked.stdout) == (1, f"balancers/marks.yaml:1:1: {told}\n")
    assert told in fleet.lighthouse("plugins").stdout
    fleet.start()
    eventually(lambda: fleet.status()["problems"] and fleet.worker("marks")["reason"] == told)
    assert f"balancers/marks.yaml:1:1: {told}" in "".join(fleet.status()["problems"])
    assert not site.says()
    site.remove("alpha")
    eventually(lambda: fleet.status()["healthy"], 15)
    assert site.says() == "beta 2.0"


def test_a_bundled_name_is_reserved(fleet: Fleet, site: Site) -> None:
    site.install("aaa", "1.0", "haproxy")
    fleet.write("balancers/haproxy.yaml", fleet.haproxy)
    fleet.cluster("web")
    checked = fleet.lighthouse("check")
    assert checked.returncode == 1
    told = "aaa 1.0 brings a balancer plugin 'haproxy' too: that name is reserved for the one of"
    assert told in checked.stdout
    fleet.start()
    eventually(lambda: fleet.socket.exists())
    eventually(lambda: fleet.worker("haproxy")["snapshot"]["outcome"] in ("applied", "unchanged"))
    assert fleet.worker("haproxy")["package"].startswith("lighthouse-balancer ")
    assert any(told in problem for problem in fleet.status()["problems"])
    assert not site.says()


def test_a_distribution_without_its_module_is_to_be_installed_again(site: Site) -> None:
    site.install("own", "1.0", "own", module="plugin_own")
    (site.path / "plugin_own.py").unlink()
    with Rig(site.path, "balancer", plugin="own") as rig:
        told = "own 1.0 is installed without it: pip install --force-reinstall own"
        assert told in rig.expect(Failed).reason
