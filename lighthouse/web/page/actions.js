// What the page can have done. The token is asked for, sent in a header, and kept in this page only.

import { confirm, tell } from "./dialogs.js";

let token = "";

export async function act(order, question) {
  const given = await confirm(question, order.type === "down", token);
  if (!given) return;
  const body = { ...order };
  if (given.reason) body.reason = given.reason;
  if (given.minutes) body.minutes = Number(given.minutes);
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${given.token}` };
  try {
    const answer = await fetch("/act", { method: "POST", headers, body: JSON.stringify(body), credentials: "omit" });
    const said = await answer.json();
    if (answer.status !== 401) token = given.token;
    tell(said.done ? "Done" : "Not done", said.message);
  } catch {
    tell("Not done", "The daemon does not answer.");
  }
}
