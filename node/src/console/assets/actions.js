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

/** Does it until nothing is left of what was there: of what takes long a node does some, and says that there is more. */
async function all(method, path, body) {
  let answer = await send(method, path, body);
  while (answer.more && answer.dry_run === false) {
    answer = await send(method, path, JSON.stringify({ ...JSON.parse(body), older_than: answer.accepted_until }));
  }
  return answer;
}

async function carryOut(method, path, body, done) {
  try {
    const answer = await all(method, path, body);
    tell(`Done. ${answer.note ?? ""}`.trim());
  } catch (refused) {
    tell(`Not done: ${refused.message}`, "bad");
  }
  await done();
}

/** The question with how many messages it is about, when it wants to say so; nothing when there are none. */
async function counted(question, path, body) {
  if (!question.includes("{count}")) return question;
  try {
    const { count, more } = await send("POST", path, JSON.stringify({ ...JSON.parse(body), dry_run: true }));
    if (!count) return tell("There is nothing to be done: none waits, or all are under way.");
    return question.replace("{count}", `${more ? "more than " : ""}${count} ${count === 1 ? "message" : "messages"}`);
  } catch (refused) {
    return tell(`Not possible: ${refused.message}`, "bad");
  }
}

/** A button of the page. */
export async function act(button, done) {
  const { method, path, body } = button.dataset;
  const ask = await counted(button.dataset.ask, path, body);
  if (!ask || !await sure(ask, button.textContent, button.classList.contains("danger"))) return;
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

/** The form that has what waits for one operator wait for another. */
export async function moveQueue(form, done) {
  const [from, to] = ["from", "to"].map((name) => form.elements[name].value);
  const path = `queues/${encodeURIComponent(from)}/move`;
  const body = JSON.stringify({ to });
  const ask = await counted(`Move {count} from ${from} to ${to}? They wait for ${to} from now on, whatever the routes say.`, path, body);
  if (ask && await sure(ask, "Move", false)) await carryOut("POST", path, body, done);
}
