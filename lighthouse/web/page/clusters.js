// The clusters: a wall of tiles for a large fleet, or rows with a square for each node, of which
// only those in sight are elements. One row is open at a time; its nodes are asked for then.

import { badge, el, fill, link } from "./dom.js";
import { clusterFacts, matches } from "./filter.js";
import { ago, counted, moment } from "./format.js";

export const WALL = 200; // so many clusters are shown as a wall at first
const ROW = 44; // pixels, as in style.css
const NARROW = 76;
const FIRST = 300; // tiles that are made before all others
const DENSE = 60; // so many nodes have narrow squares
const AHEAD = 12; // rows beyond those in sight
const GLYPHS = { u: ["up", ""], d: ["draining", "≡"], h: ["held back", "○"], s: ["stale", "╱"], x: ["no traffic", "×"] };
const LEVELS = { ok: ["ok", "✓"], warn: ["warn", "!"], bad: ["bad", "✕"] };
const RANK = { bad: 0, warn: 1, ok: 2 };

export function strip(nodes, name) {
  const cells = Array.from(nodes, (letter) => el("i", { class: `node ${letter}` }, GLYPHS[letter][1]));
  const dense = nodes.length > DENSE ? " dense" : "";
  return el("span", { class: `strip${dense}`, role: "img", "aria-label": `${name}: ${spoken(nodes)}` }, cells);
}

export function spoken(nodes) {
  const counts = {};
  for (const letter of nodes) counts[letter] = (counts[letter] ?? 0) + 1;
  const told = Object.entries(counts).map(([letter, count]) => `${count} ${GLYPHS[letter][0]}`);
  return told.join(", ") || "no nodes";
}

export function served(row) {
  let up = 0;
  for (const letter of row.nodes) if (letter === "u" || letter === "s") up += 1;
  return `${up}/${row.nodes.length}`;
}

export class ClusterView {
  constructor(feed, navigate) {
    this.feed = feed;
    this.navigate = navigate;
    this.order = [];
    this.opened = null; // the name of the open cluster
    this.detail = null;
    this.details = new Map();
    this.selected = -1;
    this.frozen = false;
    this.made = new Map(); // the rows that are elements, by name
    this.box = null;
    this.wall = null;
    addEventListener("scroll", () => this.draw(), { passive: true });
    addEventListener("resize", () => this.draw());
  }

  // What the filter lets through, the worst first; nothing moves under the pointer.
  arrange(terms) {
    const rows = this.feed.rows.clusters;
    const found = [];
    for (const [name, row] of rows) if (!terms.length || matches(terms, clusterFacts(name, row))) found.push(name);
    if (this.frozen) {
      const there = new Set(found);
      const kept = this.order.filter((name) => there.delete(name));
      this.order = [...kept, ...there];
    } else {
      found.sort((a, b) => RANK[rows.get(a).level] - RANK[rows.get(b).level] || (a < b ? -1 : 1));
      this.order = found;
    }
    return this.order.length;
  }

  show(main, asWall, opened) {
    this.asWall = asWall && !opened;
    if (opened !== this.opened) {
      this.opened = opened;
      this.detail = null;
    }
    this.made.clear();
    const toggle = el("p", { class: "views" },
      link("/clusters?view=wall", "Wall", { "aria-current": this.asWall ? "true" : null }), " ",
      link("/clusters?view=rows", "Rows", { "aria-current": this.asWall ? null : "true" }), legend());
    if (this.asWall) {
      this.wall = el("ul", { class: "wall", role: "list" });
      this.tiles = FIRST;
      fill(main, toggle, this.wall);
      this.box = null;
    } else {
      this.box = el("ul", { class: "rows", role: "list" });
      fill(main, toggle, this.box);
      this.wall = null;
    }
    this.draw(true);
    if (opened) this.load(opened);
  }

  height() {
    return innerWidth < 720 ? NARROW : ROW;
  }

  draw(fresh) {
    if (this.wall?.isConnected) this.drawWall();
    else if (this.box?.isConnected) this.drawRows(fresh);
  }

  drawWall() {
    const rows = this.feed.rows.clusters;
    const kept = new Map(Array.from(this.wall.children, (tile) => [tile.dataset.name, tile]));
    const tiles = this.order.slice(0, this.tiles).map((name, index) => {
      const row = rows.get(name);
      const tile = kept.get(name) ?? el("li", { class: "tile", data: { name } }, link(`/clusters/${name}`, ""));
      const text = `${LEVELS[row.level][1]} ${name} ${served(row)}`;
      const anchor = tile.firstChild;
      if (anchor.textContent !== text) anchor.textContent = text;
      if (anchor.title !== row.reason) anchor.title = row.reason;
      tile.className = `tile ${row.level}${index === this.selected ? " selected" : ""}`;
      return tile;
    });
    if (tiles.length !== this.wall.children.length || tiles.some((tile, index) => this.wall.children[index] !== tile)) fill(this.wall, tiles);
    if (this.tiles < this.order.length) setTimeout(() => this.whole(), 0);
  }

  // The tiles that are out of sight at first.
  whole() {
    this.tiles = Infinity;
    this.draw();
  }

  drawRows(fresh) {
    const height = this.height();
    const place = this.order.indexOf(this.opened);
    const extra = place >= 0 && this.detail ? this.detail.offsetHeight || 320 : 0;
    const top = this.box.getBoundingClientRect().top;
    const at = (index) => index * height + (place >= 0 && index > place ? extra : 0);
    const first = Math.max(0, Math.floor((-top - extra) / height) - AHEAD);
    const last = Math.min(this.order.length, Math.ceil((-top + innerHeight) / height) + AHEAD);
    this.box.style.height = `${this.order.length * height + extra}px`;
    const wanted = new Set(this.order.slice(first, last));
    if (place >= 0) wanted.add(this.opened);
    for (const [name, row] of this.made) {
      if (!wanted.has(name)) {
        row.element.remove();
        this.made.delete(name);
      }
    }
    for (const name of wanted) {
      const index = this.order.indexOf(name);
      this.place(name, index, at(index), fresh);
    }
  }

  place(name, index, top, fresh) {
    const row = this.feed.rows.clusters.get(name);
    let made = this.made.get(name);
    if (!made || made.row !== row || fresh) {
      const focused = made?.element.contains(document.activeElement) && !this.detail?.contains(document.activeElement);
      const element = this.row(name, row);
      if (made) made.element.replaceWith(element);
      else this.box.append(element);
      made = { row, element };
      this.made.set(name, made);
      if (focused) element.querySelector("a").focus({ preventScroll: true });
    }
    const { element } = made;
    element.style.transform = `translateY(${top}px)`;
    element.classList.toggle("selected", index === this.selected);
    element.setAttribute("aria-posinset", index + 1);
    element.setAttribute("aria-setsize", this.order.length);
  }

  row(name, row) {
    const open = name === this.opened;
    const [level, glyph] = LEVELS[row.level];
    const reason = row.reason || spoken(row.nodes);
    const head = el("div", { class: "row" },
      badge(level, glyph, ""),
      el("a", { class: "name", href: open ? "/clusters" : `/clusters/${name}`, "aria-expanded": String(open) }, name),
      el("span", { class: "count" }, served(row)),
      strip(row.nodes, name),
      el("span", { class: "reason", title: reason }, reason),
      el("span", { class: "sources" }, row.sources.join(", ")));
    const item = el("li", { class: `cluster ${level}${open ? " open" : ""}` }, head);
    if (open && this.detail) item.append(this.detail);
    return item;
  }

  async load(name) {
    const answer = await fetch(`/clusters/${encodeURIComponent(name)}.json`).catch(() => null);
    if (this.opened !== name) return;
    if (!answer?.ok) {
      this.detail = el("div", { class: "detail" }, answer?.status === 404 ? "There is no such cluster." : "The daemon does not answer.");
    } else {
      this.detail = detail(await answer.json(), this.feed.now());
    }
    this.made.get(name)?.element.querySelector(".detail")?.remove();
    this.made.get(name)?.element.append(this.detail);
    this.draw();
  }

  // The open cluster, and what is in sight, as they are by now.
  refresh() {
    this.draw();
    const row = this.opened && this.feed.rows.clusters.get(this.opened);
    if (row && row !== this.shownRow) this.load(this.opened);
    this.shownRow = row;
  }

  select(step) {
    if (!this.order.length) return;
    this.selected = Math.min(this.order.length - 1, Math.max(0, this.selected + step));
    if (this.wall) {
      this.whole();
      this.wall.children[this.selected].firstChild.focus();
      return;
    }
    const height = this.height();
    const top = this.box.getBoundingClientRect().top + this.selected * height;
    const bar = document.getElementById("top").offsetHeight;
    if (top < bar + height) scrollBy(0, top - bar - height);
    else if (top > innerHeight - 2 * height) scrollBy(0, top - innerHeight + 2 * height);
    this.draw();
    this.made.get(this.order[this.selected])?.element.querySelector("a").focus({ preventScroll: true });
  }

  enter() {
    const name = this.order[this.selected];
    if (name) this.navigate(name === this.opened ? "/clusters" : `/clusters/${name}`);
  }
}

function legend() {
  const entries = Object.entries(GLYPHS).map(([letter, [words, glyph]]) => el("span", {}, el("i", { class: `node ${letter}`, "aria-hidden": "true" }, glyph), ` ${words}`));
  return el("span", { class: "legend" }, entries);
}

function detail(said, now) {
  const nodes = said.nodes.map((node) => el("tr", { class: `state ${node.state}` },
    el("td", { "data-label": "Node" }, el("i", { class: `node ${node.state}`, "aria-hidden": "true" }, GLYPHS[node.state][1]), ` ${node.name}`),
    el("td", { "data-label": "Address" }, node.address),
    el("td", { "data-label": "Zone" }, node.zone || "–"),
    el("td", { "data-label": "Weight" }, String(node.weight)),
    el("td", { "data-label": "State" }, `${GLYPHS[node.state][0]}: ${node.why}${node.notes.length ? `; ${node.notes.join("; ")}` : ""}`)));
  const sources = said.sources.map((one) => el("li", {},
    `${one.discovery}: `, one.away_seconds === null ? counted(one.nodes ?? 0, "node") : `away, ${counted(one.nodes ?? 0, "node")} known from before`,
    one.read_at ? `, last change ${ago(one.read_at, now)} (${moment(one.read_at)})` : "", one.used ? "" : ", not used"));
  const refused = said.refused.map((one) => el("li", {}, `${one.record}: ${one.reason}`));
  return el("div", { class: "detail" },
    el("p", {}, said.row.reason || "All is as it should be.", " ", el("code", {}, `lighthouse explain ${said.name}`), " ", link(`/explain/${said.name}.json`, "explain.json"), " ", link(`/clusters/${said.name}.json`, "json")),
    el("ul", { class: "plain" }, sources, said.trips ? el("li", {}, `The shrink guard has held back ${counted(said.trips, "loss")}.`.replace("losss", "losses")) : null),
    refused.length ? el("details", {}, el("summary", {}, `${counted(refused.length, "record")} refused`), el("ul", {}, refused)) : null,
    nodes.length ? el("table", { class: "cards" },
      el("caption", { class: "hidden" }, `Nodes of ${said.name}`),
      el("thead", {}, el("tr", {}, ["Node", "Address", "Zone", "Weight", "State"].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, nodes)) : el("p", {}, "No nodes."));
}
