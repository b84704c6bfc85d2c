// What can be done: each after a question, and with a word about how it went.

import { send } from "./net.js";

const get = (id) => document.getElementById(id);

/** Resolves to whether somebody said yes. */
export function sure(question, label, dangerous) {
  const dialog = get("ask");
  get("ask-text").textContent = question;
  const yes = get("ask-yes");
  yes.textContent = label;
  yes.classList.toggle("danger", dangerous);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

let gone;
export function tell(text, mood = "") {
  const toast = get("toast");
  toast.textContent = text;
  toast.className = mood;
  toast.hidden = false;
  clearTimeout(gone);
  gone = setTimeout(() => { toast.hidden = true; }, mood === "bad" ? 12_000 : 6_000);
}

async function carryOut(method, path, body, done) {
  try {
    const answer = await send(method, path, body);
    tell(`Done. ${answer.note ?? ""}`.trim());
  } catch (refused) {
    tell(`Not done: ${refused.message}`, "bad");
  }
  await done();
}

/** A button of the page. */
export async function act(button, done) {
  const { method, path, body, ask } = button.dataset;
  if (!await sure(ask, button.textContent, button.classList.contains("danger"))) return;
  button.disabled = true;
  await carryOut(method, path, body, done);
  button.disabled = false;
}

/** The form that sets a route: tried first, so that the question can say what will change. */
export async function setRoute(form, done) {
  const prefix = form.elements.prefix.value.trim();
  const operator = form.elements.operator.value;
  const body = { kind: "route", prefix, set: { operators: [{ name: operator }] } };
  let before;
  try {
    ({ before } = await send("PUT", "overrides", JSON.stringify({ ...body, dry_run: true })));
  } catch (refused) {
    return tell(`Not possible: ${refused.message}`, "bad");
  }
  const numbers = prefix ? `numbers that begin with ${prefix}` : "all numbers without a route of their own";
  const changed = before ? ` It was changed before, to ${JSON.stringify(before)}.` : "";
  if (!await sure(`Send ${numbers} to ${operator}?${changed}`, "Set route", false)) return;
  await carryOut("PUT", "overrides", JSON.stringify(body), done);
}
