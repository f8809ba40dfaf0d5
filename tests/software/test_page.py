"""The status page in a real browser: what it shows, its keys, its speed, and who can read it."""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.backends import Backend
from tests.fleet import Fleet, running
from tests.ports import free_port
from tests.software.browser import Seen, ServedPage, axe, chromium
from tests.waiting import eventually

pytestmark = pytest.mark.needs("chromium")

TOKEN = "0123456789abcdef0123"
HOSTILE = "<img src=x onerror=document.title='owned'>"
SECTIONS = ("faults", "clusters", "services", "workers", "changes")
SIZES = {"desk": (1400, 900), "tablet": (820, 1180), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def seen(browser: Browser) -> Iterator[Seen]:
    """A page that must not complain of anything."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(15000)
    seen = Seen(context.new_page())
    yield seen
    context.close()
    assert seen.complaints == []


def document(clusters: int, nodes: int, marked: str = "") -> dict[str, Any]:
    """A status with so many clusters; ``marked`` is the zone of their first nodes."""
    return {
        "healthy": True,
        "supervisor": {"pid": 7, "version": "2", "started_at": time.time(), "config_dir": "/c"},
        "clusters": [
            {
                "name": f"c{number:04}",
                "discovery": ["zk"],
                "known": True,
                "nodes": [
                    {
                        "name": f"web{number}-{index}:80",
                        "ip": f"10.{number // 250}.{number % 250}.{index}",
                        "port": 80,
                        "metadata": {"zone": "abc"[index % 3] if index else marked},
                    }
                    for index in range(nodes)
                ],
            }
            for number in range(clusters)
        ],
    }


def open_at(page: Page, served: ServedPage, path: str) -> None:
    page.goto(f"http://127.0.0.1:{served.port}{path}")


def test_what_changes_is_shown_at_once_and_what_is_hostile_is_only_text(
    seen: Seen, tmp_path: Path
) -> None:
    page = seen.page
    with ServedPage(tmp_path) as served:
        served.document = document(3, 4)
        served.document["clusters"][1]["stale"] = True
        served.document["clusters"][1]["sources"] = [{"discovery": HOSTILE, "away_seconds": 9}]
        served.document["clusters"][2]["held_back"] = ["web2-1:80"]
        open_at(page, served, "/clusters")
        rows = page.locator("li.cluster")
        expect(rows).to_have_count(3)
        stale = page.locator("li.cluster.warn", has_text="c0001")
        expect(stale.locator(".reason")).to_contain_text(HOSTILE)
        expect(stale.locator(".node.s")).to_have_count(4)
        held = page.locator("li.cluster.warn", has_text="c0002")
        expect(held.locator(".node.h")).to_have_text("○")
        expect(held.locator(".count")).to_have_text("3/4")
        page.keyboard.press("/")
        page.keyboard.type("state:held")
        expect(rows).to_have_count(1)
        assert page.url.endswith("?q=state%3Aheld")
        page.keyboard.press("Escape")
        expect(rows).to_have_count(3)
        served.document = document(2, 4)
        expect(rows).to_have_count(2)
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.locator(".detail tbody tr")).to_have_count(4)
        assert page.url.endswith("/clusters/c0000")
    expect(page.locator("#link")).to_contain_text("Disconnected since")
    assert page.title() == "Clusters · Lighthouse"
    seen.complaints = [text for text in seen.complaints if "ERR_" not in text]


def processor_seconds(session: CDPSession) -> float:
    """What the page has taken of a processor since it was opened: others may use it too."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


@pytest.mark.slow
def test_a_thousand_clusters_are_painted_within_a_second_and_no_change_is_lost(
    seen: Seen, tmp_path: Path
) -> None:
    page = seen.page
    with ServedPage(tmp_path) as served:
        served.document = document(1000, 50)
        eventually(lambda: served.given >= 2, 40)
        open_at(page, served, "/services")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        for path, painted in (("/clusters", ".tile"), ("/clusters?view=rows", "li.cluster")):
            open_at(page, served, path)
            page.wait_for_selector(painted)
            took = processor_seconds(session)
            assert 0.01 < took < 0.8, path
        assert page.locator("li.cluster").count() < 60  # only those in sight are elements
        for number in range(100):
            served.document["clusters"][number]["held_back"] = [f"web{number}-1:80"]
            time.sleep(0.02)
        expect(page.locator("nav a[aria-current]")).to_contain_text("✕100", timeout=20000)
        expect(page.locator("li.cluster.warn").first).to_contain_text("c0000")
        page.keyboard.press("p")
        served.document = document(1000, 50)
        expect(page.locator("#link")).to_contain_text("Paused")
        given = served.given
        eventually(lambda: served.given > given + 1, 20)
        expect(page.locator("nav a[aria-current]")).to_contain_text("✕100")
        page.keyboard.press("p")
        expect(page.locator("nav a[aria-current]")).not_to_contain_text("✕", timeout=20000)
        page.goto("about:blank")


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, str]]:
    """A real daemon with a HAProxy, a service that is well and one that is not."""
    root = tmp_path_factory.mktemp("lively")
    token_file = root / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    with running(root) as fleet, Backend("good") as good, Backend("bad") as bad:
        bad.healthy = False
        port = free_port()
        web = {"listen": port, "token_file": str(token_file)}
        places = {"run_dir": str(fleet.run_dir), "state_dir": str(root / "state")}
        fleet.write("lighthouse.yaml", {**places, "advertise": "127.0.0.1", "web": web})
        for name in ("app", "mail", "search"):
            fleet.cluster(name)
            for number in range(4):
                zone = {"zone": "ab"[number % 2]}
                fleet.node(name, f"{name}{number}", 8000 + number, metadata=zone)
        (fleet.nodes / "mail" / "odd.json").write_text('{"ip": "nonsense", "port": 1}')
        checks = {"http": {"uri": "/health", "interval": 0.5}}
        for name, service in (("storefront", good), ("api", bad)):
            content = {"port": service.port, "discovery": "files", "checks": checks}
            fleet.write(f"services/{name}.yaml", content)
        fleet.start()
        eventually(lambda: len(fleet.serving("app")) == 4, 60)
        yield fleet, f"http://127.0.0.1:{port}"
        fleet.close()


@pytest.mark.slow
def test_the_keyboard_alone_is_enough(seen: Seen, lively: tuple[Fleet, str]) -> None:
    page, (_, base) = seen.page, lively
    page.goto(base)
    for number, section in enumerate(SECTIONS, 1):
        page.keyboard.press(str(number))
        expect(page.locator("nav a[aria-current]")).to_contain_text(section.capitalize())
        assert page.url.endswith(f"/{section}")
    page.keyboard.press("2")
    for _ in range(3):
        page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("li.selected .name")).to_be_focused()
    chosen = page.locator("li.selected .name").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("li.open .name")).to_have_text(chosen)
    expect(page.locator(".detail tbody tr")).to_have_count(4)
    page.keyboard.press("Escape")
    expect(page.locator(".detail")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("Keys")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("/")
    page.keyboard.type("-name~mail zone:a")
    expect(page.locator("#matches")).to_have_text("2 of 3")
    page.go_back()
    page.go_forward()
    expect(page.locator("#filter")).to_have_value("-name~mail zone:a")


@pytest.mark.slow
def test_each_section_tells_its_part_and_a_service_is_taken_down(
    seen: Seen, lively: tuple[Fleet, str]
) -> None:
    page, (fleet, base) = seen.page, lively
    page.goto(f"{base}/faults")
    expect(page.locator(".card", has_text="mail")).to_contain_text("1 record is refused")
    expect(page.locator(".card", has_text="mail").locator("code")).to_have_text(
        "lighthouse explain mail"
    )
    page.goto(f"{base}/workers")
    expect(page.locator(".card", has_text="balancer/haproxy")).to_contain_text("MiB of")
    page.goto(f"{base}/services")
    bad = page.locator(".card", has_text="api:")
    expect(bad.locator(".mark.f").nth(3)).to_have_text("×")  # noqa: RUF001
    expect(bad).to_contain_text("status 503")
    good = page.locator(".card", has_text="storefront:")
    good.get_by_role("button", name="Down").click()
    page.get_by_label("Token").fill("not-the-token-at-all")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("dialog")).to_contain_text("that is not the token")
    page.keyboard.press("Escape")
    seen.complaints = [text for text in seen.complaints if "401" not in text]
    good.get_by_role("button", name="Down").click()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_label("Reason").fill(HOSTILE)
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("dialog")).to_contain_text("done")
    page.keyboard.press("Escape")
    expect(good).to_contain_text(f"in maintenance by the status page (uid {os.geteuid()})")
    expect(good).to_contain_text(HOSTILE)
    good.get_by_role("button", name="Up").click()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("dialog")).to_contain_text("done")
    page.keyboard.press("Escape")
    expect(good).not_to_contain_text("in maintenance")
    page.goto(f"{base}/changes")
    fleet.node("app", "fresh", 8100)
    change = page.locator(".card", has_text="+127.0.0.1:8100")
    expect(change).to_contain_text("no reload")
    expect(change).to_contain_text("files saw app changing")
    expect(change).to_contain_text("supervisor")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_everybody_can_read_it(
    browser: Browser, lively: tuple[Fleet, str], size: str, scheme: Any
) -> None:
    """axe-core finds nothing, and nothing is wider than the screen, in each size and scheme."""
    source = axe()
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    for path in (*SECTIONS, "clusters/app", "clusters?view=wall"):
        page.goto(f"{lively[1]}/{path}")
        page.wait_for_selector("main li, .empty:not([hidden])")
        if path.endswith("/app"):
            page.wait_for_selector(".detail table")
        page.evaluate(source)
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        told = [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]
        assert told == [], f"{path}: {json.dumps(told)}"
        overflow = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, path
        assert re.search("Lighthouse", page.title())
    context.close()
