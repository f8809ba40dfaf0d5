// The page: what the address says is what is shown; the keys, and when something is drawn anew.

import { act } from "./actions.js";
import { ClusterView, WALL } from "./clusters.js";
import { isOpen, keys } from "./dialogs.js";
import { el, fill } from "./dom.js";
import { Feed } from "./feed.js";
import { parse } from "./filter.js";
import { clock, counted, span } from "./format.js";
import { views } from "./sections.js";

const SECTIONS = ["faults", "clusters", "services", "workers", "changes"];
const TITLES = { faults: "Faults", clusters: "Clusters", services: "Services", workers: "Workers", changes: "Changes" };

const main = document.getElementById("main");
const filter = document.getElementById("filter");
const place = { section: "faults", opened: null, query: "", view: null };
let paused = false;
let stale = false; // something has changed that is not drawn
let drawing = false;

const feed = new Feed(changed, linked);
const shown = views(feed, act);
shown.clusters = new ClusterView(feed, go);

function read() {
  const [, section, name] = location.pathname.split("/");
  const query = new URLSearchParams(location.search);
  place.section = SECTIONS.includes(section) ? section : "faults";
  place.opened = place.section === "clusters" && name ? decodeURIComponent(name) : null;
  place.query = query.get("q") ?? "";
  place.view = query.get("view");
  if (filter.value !== place.query) filter.value = place.query;
}

export function go(path) {
  history.pushState(null, "", path);
  read();
  show();
}

function show() {
  const view = shown[place.section];
  const count = view.arrange(parse(place.query));
  const wall = place.view ? place.view === "wall" : feed.rows.clusters.size > WALL && !place.query;
  view.show(main, wall, place.opened);
  bar(count);
  document.title = `${TITLES[place.section]} · Lighthouse`;
  if (place.opened) reveal();
}

function reveal() {
  const view = shown.clusters;
  view.selected = view.order.indexOf(place.opened);
  if (view.selected > 0) view.select(0);
}

function changed() {
  if (paused) {
    stale = true;
    return;
  }
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

let begun = false;

function draw() {
  if (!begun) {
    begun = true;
    show();
    return;
  }
  const view = shown[place.section];
  const count = view.arrange(parse(place.query));
  view.refresh();
  bar(count);
}

function bar(count) {
  const { head } = feed;
  const levels = { clusters: 0, services: 0, workers: 0 };
  for (const row of feed.rows.clusters.values()) levels.clusters += row.level !== "ok";
  for (const row of feed.rows.services.values()) levels.services += !row.up;
  for (const row of feed.rows.workers.values()) levels.workers += !row.healthy;
  const links = SECTIONS.map((section, index) => {
    const total = feed.rows[section].size;
    const bad = section === "faults" ? total : levels[section] ?? 0;
    const current = section === place.section;
    return el("a", { href: `/${section}`, "aria-current": current ? "page" : null, class: bad ? "some" : null, title: `${TITLES[section]} (${index + 1})` },
      TITLES[section], " ", el("span", { class: "number" }, String(total)), bad && section !== "faults" ? el("span", { class: "odd" }, ` ✕${bad}`, el("span", { class: "hidden" }, " not well")) : null);
  });
  fill(document.getElementById("nav"), links);
  document.getElementById("matches").textContent = place.query ? `${count} of ${feed.rows[place.section].size}` : "";
  if (!head) return;
  const health = document.getElementById("health");
  const text = head.leaving ? "! is stopping" : head.healthy ? "✓ nothing is wrong" : `✕ ${counted(feed.rows.faults.size, "fault")}`;
  if (health.textContent !== text) health.textContent = text;
  health.className = head.healthy ? "ok" : "bad";
  const host = `${location.host} · ${head.directory} · ${head.version} · up ${span(Math.max(0, feed.now() - head.started))}`;
  document.getElementById("host").textContent = host;
}

function linked(since) {
  const note = document.getElementById("link");
  note.hidden = since === null && !paused;
  if (since !== null) note.textContent = `Disconnected since ${clock(since / 1000)}: what is shown is as it was then.`;
  else if (paused) note.textContent = "Paused: what is shown does not change. p goes on.";
}

function pause() {
  paused = !paused;
  document.getElementById("pause").setAttribute("aria-pressed", String(paused));
  linked(feed.lostSince);
  if (!paused && stale) {
    stale = false;
    draw();
  }
}

function search(text) {
  place.query = text;
  const query = new URLSearchParams(location.search);
  if (text) query.set("q", text);
  else query.delete("q");
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
  shown[place.section].selected = -1;
  show();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isOpen()) return;
  const typing = event.target.matches("input, textarea, select");
  if (event.key === "Escape") {
    if (filter.value) search((filter.value = ""));
    else if (place.opened) go("/clusters");
    filter.blur();
    return;
  }
  if (typing) {
    if (event.key === "Enter" && event.target === filter) {
      event.preventDefault();
      filter.blur();
      shown[place.section].select(1);
    }
    return;
  }
  const view = shown[place.section];
  const acts = {
    j: () => view.select(1),
    k: () => view.select(-1),
    "/": () => filter.focus(),
    "?": keys,
    p: pause,
  };
  if (event.key in acts) acts[event.key]();
  else if (event.key >= "1" && event.key <= "5") go(`/${SECTIONS[Number(event.key) - 1]}`);
  else if (event.key === "Enter" && view.selected >= 0 && !event.target.closest("a, button, summary")) view.enter();
  else return;
  event.preventDefault();
}

// Nothing moves under the pointer: while it rests on the list, rows keep their order.
let still = 0;
function hold() {
  const view = shown[place.section];
  view.frozen = true;
  clearTimeout(still);
  still = setTimeout(release, 4000);
}
function release() {
  clearTimeout(still);
  for (const view of Object.values(shown)) view.frozen = false;
  if (begun && !paused) draw();
}

addEventListener("popstate", () => {
  read();
  show();
});
addEventListener("keydown", pressed);
document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a");
  if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const target = new URL(anchor.href);
  if (target.origin !== location.origin || target.pathname.endsWith(".json") || anchor.hash) return;
  event.preventDefault();
  go(target.pathname + target.search);
});
filter.addEventListener("input", () => search(filter.value));
document.getElementById("find").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("pause").addEventListener("click", pause);
document.getElementById("help").addEventListener("click", keys);
main.addEventListener("pointermove", hold);
main.addEventListener("pointerleave", release);
setInterval(() => begun && !paused && bar(shown[place.section].order.length), 5000);
read();
