// One picture at a time. Times are the browser's own: the answer's event.timeStamp less the picture's paint.

import { covered, open, surface, watchDialogs } from "./dialogs.js";
import { Given } from "./given.js";
import { called, explain, written } from "./keyboard.js";
import { pictureAt } from "./key.js";
import { clockOffset, measure } from "./measure.js";
import { Outbox, identifier, pause } from "./outbox.js";
import { Prompt } from "./prompt.js";
import { Search } from "./search.js";

const $ = (id) => document.getElementById(id);
const setup = JSON.parse(document.body.dataset.setup);
const keys = setup.keys;
const DOUBLE_CLICK_MS = 300; // the second half of a double click is no answer to the picture that came between
const SKIP = setup.search ? "-" : "s"; // where letters search, none can be the key

let session = null;
let task = null;      // what is shown
let given = null;     // what was answered about it so far (given.js)
let busy = true;      // from an answer or an undoing until the next picture is painted: one at a time, or an answer could
                      // be taken for another picture's

const outbox = new Outbox(setup.project, notice);
const prompt = new Prompt($("prompt"));
const cache = new Map(); // picture id -> Promise of a decoded image
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

function ready(yes) {
  busy = !yes;
  document.body.dataset.ready = yes ? "yes" : "no"; // for whoever watches the page, tests among them
}

// Whoever watches the page is told once the picture has been in sight for long enough to answer.
function readyOnceSeen() {
  busy = false;
  const shown = given;
  document.body.dataset.onset = given.onset;
  setTimeout(() => given === shown && !busy && ready(true), setup.fastest + 5 - (performance.now() - given.onset));
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
  given = new Given(asked, next.trial);
  search?.clear();
  draw();
  const image = await fetched(task.picture);
  given.unseen = image === null;
  $("stage").replaceChildren(...(image ? [image] : []));
  notice(image ? next.notice ?? null : "This picture cannot be shown: skip it.");
  draw();
  if (image) await image.decode().catch(() => {});
  await frame();
  given.painted(await frame(), covered()); // by the second frame after decoding, at the latest
  readyOnceSeen();
}

watchDialogs((at) => given?.cover(at, covered()));

function look(dialog, event) {
  open($(dialog));
  given?.cover(event.timeStamp, true);
}

// --- answering --------------------------------------------------------------------------------------------------------

// Whether an act may be meant for what is shown: nobody has seen a picture in so short a time. It is told, not swallowed.
function heeds(event) {
  if (!task) return !busy;
  const least = event.detail > 1 ? DOUBLE_CLICK_MS : setup.fastest;
  const soon = given.seen(event.timeStamp) < least;
  if (busy || soon) prompt.hint(soon ? "Too soon to have seen it: not counted." : "The next picture is not here yet: not counted.");
  return !busy && !soon;
}

function set(field, value, event) {
  if (!heeds(event) || given.unseen) return;
  given.touched(event.timeStamp);
  const why = given.say(field, value);
  if (field === "class" && search) {
    search.clear();
    surface();
  }
  if (why) prompt.hint(why);
  else proceed(event);
}

function proceed(event) {
  if (given.missing() === null) complete(event);
  else draw();
}

function clear(event) {
  if (!task || !given.any() || !heeds(event)) return;
  if (given.naming) given.naming = false;
  else {
    given.touched(event.timeStamp);
    given.clear();
  }
  draw();
}

function nameAnother(event) {
  if (!task || !setup.second || !heeds(event)) return;
  if (given.choice === null) return prompt.hint("First choose what it is.");
  given.naming = !given.naming;
  draw();
}

function nothingElse(event) {
  if (!task || !heeds(event) || !(given.naming || given.missing() === "second")) return;
  given.nothingElse();
  proceed(event);
}

async function complete(event, skipped = false) {
  if (!task || !heeds(event)) return;
  given.cover(event.timeStamp, covered()); // a dialog that has just closed tells of it later than a key may come
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

async function undo(event) {
  if (!heeds(event)) return;
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
const asked = {
  severities: keys.severities.length > 0, confidences: keys.confidences.length > 0, second: setup.second, well: setup.well,
};
const byKey = new Map();
for (const [group, field] of Object.entries(FIELDS)) {
  $(group).hidden = keys[group].length === 0;
  if (setup.search && group === "classes") continue;
  for (const [key, name] of keys[group]) {
    if (key) byKey.set(key, [field, name]);
    $(group).querySelector(".buttons").append(choiceButton(key, field, name));
  }
}
document.body.classList.toggle("many", keys.classes.length > 9);
document.body.classList.toggle("several", keys.classes.length > 4); // more than two rows of a narrow page
$("search").hidden = !setup.search;
const search = setup.search ? new Search($("classes"), keys.classes.map(([, name]) => name), {
  make: (key, name) => choiceButton(key, "class", name),
  take: (name, event) => set("class", name, event),
  typed: (event) => {
    if (given.seen(event.timeStamp) >= setup.fastest) given.touched(event.timeStamp);
    draw();
  },
}) : null;

function choiceButton(key, field, name) {
  const button = document.createElement("button");
  button.type = "button";
  Object.assign(button.dataset, { field, name });
  if (key) {
    const label = document.createElement("kbd");
    label.textContent = written(key);
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
    if (event.detail > 0) surface();
    act(event);
  });
}

keys.severities.forEach(([, name], at) => byKey.set(`shift ${at + 1}`, ["severity", name]));

const acts = {
  "?": (event) => look("help", event),
  Backspace: undo,
  Escape: clear,
  " ": nameAnother,
  Enter: nothingElse,
  [SKIP]: (event) => complete(event, true),
};

function actOf(event) {
  const key = called(event, keys.severities.length > 0);
  const choice = task && byKey.get(key);
  if (choice) return (pressed) => set(...choice, pressed);
  if ((key === "Enter" || key === " ") && (event.target.closest("button, a") || !(task && setup.second))) return null;
  return acts[key] ?? null; // Enter and Space press what has the focus
}

// Whether a key was the search's.
function searched(event) {
  if (!search || !task || given.unseen) return false;
  const typing = event.target === search.input;
  if (!typing && given.choice !== null && !given.naming) return false;
  if (!typing && search.types(event) && !heeds(event)) {
    event.preventDefault();
    return true;
  }
  return search.key(event);
}

document.addEventListener("keydown", (event) => {
  const { target } = event, typing = target === search?.input;
  if (event.repeat && !typing) { // a held key counts once, on a button with the focus too
    if (target instanceof HTMLButtonElement) event.preventDefault();
    if (session && task && !covered() && actOf(event)) prompt.hint("A held key counts once.");
    return;
  }
  if (target instanceof HTMLInputElement && !typing) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (!session || covered() || searched(event) || event.repeat) return;
  const act = actOf(event);
  if (!act) return;
  event.preventDefault();
  act(event);
});

onClick($("undo"), undo);
onClick($("undo-last"), undo);
onClick($("clear"), clear);
onClick($("skip"), (event) => complete(event, true));
onClick($("also"), nameAnother);
onClick($("enter"), nothingElse);
$("open-help").addEventListener("click", (event) => look("help", event));
$("open-guidelines")?.addEventListener("click", (event) => look("guidelines", event));
$("clear").hidden = !(asked.severities || asked.confidences || asked.second); // else the first key is all there is
$("skip").setAttribute("aria-keyshortcuts", SKIP);
$("skip").querySelector("kbd").textContent = written(SKIP);

// --- drawing ----------------------------------------------------------------------------------------------------------

const QUESTIONS = {
  class: "", severity: "How severe?", confidence: "How sure are you?", second: "Could it be something else?",
};

function draw() {
  const { choice, severity, confidence, second } = given;
  const chosen = { class: choice, severity, confidence };
  search?.draw([choice, second].filter((name) => name !== null));
  for (const button of document.querySelectorAll("#answers button[data-field]")) {
    const { field, name } = button.dataset;
    button.setAttribute("aria-pressed", String(chosen[field] === name));
    const other = field === "class" && second === name;
    button.classList.toggle("second", other);
    if (other) button.setAttribute("aria-description", "second choice");
    else button.removeAttribute("aria-description");
    button.disabled = given.unseen || (field === "severity" && choice !== null && !given.wantsSeverity());
  }
  const last = given.naming || given.missing() === "second";
  $("also").hidden = $("enter").hidden = !last;
  $("skip").hidden = last; // they share a place
  $("also").setAttribute("aria-pressed", String(given.naming));
  $("clear").disabled = !given.any();
  prompt.ask(given.naming ? "What else could it be?" : QUESTIONS[given.missing()] ?? "");
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
  surface();
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

explain($("keys"), { ...setup, skip: SKIP });
const annotator = setup.annotator ?? sitting()?.annotator;
if (annotator) begin(annotator);
else greet();
