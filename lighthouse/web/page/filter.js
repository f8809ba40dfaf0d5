// The filter: words that all have to hold. `name~pay` and a bare word look into the name,
// `state:held zone:b` at a property, `-state:ok` is the opposite.

export function parse(text) {
  return text.trim().toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const negated = word.startsWith("-") && word.length > 1;
    const rest = negated ? word.slice(1) : word;
    const found = /^([a-z]+)([:~])(.*)$/.exec(rest);
    if (found) return { negated, key: found[1], exact: found[2] === ":", value: found[3] };
    return { negated, key: "name", exact: false, value: rest };
  });
}

export function matches(terms, facts) {
  return terms.every((term) => {
    const values = facts[term.key] ?? [];
    const holds = values.some((value) => {
      const text = String(value).toLowerCase();
      return term.exact ? text === term.value : text.includes(term.value);
    });
    return holds !== term.negated;
  });
}

const NODE_STATES = { u: "up", d: "draining", h: "held", s: "stale", x: "down" };

export function clusterFacts(name, row) {
  const nodes = new Set(Array.from(row.nodes, (letter) => NODE_STATES[letter]));
  return { name: [name], zone: row.zones, source: row.sources, state: [row.level, ...row.flags, ...nodes, ...(row.nodes ? [] : ["empty"])] };
}

export function faultFacts(_key, row) {
  return { name: [row.name, row.message], kind: [row.kind] };
}

export function serviceFacts(_key, row) {
  const state = row.maintenance ? "maintenance" : row.up === null ? "unknown" : row.up ? "up" : "down";
  const registered = row.registered ? "registered" : "unregistered";
  return { name: [row.service], port: [row.port], state: [state, registered], check: row.checks.map((one) => one.plugin) };
}

export function workerFacts(key, row) {
  return { name: [key], kind: [row.kind], plugin: [row.plugin], state: [row.state, row.healthy ? "ok" : "bad", row.outcome ?? "none"] };
}

export function changeFacts(_key, row) {
  const state = [row.outcome, row.reloads ? "reload" : "noreload"];
  return { name: [row.balancer, ...row.clusters.map((one) => one.cluster)], balancer: [row.balancer], cluster: row.clusters.map((one) => one.cluster), state };
}
