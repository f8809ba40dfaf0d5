"""A reload that failed, or was broken off, is known to whoever comes after us."""

import os
import signal
from pathlib import Path
from typing import Any

from lighthouse.haproxy.rendering.render import generation_in
from lighthouse.haproxy.runtime import process
from tests.backends import Backends
from tests.ports import free_ports
from tests.software.haproxy_sites import readopted
from tests.software.haproxy_traffic import drive, unstartable
from tests.software.haproxy_world import World, cluster, get, served, until_file
from tests.waiting import eventually


def _failures(world: World) -> int:
    return process.processes(f"{world.directory}/haproxy.sock.master").failed


def test_a_reload_that_failed_is_not_tried_at_once_by_the_next_worker(
    world: World, http: Backends
) -> None:
    """Each try keeps listeners from accepting for seconds; members go on meanwhile."""
    (port,) = free_ports(1)
    web = cluster("web", port, http.nodes[:1])
    world.sync(web)
    before = world.text
    with unstartable() as settings:
        world.extra = settings
        failed = world.sync(web)
        assert failed.kind == "failed"
        assert "was taken back" in failed.reason
        failures = _failures(world)
        again = readopted(world)
        assert again.kind == "failed"
        assert again.reason == failed.reason
        assert (world.text, _failures(world)) == (before, failures)
        world.sync(cluster("web", port, http.nodes[:2]))
        assert served(port) == {str(n.port) for n in http.nodes[:2]}
    # mended, it is forgotten
    world.extra = {}
    assert world.sync(web).kind in ("applied", "unchanged")
    assert not list(world.directory.glob("*.attempt"))


def test_a_worker_that_is_killed_in_a_reload_leaves_what_runs_in_the_file(
    world: World, http: Backends
) -> None:
    """Whatever starts HAProxy next must not find what it has just refused to run."""
    (port,) = free_ports(1)
    web = cluster("web", port, http.nodes)
    world.sync(web)
    until_file(world, http.nodes)
    before = world.text
    with unstartable() as settings:
        world.extra = settings
        child = os.fork()
        if not child:
            try:
                world.sync(web)
            finally:
                os._exit(0)
        eventually(lambda: generation_in(world.text) != generation_in(before))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        outcome = readopted(world)
        assert outcome.kind == "failed"
        assert "broken off" in outcome.reason
        assert world.text == before
    world.extra = {}
    world.sync(web)
    drive(world, lambda: get(port)[0] == 200)


def test_each_step_of_a_reload_and_of_its_roll_back_is_a_sign_of_life(
    world: World, http: Backends
) -> None:
    """Together they may take longer than a sync may go without one."""
    (port,) = free_ports(1)
    web = cluster("web", port, http.nodes)
    said: list[str] = []
    world.plugin.sign_of_life = said.append
    world.sync(web)
    proof = "the proof that HAProxy serves its file"
    trial = ["HAProxy's check of a configuration", "a start of HAProxy on trial"]
    assert said == [*trial, "a start of HAProxy", proof]
    said.clear()
    with unstartable() as settings:
        world.extra = settings
        assert world.sync(web).kind == "failed"
    writing = f"the writing of {world.config['config_file']}"
    assert said[:4] == [*trial, writing, "a reload of HAProxy"]
    assert said.count("a reload of HAProxy") == 2, "the roll-back is one"


def test_what_is_kept_of_an_attempt_may_be_anything(world: World, http: Backends) -> None:
    """It is a hint; without a good one everything is as if there had been none."""
    (port,) = free_ports(1)
    contents: list[bytes] = [b"", b"{}", b"\xff", b'{"generation": 1}']
    for content in contents:
        Path(f"{world.config['pid_file']}.attempt").write_bytes(content)
        web: Any = cluster("web", port, http.nodes)
        assert world.sync(web).kind in ("applied", "unchanged")
        world.restart_worker()
