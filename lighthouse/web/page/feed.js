// The live view: one stream of events, whole or what has changed since the last. The browser
// connects again by itself and says what it has; until then the page says since when it is old.

const SILENT = 40000; // milliseconds without any event after which the link counts as lost

export class Feed {
  constructor(changed, linked) {
    this.rows = { faults: new Map(), clusters: new Map(), services: new Map(), workers: new Map(), changes: new Map() };
    this.head = null;
    this.madeAt = 0;
    this.skew = 0; // this browser's clock minus the daemon's host's, in seconds
    this.lostSince = null;
    this.changed = changed;
    this.linked = linked;
    this.heard = Date.now();
    this.source = null;
    this.open();
    setInterval(() => this.look(), 5000);
  }

  now() {
    return Date.now() / 1000 - this.skew;
  }

  open() {
    this.source = new EventSource("/events");
    for (const kind of ["whole", "delta", "beat"]) this.source.addEventListener(kind, (event) => this.take(kind, JSON.parse(event.data)));
    this.source.onerror = () => this.lost();
  }

  lost() {
    this.lostSince ??= this.heard;
    this.linked(this.lostSince);
    if (this.source.readyState === EventSource.CLOSED) {
      this.source.close();
      setTimeout(() => this.open(), 2000);
      this.source = { readyState: EventSource.CONNECTING, close() {} };
    }
  }

  look() {
    if (Date.now() - this.heard <= SILENT) return;
    this.lost();
    this.source.close();
    this.open();
    this.heard = Date.now();
  }

  take(kind, said) {
    this.heard = Date.now();
    this.madeAt = said.made_at;
    if (kind === "delta" || this.skew === 0) this.skew = this.heard / 1000 - said.made_at;
    if (this.lostSince !== null) {
      this.lostSince = null;
      this.linked(null);
    }
    if (kind === "beat") return;
    if (kind === "whole") for (const rows of Object.values(this.rows)) rows.clear();
    const touched = new Set();
    for (const [section, rows] of Object.entries(said.rows)) {
      for (const [key, row] of Object.entries(rows)) {
        if (row === null) this.rows[section].delete(key);
        else this.rows[section].set(key, row);
      }
      touched.add(section);
    }
    if (said.head) this.head = said.head;
    this.changed(kind === "whole" ? new Set(Object.keys(this.rows)) : touched);
  }
}
