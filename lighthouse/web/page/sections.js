// Faults, services, workers and changes: each a list of cards that are made of rows.

import { badge, el, fill, link, svg } from "./dom.js";
import { changeFacts, faultFacts, matches, serviceFacts, workerFacts } from "./filter.js";
import { ago, clock, counted, milliseconds, moment, size, span } from "./format.js";

const MARKS = { p: ["passed", ""], f: ["failed", "×"], "?": ["unknown", "?"] };

export class ListView {
  constructor(feed, section, facts, make, empty) {
    this.feed = feed;
    this.section = section;
    this.facts = facts;
    this.make = make;
    this.empty = empty;
    this.order = [];
    this.selected = -1;
    this.frozen = false;
    this.made = new Map();
    this.list = null;
  }

  arrange(terms) {
    const found = [];
    for (const [key, row] of this.feed.rows[this.section]) if (matches(terms, this.facts(key, row))) found.push(key);
    if (this.section === "changes") found.sort((a, b) => this.feed.rows.changes.get(b).at - this.feed.rows.changes.get(a).at);
    if (this.frozen) {
      const there = new Set(found);
      this.order = [...this.order.filter((key) => there.delete(key)), ...there];
    } else {
      this.order = found;
    }
    return this.order.length;
  }

  show(main) {
    this.made.clear();
    this.list = el("ul", { class: `cards-list ${this.section}`, role: "list" });
    this.note = el("p", { class: "empty" });
    fill(main, this.note, this.list);
    this.draw();
  }

  draw() {
    if (!this.list?.isConnected) return;
    const rows = this.feed.rows[this.section];
    const open = new Set(Array.from(this.list.querySelectorAll("details[open]"), (one) => one.dataset.key));
    const items = this.order.map((key, index) => {
      const row = rows.get(key);
      let made = this.made.get(key);
      if (!made || made.row !== row) {
        const element = el("li", {}, this.make(key, row, this.feed.now()));
        for (const one of element.querySelectorAll("details")) one.open = open.has(one.dataset.key);
        if (made && made.element.contains(document.activeElement)) queueMicrotask(() => element.querySelector("a, button, summary")?.focus());
        made = { row, element };
        this.made.set(key, made);
      }
      made.element.classList.toggle("selected", index === this.selected);
      return made.element;
    });
    const same = items.length === this.list.children.length && items.every((item, index) => item === this.list.children[index]);
    if (!same) fill(this.list, items);
    for (const key of this.made.keys()) if (!rows.has(key)) this.made.delete(key);
    fill(this.note, items.length ? "" : this.empty(this.feed));
    this.note.hidden = items.length > 0;
  }

  refresh() {
    this.draw();
  }

  select(step) {
    if (!this.order.length) return;
    this.selected = Math.min(this.order.length - 1, Math.max(0, this.selected + step));
    this.draw();
    const element = this.made.get(this.order[this.selected]).element;
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }

  enter() {
    const element = this.made.get(this.order[this.selected])?.element;
    const target = element?.querySelector("a.name") ?? element?.querySelector("summary") ?? element?.querySelector("a, button");
    target?.click();
  }
}

export function views(feed, act) {
  return {
    faults: new ListView(feed, "faults", faultFacts, fault, well),
    services: new ListView(feed, "services", serviceFacts, (key, row, now) => service(key, row, now, act), (it) => it.rows.services.size ? "No service matches the filter." : "This host provides no services."),
    workers: new ListView(feed, "workers", workerFacts, (key, row, now) => worker(key, row, now, act), () => "No worker matches the filter."),
    changes: new ListView(feed, "changes", changeFacts, change, () => "No balancer has applied anything that is known."),
  };
}

function well(feed) {
  if (!feed.head) return "Waiting for the daemon's status.";
  if (!feed.head.healthy) return "No fault matches the filter.";
  return feed.head.well_since ? `Nothing is wrong, since ${moment(feed.head.well_since)}.` : "Nothing is wrong.";
}

function fault(_key, row, now) {
  const about = row.name && row.kind === "cluster" ? link(`/clusters/${row.name}`, row.name, { class: "name" })
    : row.name && ["balancer", "discovery", "check", "web"].includes(row.kind) ? link(`/workers?q=name~${encodeURIComponent(`${row.kind}/${row.name}`)}`, row.name, { class: "name" })
    : row.name;
  const touched = row.touches.flatMap(([kind, name], index) => [index ? ", " : "", kind === "cluster" ? link(`/clusters/${name}`, name) : name]);
  return el("article", { class: "card bad" },
    el("h2", {}, badge("bad", "✕", ""), `${row.kind} `, about),
    el("p", {}, row.message),
    row.effects.map((text) => el("p", {}, `→ ${text}`)),
    touched.length ? el("p", { class: "quiet" }, touched, row.more ? ` and ${row.more} more` : "") : null,
    row.places.length ? el("p", { class: "quiet" }, `also at ${row.places.join(", ")}`) : null,
    el("p", { class: "quiet" }, `seen since ${clock(row.since)}, ${span(Math.max(0, now - row.since))} so far · `, el("code", {}, row.help)));
}

function service(_key, row, now, act) {
  const [level, glyph, state] = row.maintenance ? ["warn", "‖", "in maintenance"]
    : row.up === null ? ["warn", "?", "unknown"] : row.up ? ["ok", "✓", "up"] : ["bad", "✕", "down"];
  const kept = row.maintenance;
  const told = kept ? [`in maintenance by ${kept.by}${kept.reason ? `: ${kept.reason}` : ""}`, kept.since ? `since ${moment(kept.since)}` : "", kept.until ? `until ${moment(kept.until)}` : "until it is ended"].filter(Boolean).join(", ") : row.reason;
  const checks = row.checks.map((one) => el("li", { class: "check" },
    el("span", { class: "label" }, one.plugin),
    el("span", { class: "squares", role: "img", "aria-label": squares(one) }, Array.from(one.results, (mark) => el("i", { class: `mark ${mark === "?" ? "q" : mark}` }, MARKS[mark][1]))),
    el("span", { class: one.passing ? "" : "reason" }, `${one.passing === null ? "unknown" : one.passing ? "passes" : "fails"}${one.reason ? `: ${one.reason}` : ""}${one.changed ? `, since ${clock(one.changed)}` : ""}`)));
  const places = row.registrations.map((one) => el("li", {}, badge(one.registered ? "ok" : "warn", one.registered ? "✓" : "!", ""), `${one.discovery}: ${one.registered ? "registered" : `not registered${one.reason ? `: ${one.reason}` : ""}`}`));
  const order = { service: row.service, port: row.port };
  const button = kept
    ? el("button", { type: "button", on: { click: () => act({ type: "up", ...order }, `Take ${row.service}:${row.port} up again?`) } }, "Up")
    : el("button", { type: "button", on: { click: () => act({ type: "down", ...order }, `Take ${row.service}:${row.port} down?`) } }, "Down…");
  return el("article", { class: `card ${level}` },
    el("h2", {}, badge(level, glyph, ""), `${row.service}:${row.port} `, el("small", {}, state), el("span", { class: "act" }, button)),
    told ? el("p", { class: "reason" }, told) : null,
    checks.length ? el("ul", { class: "plain" }, checks) : el("p", { class: "quiet" }, "It has no checks."),
    el("ul", { class: "plain" }, places));
}

function squares(check) {
  const failed = Array.from(check.results).filter((mark) => mark === "f").length;
  return `${check.plugin}: ${counted(check.results.length, "result")}, ${failed} failed`;
}

function worker(key, row, now, act) {
  const level = row.healthy ? "ok" : row.state === "running" || row.state === "starting" ? "warn" : "bad";
  const ends = Object.entries(row.ends).map(([reason, count]) => `${reason} ${count}`).join(", ");
  const stages = ["observed", "supervisor", "applied"].filter((stage) => stage in row.stages).map((stage) => `${stage} ${milliseconds(row.stages[stage])}`);
  const facts = [
    ["Since", row.since ? ago(row.since, now) : "–"],
    ["Process", row.pid ? String(row.pid) : "–"],
    ["Restarts", row.restarts ? `${row.restarts} (${ends})` : "0"],
    ["Memory", `${size(row.memory)} of ${size(row.limit)}`, spark(row.samples, row.name)],
    ["Snapshot", row.sent ? `${row.outcome ?? "not answered"}, ${row.applied ?? 0} of ${row.sent}` : "–"],
    row.p50 === null ? null : ["Changes", `${milliseconds(row.p50)} median, ${milliseconds(row.p99)} p99`],
    stages.length ? ["Of that", `${stages.join(", ")} (means)`] : null,
  ].filter(Boolean);
  return el("article", { class: `card ${level}` },
    el("h2", {}, badge(level, row.healthy ? "✓" : level === "bad" ? "✕" : "!", ""), key, " ", el("small", {}, row.state, row.package ? ` · ${row.package}` : ""),
      el("span", { class: "act" }, el("button", { type: "button", on: { click: () => act({ type: "restart-worker", kind: row.kind, name: row.name }, `Start ${key} anew?`) } }, "Restart…"))),
    row.reason ? el("p", { class: "reason" }, row.reason) : null,
    el("dl", {}, facts.map(([name, ...values]) => el("div", name === "Of that" ? { class: "wide" } : {}, el("dt", {}, name), el("dd", {}, values)))),
    row.error ? el("details", { data: { key } }, el("summary", {}, `Last error${row.error_at ? `, ${ago(row.error_at, now)}` : ""}`), el("p", {}, row.error), row.traceback ? el("pre", { tabindex: "0" }, row.traceback) : null) : null);
}

function spark(samples, name) {
  if (samples.length < 2) return null;
  const low = Math.min(...samples), high = Math.max(...samples), range = Math.max(high - low, high * 0.05, 1);
  const points = samples.map((value, index) => `${(index / (samples.length - 1)) * 90},${19 - ((value - low) / range) * 18}`).join(" ");
  return svg("svg", { class: "spark", viewBox: "0 0 90 20", width: 72, height: 16, role: "img", "aria-label": `memory of ${name}: ${size(low)} to ${size(high)}` }, svg("polyline", { points }));
}

function change(key, row, now) {
  const level = row.outcome === "failed" ? "bad" : row.outcome === "degraded" ? "warn" : "ok";
  const reload = row.reloads === null ? "" : row.reloads ? "reloaded" : "no reload";
  const clusters = row.clusters.map((one) => el("li", {}, link(`/clusters/${one.cluster}`, one.cluster, { class: "name" }), one.words ? `: ${one.words}` : ""));
  const diffs = [row.settings, ...row.clusters.map((one) => one.section)].filter(Boolean);
  const split = ["observed", "supervisor", "applied"].filter((stage) => stage in row.split);
  return el("article", { class: `card ${level} change` },
    el("h2", {}, badge(level, level === "ok" ? "✓" : level === "bad" ? "✕" : "!", ""), `${row.balancer} `,
      el("small", {}, [`version ${row.version}`, `${row.outcome} ${ago(row.at, now)}, at ${clock(row.at)}`, milliseconds(row.took), reload].filter(Boolean).join(" · "))),
    row.reason ? el("p", { class: "reason" }, row.reason) : null,
    el("p", {}, row.causes.join("; "), row.more_causes ? ` and ${row.more_causes} more` : ""),
    clusters.length ? el("ul", { class: "plain" }, clusters, row.more ? el("li", {}, `and ${counted(row.more, "more cluster")}`) : null) : null,
    row.first ? el("p", { class: "quiet" }, "The first version that is known.") : null,
    diffs.length ? el("details", { data: { key } }, el("summary", {}, "What is another in the files"), diffs.map((text) => el("pre", { tabindex: "0" }, text))) : null,
    split.length ? el("p", { class: "split" }, bar(split, row.split), split.map((stage) => `${stage} ${milliseconds(row.split[stage])}`).join(", ")) : null);
}

function bar(stages, ms) {
  const total = stages.reduce((sum, stage) => sum + ms[stage], 0) || 1;
  let x = 0;
  const parts = stages.map((stage) => {
    const width = (ms[stage] / total) * 160;
    const part = svg("rect", { class: `stage ${stage}`, x, y: 0, width, height: 10 });
    x += width;
    return part;
  });
  return svg("svg", { class: "bar", viewBox: "0 0 160 10", width: 160, height: 10, "aria-hidden": "true" }, ...parts);
}
