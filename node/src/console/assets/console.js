// The page as it lives: parts are asked for again and again, at once when something happens, and put in their place.

import { act, moveQueue, setRoute, tell } from "./actions.js";
import { follow, redraw } from "./charts.js";
import { morph } from "./morph.js";
import { Refused, hasToken, json, listen, setToken, text } from "./net.js";

const QUICK = ["status", "links", "nodes"];
/** There may be thousands of sessions: every other turn will do. */
const OTHER = ["accounts"];
const SLOW = ["queues", "routes", "cdr", "changes", "alarms", "audit"];
const QUICK_EVERY = 2_000;
const SLOW_EVERY = 10_000;
/** A tab that nobody sees asks less often. */
const HIDDEN_EVERY = 15_000;

const get = (id) => document.getElementById(id);
const root = document.documentElement;
const view = Object.fromEntries(new URLSearchParams(location.search));
const open = new Set((view.open ?? "").split(",").filter(Boolean));
let role = document.body.dataset.role ?? "";
let started = get("status")?.dataset.started;
let lostAt = 0;
let moodBefore;

// --- parts

function query(parts) {
  const wanted = new URLSearchParams({ parts: parts.join(",") });
  const given = { ...view, open: [...open].join(",") };
  for (const [name, value] of Object.entries(given)) if (value) wanted.set(name, value);
  return `/console/parts?${wanted}`;
}

async function refresh(parts, patience) {
  const html = await text(query(parts), patience);
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const main = document.querySelector("main");
  for (const part of [...fresh.body.children]) {
    const old = get(part.id);
    if (old) morph(old, part);
    else if (part.id === "found") main.prepend(part);
    else main.append(part);
  }
  headline();
}

function headline() {
  const status = get("status");
  const mood = status?.dataset.mood;
  // What begins or ends stands in the slow parts too.
  if (moodBefore && mood !== moodBefore) soon(true);
  moodBefore = mood;
  const words = get("status-title")?.textContent ?? "smsc";
  document.title = `${mood === "bad" ? "● " : ""}${words} – smsc`;
  if (started && status?.dataset.started && status.dataset.started !== started) tell("The node was restarted.");
  started = status?.dataset.started ?? started;
}

// --- the connection

function say(words, mood = "bad") {
  const place = get("connection");
  place.textContent = words;
  place.className = mood;
  place.hidden = !words;
}

function well() {
  if (!lostAt) return;
  lostAt = 0;
  say("Connected again.", "good");
  setTimeout(() => { if (!lostAt) say(""); }, 4_000);
}

function failed(error) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) return askForToken(error.message);
  lostAt ||= Date.now();
  const seconds = Math.round((Date.now() - lostAt) / 1_000);
  const words = error.status ? `The node says: ${error.message}` : `No answer from the node for ${seconds} s: what you see is old. Trying again.`;
  say(words);
}

let busy = false;
let again = null;
let slowAt = 0;
let turns = 0;

/** Asks for what is due; what is asked for meanwhile follows at once. */
async function turn(all = false) {
  if (busy) { again = all || again; return; }
  busy = true;
  try {
    const slow = all || Date.now() - slowAt > SLOW_EVERY;
    turns += 1;
    await refresh([...QUICK, ...(slow || turns % 2 ? OTHER : []), ...(slow ? SLOW : [])]);
    if (slow) slowAt = Date.now();
    await follow();
    if (document.querySelector("#found [data-how='message id'] ~ details .life .now")) await refresh(["found"]);
    well();
  } catch (error) {
    failed(error);
  } finally {
    busy = false;
    if (again !== null) { const wanted = again; again = null; soon(wanted); }
  }
}

let timer;
let allDue = false;
function soon(all = false) {
  allDue ||= all;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const wanted = allDue;
    allDue = false;
    turn(wanted).finally(later);
  }, 120);
}
function later() {
  if (allDue) return soon();
  clearTimeout(timer);
  timer = setTimeout(() => turn().finally(later), document.hidden ? HIDDEN_EVERY : lostAt ? 1_000 : QUICK_EVERY);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && role) soon(); });

let listening = false;
async function live() {
  const who = await json("/api/v1/whoami");
  role = who.role;
  document.body.dataset.role = role;
  get("who").textContent = `${who.name} · ${role}`;
  get("forget").hidden = !hasToken();
  await refresh([...(view.q ? ["found"] : []), ...QUICK, ...OTHER, ...SLOW]);
  slowAt = Date.now();
  await follow();
  later();
  if (listening) return;
  listening = true;
  listen((name) => {
    // Binds of ESMEs come by the thousand: the next turn shows them.
    if (name.startsWith("session.")) return;
    soon(name === "audit" || name.startsWith("config"));
  }, () => Boolean(role));
}

// --- the token

const dialog = get("token-dialog");
function askForToken(why) {
  clearTimeout(timer);
  role = "";
  if (hasToken()) {
    setToken(null);
    get("token-error").textContent = why;
    get("token-error").hidden = false;
  }
  if (!dialog.open) dialog.showModal();
  get("token").focus();
}

get("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  setToken(get("token").value.trim());
  get("token").value = "";
  try {
    await live();
    get("token-error").hidden = true;
    dialog.close();
  } catch (error) {
    failed(error);
  }
});
dialog.addEventListener("cancel", (event) => event.preventDefault());

get("forget").addEventListener("click", () => { setToken(null); location.assign("/"); });

// --- what people do

function remember() {
  const kept = new URLSearchParams();
  const given = { ...view, open: [...open].join(",") };
  for (const [name, value] of Object.entries(given)) if (value) kept.set(name, value);
  history.replaceState(null, "", kept.size ? `?${kept}` : location.pathname);
}

async function show(parts, patience) {
  remember();
  try {
    await refresh(parts, patience);
    well();
  } catch (error) {
    failed(error);
  }
}

async function find(wanted) {
  view.q = wanted;
  view.since = get("since").value;
  get("search").setAttribute("aria-busy", "true");
  await show(["found"], 40_000);
  get("search").removeAttribute("aria-busy");
  if (wanted) get("found").scrollIntoView({ block: "start" });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "search") {
    event.preventDefault();
    find(form.elements.q.value.trim());
  } else if (form.id === "explain") {
    event.preventDefault();
    for (const name of ["number", "account", "source"]) view[name] = form.elements[name].value.trim();
    show(["routes"]);
  } else if (form.id === "route-form") {
    event.preventDefault();
    setRoute(form, () => show(["routes", "changes", "audit"]));
  } else if (form.id === "move-form") {
    event.preventDefault();
    moveQueue(form, () => show(["queues", "audit"]));
  }
});

document.addEventListener("click", (event) => {
  const row = event.target.closest("a[data-open]");
  const button = event.target.closest("button.act");
  if (row) {
    event.preventDefault();
    const name = row.dataset.open;
    open.has(name) ? open.delete(name) : open.add(name);
    show([row.closest("section").id]);
  } else if (button) {
    act(button, () => { if (view.q) show(["found"], 40_000); return turn(true); });
  } else if (event.target.closest("#found-close")) {
    event.preventDefault();
    get("q").value = "";
    find("");
    get("q").focus();
  } else if (event.target.closest("#theme")) {
    const dark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* for this page alone */ }
    redraw();
  }
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    get("q").focus();
    get("q").select();
  } else if (event.key === "Escape" && event.target.id === "q") {
    event.target.blur();
  }
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// --- begin

(async function begin() {
  if (!role && !hasToken() && !get("status")?.dataset.started) {
    // Either a token is wanted, or the node cannot answer yet: it says which.
    try { await json("/api/v1/whoami"); } catch (error) { if (error.status === 401) return askForToken(""); }
  }
  try {
    await live();
  } catch (error) {
    failed(error);
    if (error.status !== 401) setTimeout(begin, 1_000);
  }
})();
