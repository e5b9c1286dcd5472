// One picture at a time. Times are the browser's own: the answer's event.timeStamp less the picture's paint.

import { pictureAt } from "./key.js";
import { clockOffset, measure } from "./measure.js";
import { Outbox, identifier, pause } from "./outbox.js";

const $ = (id) => document.getElementById(id);
const setup = JSON.parse(document.body.dataset.setup);
const keys = setup.keys;
const TOO_SOON_MS = 300; // the second half of a double click is no answer to the picture that came between

let session = null;
let task = null;      // what is shown
let given = null;     // what was answered about it so far
let busy = true;      // from an answer or an undoing until the next picture is painted: one at a time, or an answer could
                      // be taken for another picture's

const outbox = new Outbox(setup.project, notice);
const cache = new Map(); // picture id -> Promise of a decoded image
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

function ready(yes) {
  busy = !yes;
  document.body.dataset.ready = yes ? "yes" : "no"; // for whoever watches the page, tests among them
  if (yes && given) document.body.dataset.onset = given.onset;
}

function notice(text) {
  $("notice").hidden = !text;
  $("notice").textContent = text ?? "";
}

// --- pictures ---------------------------------------------------------------------------------------------------------

function load(picture) {
  if (!cache.has(picture)) {
    const image = new Image();
    image.decoding = "sync"; // when it is painted, it is painted whole
    image.src = pictureAt(picture);
    image.alt = "the picture to label";
    image.draggable = false;
    cache.set(picture, image.decode().then(() => image));
    cache.get(picture).catch(() => cache.delete(picture));
    while (cache.size > 4) cache.delete(cache.keys().next().value);
  }
  return cache.get(picture);
}

// The decoded picture, however long the server is away; null when there is none to be had.
async function fetched(picture) {
  let damaged = false;
  for (let wait = 250; ; wait = Math.min(2 * wait, 5_000)) {
    try {
      return await load(picture);
    } catch {
      const status = await fetch(pictureAt(picture)).then((response) => response.status, () => 0);
      if (status !== 0 && status !== 403 && status < 500 && (status !== 200 || damaged)) return null;
      damaged = status === 200; // or the server has just come back: once more tells
      if (damaged) continue;
      notice("The server does not answer. The picture comes as soon as it does; leave this page open.");
      await pause(wait);
    }
  }
}

async function show(next) {
  ready(false);
  $("count").textContent = `${next.done} / ${next.total}`;
  $("progress").max = Math.max(1, next.total);
  $("progress").value = next.done;
  task = next.task;
  $("answers").hidden = !task;
  $("finished").hidden = Boolean(task);
  if (!task) {
    given = null;
    $("stage").replaceChildren();
    ready(true); // for the undoing
    return;
  }
  if (next.prefetch) load(next.prefetch.picture).catch(() => {});
  given = {
    choice: null, severity: null, second: null, noSecond: false, confidence: null,
    changes: 0, first: null, trial: next.trial,
  };
  draw();
  const image = await fetched(task.picture);
  given.unseen = image === null;
  $("stage").replaceChildren(...(image ? [image] : []));
  notice(image ? next.notice ?? null : "This picture cannot be shown: skip it.");
  draw();
  if (image) await image.decode().catch(() => {});
  await frame();
  given.onset = await frame(); // painted by the second frame after decoding, at the latest
  given.hidden = 0;
  given.hiddenSince = covered() ? given.onset : null;
  ready(true);
}

// Time in which the picture cannot be seen, behind another tab or a dialog, is told apart from thinking.
const covered = () => document.hidden || document.querySelector("dialog[open]") !== null;

function cover(at) {
  if (!given || given.onset === undefined) return;
  if (covered()) given.hiddenSince ??= at;
  else if (given.hiddenSince !== null) {
    given.hidden += at - given.hiddenSince;
    given.hiddenSince = null;
  }
}

document.addEventListener("visibilitychange", (event) => cover(event.timeStamp));
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", (event) => cover(event.timeStamp));
}

function open(dialog, event) {
  $(dialog).showModal();
  cover(event.timeStamp);
}

// --- answering --------------------------------------------------------------------------------------------------------

const wantsSeverity = () => keys.severities.length > 0 && given.choice !== null && !setup.well.includes(given.choice);
const missing = () => {
  if (given.choice === null) return "class";
  if (wantsSeverity() && given.severity === null) return "severity";
  if (keys.confidences.length > 0 && given.confidence === null) return "confidence";
  if (setup.second && given.second === null && !given.noSecond) return "second";
  return null;
};

function set(field, value, event) {
  if (busy || given.unseen) return;
  given.first ??= event.timeStamp - given.onset;
  if (field === "class") {
    if (setup.second && given.choice !== null && value !== given.choice) {
      if (given.second !== null && given.second !== value) given.changes += 1;
      given.second = value;
    } else {
      if (given.choice !== null && given.choice !== value) given.changes += 1;
      given.choice = value;
      if (!wantsSeverity()) given.severity = null;
    }
  } else {
    if (field === "severity" && given.choice !== null && !wantsSeverity()) return;
    if (given[field] !== null && given[field] !== value) given.changes += 1;
    given[field] = value;
  }
  proceed(event);
}

function proceed(event) {
  if (missing() === null) complete(event);
  else draw();
}

function clear(event) {
  if (busy || (given.choice ?? given.severity ?? given.confidence) === null) return;
  given.first ??= event.timeStamp - given.onset;
  Object.assign(given, { choice: null, severity: null, second: null, confidence: null, noSecond: false });
  given.changes += 1;
  draw();
}

async function complete(event, skipped = false) {
  if (busy) return;
  ready(false);
  draw();
  const done = event.timeStamp;
  const round = (ms) => (given.unseen ? null : Math.max(0, Math.round(ms * 1000) / 1000));
  try {
    await show(await outbox.send("/api/answers", {
      session, key: identifier(), picture: task.picture, showing: task.showing,
      choice: skipped ? null : given.choice, severity: skipped ? null : given.severity,
      second: skipped ? null : given.second, confidence: skipped ? null : given.confidence,
      rt_ms: round(done - given.onset), first_key_ms: round(given.first ?? done - given.onset),
      hidden_ms: round(given.hidden), n_changes: given.changes, trial: given.trial,
      onset: given.unseen ? null : given.onset, done: given.unseen ? null : done, offset_ms: clockOffset(),
    }));
  } catch (error) {
    notice(error.message);
    ready(true);
  }
}

async function undo() {
  if (busy) return;
  ready(false);
  try {
    const found = await outbox.send("/api/undo", { session, key: identifier() });
    await show(found);
    if (!found.undone) notice("There is nothing to undo.");
  } catch (error) {
    notice(error.message);
    ready(true);
  }
}

// --- keys and buttons -------------------------------------------------------------------------------------------------

const FIELDS = { classes: "class", severities: "severity", confidences: "confidence" };
const byKey = new Map();
for (const [group, field] of Object.entries(FIELDS)) {
  for (const [key, name] of keys[group]) {
    if (key) byKey.set(key, [field, name]);
    $(group).querySelector(".buttons").append(choiceButton(key, field, name));
  }
  $(group).hidden = keys[group].length === 0;
}

function choiceButton(key, field, name) {
  const button = document.createElement("button");
  button.type = "button";
  Object.assign(button.dataset, { field, name });
  if (key) {
    const label = document.createElement("kbd");
    label.textContent = key.toUpperCase();
    label.ariaHidden = "true"; // the name is the class alone
    button.setAttribute("aria-keyshortcuts", key);
    button.append(label);
  }
  const words = document.createElement("span");
  words.textContent = name;
  button.append(words);
  onClick(button, (event) => set(field, name, event));
  return button;
}

// A pointer's click leaves the focus where the keys are heard; one by keyboard keeps its place.
function onClick(button, act) {
  button.addEventListener("click", (event) => {
    if (event.detail > 0) button.blur();
    if (event.detail > 1 && given && event.timeStamp - given.onset < TOO_SOON_MS) return;
    act(event);
  });
}

// What a key is called on the buttons. Digits and letters are found by their place too, so that layouts whose digits
// need Shift, or whose letters are not Latin, have them.
function called(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1] ?? (/^\d$/.test(event.key) ? event.key : null);
  if (digit) return event.shiftKey && keys.severities.length ? `shift ${digit}` : digit;
  if (/^[a-z]$/i.test(event.key)) return event.key.toLowerCase();
  if (/^Key[A-Z]$/.test(event.code) && event.key.length === 1) return event.code.slice(3).toLowerCase();
  return event.key;
}
keys.severities.forEach(([, name], at) => byKey.set(`shift ${at + 1}`, ["severity", name]));

const nothingElse = (event) => {
  given.noSecond = true;
  proceed(event);
};
const acts = {
  "?": (event) => open("help", event),
  Backspace: () => undo(),
  Escape: (event) => task && clear(event),
  s: (event) => task && complete(event, true),
  Enter: (event) => nothingElse(event),
};

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.repeat) { // a held key counts once, on a button with the focus too
    if (target instanceof HTMLButtonElement) event.preventDefault();
    return;
  }
  if (target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!session || document.querySelector("dialog[open]")) return;
  const key = event.key === "?" ? "?" : called(event);
  const asksSecond = task && !busy && missing() === "second";
  if (key === "Enter" && (!asksSecond || target.closest("button, a"))) return; // it presses what has the focus
  const choice = task && byKey.get(key);
  const act = choice ? (pressed) => set(...choice, pressed) : acts[key];
  if (!act) return;
  event.preventDefault();
  act(event);
});

onClick($("undo"), () => undo());
onClick($("skip"), (event) => task && complete(event, true));
onClick($("enter"), (event) => !busy && missing() === "second" && nothingElse(event));
$("open-help").addEventListener("click", (event) => open("help", event));
$("open-guidelines")?.addEventListener("click", (event) => open("guidelines", event));

function draw() {
  const chosen = { class: given.choice, severity: given.severity, confidence: given.confidence };
  for (const button of document.querySelectorAll("#answers button[data-field]")) {
    const { field, name } = button.dataset;
    button.setAttribute("aria-pressed", String(chosen[field] === name));
    const second = field === "class" && given.second === name;
    button.classList.toggle("second", second);
    if (second) button.setAttribute("aria-description", "second choice");
    else button.removeAttribute("aria-description");
    button.disabled = Boolean(given.unseen);
  }
  const quiet = given.choice !== null && !wantsSeverity();
  if (quiet) for (const button of $("severities").querySelectorAll("button")) button.disabled = true;
  const words = {
    class: "", severity: "How severe?", confidence: "How sure are you?",
    second: "What else could it be?",
  };
  $("prompt").textContent = words[missing()] ?? "";
  $("enter").hidden = missing() !== "second";
  $("skip").hidden = missing() === "second"; // they share a place
}

function explain() {
  const rows = [...keys.classes.map(([key, name]) => [key.toUpperCase(), name])];
  for (const [key, name] of [...keys.severities, ...keys.confidences]) rows.push([key.toUpperCase(), name]);
  if (setup.second) rows.push(["a second class", "what else it could be"], ["Enter", "nothing else"]);
  rows.push(["S", "skip this picture"], ["Backspace", "undo the last answer"], ["Esc", "clear what is chosen"], ["?", "this help"]);
  for (const [key, what] of rows) {
    const pair = document.createElement("div"), term = document.createElement("dt");
    const meaning = document.createElement("dd"), label = document.createElement("kbd");
    label.textContent = key || "–";
    term.append(label);
    meaning.textContent = what;
    pair.append(term, meaning);
    $("keys").append(pair);
  }
}

// --- beginning --------------------------------------------------------------------------------------------------------

const SITTING = `joryu-session-${setup.project}`;
const sitting = () => JSON.parse(sessionStorage.getItem(SITTING) ?? "null");

let beginning = false;

async function begin(annotator) {
  if (beginning) return;
  beginning = true;
  try {
    await sitDown(annotator);
  } catch (error) {
    beginning = false;
    greet();
    notice(error.message);
  }
}

async function sitDown(annotator) {
  const known = sitting();
  await outbox.deliver();
  const body = { annotator };
  if (known && known.annotator === annotator) body.session = known.session;
  const begun = await outbox.send("/api/session", body);
  session = begun.session;
  sessionStorage.setItem(SITTING, JSON.stringify({ session, annotator }));
  $("hello").hidden = true;
  $("who").textContent = annotator;
  await measure(session, setup.device ? $("device") : null);
  await show(begun);
}

// Typing a name comes first, without a click.
function greet() {
  $("hello").hidden = false;
  $("pseudonym").focus();
}

$("hello").addEventListener("submit", (event) => {
  event.preventDefault();
  begin($("pseudonym").value.trim());
});

explain();
const annotator = setup.annotator ?? sitting()?.annotator;
if (annotator) begin(annotator);
else greet();
