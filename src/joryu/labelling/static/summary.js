// Invitations: a link for each guest, good for one browser, until it is taken back or the server is stopped.

import { ask } from "./key.js";
import { post } from "./outbox.js";

const $ = (id) => document.getElementById(id);
const list = $("invitations");

function tell(text) {
  $("notice").hidden = !text;
  $("notice").textContent = text ?? "";
}

const attempt = (work) => work().then(() => tell(null), (error) => tell(error.message));

function made(name, text, act) {
  const element = document.createElement(name);
  element.textContent = text;
  if (act) {
    element.type = "button";
    element.addEventListener("click", act);
  }
  return element;
}

// The clipboard is there for this computer and for https alone; elsewhere the link is selected, to be copied by hand.
async function copy(link, button) {
  getSelection().selectAllChildren(link);
  try {
    await navigator.clipboard.writeText(link.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it";
  }
}

function row({ id, annotator, token }) {
  const item = document.createElement("li");
  const who = made("p", "");
  who.append(made("b", annotator ?? "Somebody"), " ", made("span", token ? "not opened yet" : "is here"));
  item.append(who);
  if (token) {
    const link = made("a", `${location.origin}/?token=${token}`);
    link.href = link.textContent;
    const button = made("button", "Copy", () => copy(link, button));
    item.append(link, button);
  }
  item.append(made("button", "Take back", () => attempt(async () => {
    await post("/api/revoke", { id });
    await look();
  })));
  return item;
}

async function look() {
  const response = await ask("/api/invitations");
  if (!response.ok) throw new Error((await response.text()).trim());
  list.replaceChildren(...(await response.json()).invitations.map(row));
}

$("invite")?.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await post("/api/invite", { annotator: $("invited").value.trim() || null });
    $("invited").value = "";
    await look();
  });
});

if (list) {
  $("local").hidden = !/^(localhost|127\..*|\[::1\])$/.test(location.hostname);
  attempt(look);
}
