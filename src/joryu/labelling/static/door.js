// The door: enters by the token in the address, if there is one, takes it out of there, and fetches the page itself.

import { ask, browser } from "./key.js";
import { reason } from "./outbox.js";

const say = (text) => { document.getElementById("door").textContent = text; };

async function enter(token) {
  history.replaceState(null, "", location.pathname); // it is in no history and in no copied address
  return ask("/api/enter", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token, ...browser() }),
  });
}

// What the page's program is made of is there before the page is, so that nothing on it is pressed in vain.
const ahead = (address) => new Promise((resolve) => {
  const link = Object.assign(document.createElement("link"), { rel: "modulepreload", href: address });
  link.onload = link.onerror = resolve;
  document.head.append(link);
});

async function come() {
  const token = new URLSearchParams(location.search).get("token");
  const entered = token ? await enter(token) : null;
  const response = await ask(location.pathname);
  if (!response.ok) {
    say(await reason(entered && !entered.ok ? entered : response));
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const scripts = [...page.querySelectorAll("script[src]")].map((script) => script.getAttribute("src"));
  const parts = [...page.querySelectorAll("link[rel=modulepreload]")].map((link) => link.getAttribute("href"));
  await Promise.all([...scripts, ...parts].map(ahead));
  document.title = page.title;
  document.body.replaceWith(document.adoptNode(page.body));
  for (const script of scripts) await import(script);
}

come().catch(() => say("The server does not answer. Load this page again when it does."));
