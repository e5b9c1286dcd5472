// Nothing an annotator says is let go of before the server has acknowledged it.
//
// It waits in memory and in localStorage, and is sent until it is taken; its key makes a second sending harmless. What a
// closed page left behind is delivered by the next one. Only a refusal of what was said ends the waiting: a server that
// is away, that knows this browser no more (it was started again, the cookie was cleared), or that is another one on the
// same port, does not.

import { ask } from "./key.js";

const KEPT = "/api/answers", FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 5_000;
const AWAY = "The server does not answer. What you said is kept and sent again; leave this page open.";
const ILL = "The server could not keep it; where it was started it says why.";
const SLOW = "The server has not kept it yet. What you said stays here until it has; leave this page open.", SLOW_MS = 2_000;
const KEPT_ON = "What you said is kept here and sent again.";

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const identifier = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

// What begins with a file is left as it is: names of files have their own capitals.
const sentence = (text) => (/^[^ ]*[/.]/.test(text) ? text : text[0].toUpperCase() + text.slice(1)) + (/[.!?]$/.test(text) ? "" : ".");

// What can be mended without another answer: no connection, a new server, an error of its own.
const passing = (status) => status === 403 || status === 421 || status >= 500;
// What our server will never take. It says nothing else of an answer: a 404 comes of something else that listens there.
const REFUSALS = [413, 415, 422];

export async function post(path, body) {
  const response = await ask(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  if (response.ok) return response.json();
  const error = new Error(await reason(response));
  error.status = response.status;
  error.refused = REFUSALS.includes(response.status);
  throw error;
}

export async function reason(response) {
  const text = await response.text();
  try {
    const detail = JSON.parse(text).detail;
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    return text.trim() || `the server said ${response.status}`;
  }
}

// A browser may refuse to store anything (private windows, a full disk): then memory has to do.
const shelf = {
  set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* see above */ } },
  drop: (name) => { try { localStorage.removeItem(name); } catch { /* see above */ } },
  names: () => { try { return Object.keys(localStorage); } catch { return []; } },
  get: (name) => { try { return JSON.parse(localStorage.getItem(name)); } catch { return null; } },
};

export class Outbox {
  constructor(project, say) {
    this.prefix = `joryu-waiting-${project}-`;
    this.say = say;
  }

  // Post until it is taken; throws only when it is refused.
  async send(path, body) {
    // An undoing is of the latest answer, so it makes no sense later; beginning makes none without this page.
    const name = path === KEPT ? this.prefix + body.key : null;
    if (name) shelf.set(name, JSON.stringify({ path, body, at: Date.now() }));
    return this.insist(path, body, name);
  }

  async insist(path, body, name) {
    let said = false;
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      const slow = setTimeout(() => {
        this.say(SLOW);
        said = true;
      }, SLOW_MS);
      try {
        const answer = await post(path, body).finally(() => clearTimeout(slow));
        if (name) shelf.drop(name);
        if (said) this.say(null);
        return answer;
      } catch (error) {
        if (error.refused) {
          if (name) shelf.drop(name);
          throw error;
        }
        said = true;
        this.say(passing(error.status) ? `${error.status === 500 ? ILL : sentence(error.message)} ${KEPT_ON}` : AWAY);
        await pause(wait);
      }
    }
  }

  // Deliver what other pages of this project could not, in the order it was said. Nothing is asked before it is there:
  // what was said about a picture earlier must not arrive after what is said about it now.
  async deliver() {
    const left = this.names().map((name) => [name, shelf.get(name)]).filter(([, waiting]) => waiting?.path === KEPT);
    left.sort(([, first], [, second]) => first.at - second.at);
    for (const [name, { path, body }] of left) await this.insist(path, body, name).catch(() => {}); // refused: no use
  }

  names() {
    return shelf.names().filter((name) => name.startsWith(this.prefix));
  }
}
