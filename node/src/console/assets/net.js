// Asks the node, with the token if there is one, and listens to its events.

const KEY = "token";
const storage = {
  get: () => { try { return sessionStorage.getItem(KEY); } catch { return null; } },
  set: (value) => { try { value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY); } catch { /* kept in this page alone */ } },
};
let token = storage.get();

export const hasToken = () => Boolean(token);
export function setToken(value) {
  token = value || null;
  storage.set(token);
}

/** The node said no, or nothing: `status` is 0 then. */
export class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

const headers = (more = {}) => (token ? { ...more, Authorization: `Bearer ${token}` } : more);

async function answered(path, options, patience) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(patience), ...options });
  } catch (error) {
    throw new Refused(0, error.name === "TimeoutError" ? "the node has not answered in time" : "the node cannot be reached");
  }
  if (answer.ok) return answer;
  const text = await answer.text().catch(() => "");
  let reason = text;
  try { reason = JSON.parse(text).reason ?? text; } catch { /* it is plain text */ }
  throw new Refused(answer.status, reason || `the node answered with ${answer.status}`);
}

export async function text(path, patience = 10_000) {
  return (await answered(path, { headers: headers() }, patience)).text();
}

export async function json(path, patience = 10_000) {
  return (await answered(path, { headers: headers() }, patience)).json();
}

export async function send(method, path, body) {
  const options = { method, headers: headers({ "Content-Type": "application/json" }) };
  if (method !== "DELETE") options.body = body;
  return (await answered(`/api/v1/${path}`, options, 30_000)).json();
}

const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** Calls `hear(name)` for what happens, for ever; asks for nothing while `wanted()` is false. */
export async function listen(hear, wanted) {
  for (;;) {
    if (!wanted()) {
      await pause(1_000);
      continue;
    }
    const silence = new AbortController();
    let timer;
    // A comment comes every 3 s at the latest.
    const alive = () => { clearTimeout(timer); timer = setTimeout(() => silence.abort(), 12_000); };
    try {
      alive();
      const answer = await fetch("/api/v1/events", { headers: headers(), credentials: "omit", signal: silence.signal });
      if (!answer.ok) throw new Refused(answer.status, "");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        alive();
        rest += value;
        const events = rest.split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const name = /^event: ?(.*)$/m.exec(event)?.[1];
          if (name) hear(name);
        }
      }
    } catch {
      // Whatever ended it: the next try follows.
    } finally {
      clearTimeout(timer);
    }
    await pause(1_000);
  }
}
