// Dialogs: the keys, and what is asked before something is done.

import { el, fill } from "./dom.js";

const KEYS = [
  ["j, k", "next, previous row"],
  ["Enter", "open or close it"],
  ["/", "filter"],
  ["1 – 5", "Faults, Clusters, Services, Workers, Changes"],
  ["p", "pause the live view"],
  ["?", "these keys"],
  ["Esc", "close, or clear the filter"],
];

function open(title, ...content) {
  const place = document.getElementById("dialogs");
  const before = document.activeElement;
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, el("h2", { id: "dialog-title" }, title), ...content);
  dialog.addEventListener("close", () => {
    fill(place);
    before?.focus?.();
  });
  fill(place, dialog);
  dialog.showModal();
  return dialog;
}

export function keys() {
  const rows = KEYS.map(([key, text]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, text)));
  const close = el("button", { type: "button", on: { click: () => dialog.close() } }, "Close");
  const words = el("p", { class: "quiet" }, "Filter by words of the name, by name~pay, state:held, zone:b, kind:balancer; a minus before a word means the opposite.");
  const dialog = open("Keys", el("dl", { class: "keys" }, rows), words, close);
}

export function isOpen() {
  return document.querySelector("dialog[open]") !== null;
}

// Asks for what an order needs; returns null if it is not to be given.
export function confirm(question, needsReason, token) {
  return new Promise((resolve) => {
    const secret = el("input", { id: "token", type: "password", autocomplete: "off", required: true, value: token });
    const reason = el("input", { id: "reason", type: "text", maxlength: 200, autocomplete: "off" });
    const minutes = el("input", { id: "minutes", type: "number", min: 1, max: 43200, step: 1 });
    const form = el("form", { method: "dialog" },
      el("label", { for: "token" }, "Token (what is in the token_file of lighthouse.yaml)"), secret,
      needsReason ? [el("label", { for: "reason" }, "Reason"), reason, el("label", { for: "minutes" }, "For so many minutes (empty: until it is ended)"), minutes] : null,
      el("div", { class: "buttons" }, el("button", { type: "submit", value: "yes" }, "Do it"), el("button", { type: "button", on: { click: () => dialog.close() } }, "Leave it")));
    const dialog = open(question, form);
    let given = null;
    form.addEventListener("submit", () => {
      given = { token: secret.value, reason: reason.value, minutes: minutes.value };
    });
    dialog.addEventListener("close", () => resolve(given));
  });
}

export function tell(title, text) {
  const close = el("button", { type: "button", on: { click: () => dialog.close() } }, "Close");
  const dialog = open(title, el("p", { role: "alert" }, text), close);
}
