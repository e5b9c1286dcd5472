// One picture at a time. Times are the browser's own: the answer's event.timeStamp less the picture's paint.

const $ = (id) => document.getElementById(id);
const setup = JSON.parse(document.body.dataset.setup);
const keys = setup.keys;
const CLOCK_EVERY_MS = 30_000, DEVICE_EVERY_MS = 1_000, LONGEST_WAIT_MS = 5_000;

let session = null, annotator = null;
let task = null;      // what is shown
let given = null;     // what was answered about it so far
let busy = true;      // between an answer and the next picture

function ready(yes) {
  busy = !yes;
  document.body.dataset.ready = yes ? "yes" : "no"; // for whoever watches the page, tests among them
  if (yes && given) document.body.dataset.onset = given.onset;
}
const cache = new Map(); // picture id -> Promise of a decoded image

const identifier = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

// --- talking to the server --------------------------------------------------------------------------------------------

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  if (!response.ok) {
    const error = new Error(await reason(response));
    error.refused = response.status < 500;
    throw error;
  }
  return response.json();
}

async function reason(response) {
  const text = await response.text();
  try {
    const detail = JSON.parse(text).detail;
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    return text.trim() || `the server said ${response.status}`;
  }
}

// An answer is kept here until the server has acknowledged it; its key makes a second sending harmless.
const waiting = {
  name: () => `joryu-waiting-${session}`,
  get: () => JSON.parse(localStorage.getItem(waiting.name()) ?? "null"),
  set: (value) => localStorage.setItem(waiting.name(), JSON.stringify(value)),
  clear: () => localStorage.removeItem(waiting.name()),
};

async function send(path, body) {
  waiting.set({ path, body });
  for (let wait = 250; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      const answer = await post(path, body);
      waiting.clear();
      notice(null);
      return answer;
    } catch (error) {
      if (error.refused) {
        waiting.clear();
        throw error;
      }
      notice("The server does not answer. Your last answer is kept and sent again; leave this page open.");
      await pause(wait);
    }
  }
}

function notice(text) {
  $("notice").hidden = !text;
  $("notice").textContent = text ?? "";
}

// --- pictures ---------------------------------------------------------------------------------------------------------

function load(picture) {
  if (!cache.has(picture)) {
    const image = new Image();
    image.src = `/pictures/${picture}`;
    cache.set(picture, image.decode().then(() => image));
    cache.get(picture).catch(() => cache.delete(picture));
    while (cache.size > 4) cache.delete(cache.keys().next().value);
  }
  return cache.get(picture);
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
    $("picture").hidden = true;
    return;
  }
  if (next.prefetch) load(next.prefetch.picture).catch(() => {});
  given = { choice: null, severity: null, second: null, confidence: null, changes: 0, first: null, trial: next.trial };
  draw();
  try {
    const image = await load(task.picture);
    $("picture").src = image.src;
    await $("picture").decode();
    $("picture").hidden = false;
    notice(null);
  } catch {
    $("picture").hidden = true;
    notice("This picture cannot be shown. Skip it with S.");
  }
  await frame();
  given.onset = await frame(); // painted by the second frame after decoding, at the latest
  given.hidden = 0;
  given.hiddenSince = document.hidden ? given.onset : null;
  ready(true);
}

// Time in which the picture cannot be seen, behind another tab or a dialog, is told apart from thinking.
function cover(covered, at) {
  if (!given || given.onset === undefined) return;
  if (covered) given.hiddenSince ??= at;
  else if (given.hiddenSince !== null) {
    given.hidden += at - given.hiddenSince;
    given.hiddenSince = null;
  }
}

document.addEventListener("visibilitychange", (event) => cover(document.hidden, event.timeStamp));
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", (event) => cover(false, event.timeStamp));
}

function open(dialog, event) {
  cover(true, event.timeStamp);
  $(dialog).showModal();
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
  if (busy) return;
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
  if (busy || given.choice === null) return;
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
  const round = (ms) => Math.max(0, Math.round(ms * 1000) / 1000);
  try {
    await show(await send("/api/answers", {
      session, key: identifier(), picture: task.picture, showing: task.showing,
      choice: skipped ? null : given.choice, severity: skipped ? null : given.severity,
      second: skipped ? null : given.second, confidence: skipped ? null : given.confidence,
      rt_ms: round(done - given.onset), first_key_ms: round(given.first ?? done - given.onset),
      hidden_ms: round(given.hidden), n_changes: given.changes, trial: given.trial, onset: given.onset, done,
    }));
  } catch (error) {
    notice(error.message);
    ready(true);
  }
}

async function undo() {
  if (busy && task) return;
  ready(false);
  try {
    const found = await send("/api/undo", { session, key: identifier() });
    await show(found);
    if (!found.undone) notice("There is nothing to undo.");
  } catch (error) {
    notice(error.message);
    ready(true);
  }
}

// --- keys and buttons -------------------------------------------------------------------------------------------------

const fields = [["classes", "class"], ["severities", "severity"], ["confidences", "confidence"]];
const byKey = new Map();
for (const [group, field] of fields) {
  for (const [key, name] of keys[group]) {
    if (key) byKey.set(key, (event) => set(field, name, event));
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.field = field;
    button.dataset.name = name;
    if (key) {
      const label = document.createElement("kbd");
      label.textContent = key.toUpperCase();
      button.append(label, " ");
    }
    button.append(name);
    button.addEventListener("click", (event) => { set(field, name, event); button.blur(); });
    $(group).append(button);
  }
  $(group).hidden = keys[group].length === 0;
}
keys.severities.forEach(([, name], at) => byKey.set(`Digit${at + 1}`, (event) => set("severity", name, event)));

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.repeat || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]") || !session) return;
  if (event.key === "?") return open("help", event);
  const act = {
    Backspace: undo, Escape: () => task && clear(event), s: () => task && complete(event, true),
    Enter: () => {
      if (!task || busy || missing() !== "second") return false;
      given.noSecond = true;
      return proceed(event);
    },
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (event.key === "Enter" && event.target instanceof HTMLButtonElement && !(given && missing() === "second")) return;
  const choose = event.shiftKey ? byKey.get(event.code) : byKey.get(event.key.toLowerCase());
  if (choose && task) {
    event.preventDefault();
    choose(event);
  } else if (act) {
    event.preventDefault();
    act();
  }
});

$("undo").addEventListener("click", () => { undo(); $("undo").blur(); });
$("skip").addEventListener("click", (event) => { if (task) complete(event, true); $("skip").blur(); });
$("enter").addEventListener("click", (event) => {
  if (missing() === "second") { given.noSecond = true; proceed(event); }
  $("enter").blur();
});
$("open-help").addEventListener("click", (event) => open("help", event));
$("open-guidelines").addEventListener("click", (event) => open("guidelines", event));

function draw() {
  const chosen = { class: given.choice, severity: given.severity, confidence: given.confidence };
  for (const button of document.querySelectorAll("#answers button[data-field]")) {
    const { field, name } = button.dataset;
    button.setAttribute("aria-pressed", String(chosen[field] === name));
    button.classList.toggle("second", field === "class" && given.second === name);
  }
  const quiet = given.choice !== null && !wantsSeverity();
  for (const button of $("severities").children) button.disabled = quiet;
  const words = {
    class: "", severity: "How severe?", confidence: "How sure are you?",
    second: "What else could it be? Or Enter for nothing else.",
  };
  $("prompt").textContent = words[missing()] ?? "";
  $("enter").hidden = missing() !== "second";
}

function explain() {
  const rows = [...keys.classes.map(([key, name]) => [key.toUpperCase(), name])];
  for (const [key, name] of [...keys.severities, ...keys.confidences]) rows.push([key.toUpperCase(), name]);
  if (setup.second) rows.push(["a second class", "what else it could be"], ["Enter", "nothing else"]);
  rows.push(["S", "skip this picture"], ["Backspace", "undo the last answer"], ["Esc", "clear what is chosen"], ["?", "this help"]);
  for (const [key, what] of rows) {
    const term = document.createElement("dt"), meaning = document.createElement("dd"), label = document.createElement("kbd");
    label.textContent = key || "–";
    term.append(label);
    meaning.textContent = what;
    $("keys").append(term, meaning);
  }
}

// --- clocks and the device --------------------------------------------------------------------------------------------

// Four stamps (Mills): of several exchanges the quickest says most exactly by how much the two clocks differ.
async function synchronise() {
  let best = null;
  for (let at = 0; at < 5; at += 1) {
    const sent = performance.now();
    const response = await fetch("/api/clock");
    const back = performance.now();
    const stamps = await response.json();
    const trip = back - sent - (stamps.sent - stamps.received);
    const offset = (stamps.received - sent + stamps.sent - back) / 2;
    if (best === null || trip < best.round_trip_ms) best = { offset_ms: offset, round_trip_ms: Math.max(0, trip) };
  }
  await post("/api/clock", { session, ...best });
}

const later = (work, ms) => setInterval(() => work().catch(() => {}), ms);

async function watchDevice() {
  const { device } = await (await fetch("/api/device")).json();
  if (!device) return;
  const strip = $("device");
  strip.hidden = false;
  strip.dataset.status = device.off_head ? "off" : device.status;
  const words = [device.device, device.off_head ? "not on the head" : device.status];
  if (device.status === "connected" && device.poor_signal !== null) {
    words.push(device.poor_signal === 0 ? "signal good" : `signal poor (${device.poor_signal})`);
  }
  if (device.attention !== null) words.push(`attention ${Math.round(device.attention)}`);
  if (device.heart_rate !== null) words.push(`${Math.round(device.heart_rate)} beats a minute`);
  if (device.status !== "connected") words.push("labelling goes on without it");
  strip.textContent = words.join(" · ");
}

// --- beginning --------------------------------------------------------------------------------------------------------

async function begin(name) {
  const known = JSON.parse(sessionStorage.getItem("joryu-session") ?? "null");
  const body = { annotator: name };
  if (known && known.annotator === name) body.session = known.session;
  const begun = await post("/api/session", body);
  session = begun.session;
  annotator = name;
  sessionStorage.setItem("joryu-session", JSON.stringify({ session, annotator }));
  $("hello").hidden = true;
  $("who").textContent = name;
  await synchronise().catch(() => {});
  later(synchronise, CLOCK_EVERY_MS);
  if (setup.device) {
    watchDevice().catch(() => {});
    later(watchDevice, DEVICE_EVERY_MS);
  }
  const unsent = waiting.get(); // an answer the last page could not deliver
  await show(unsent ? await send(unsent.path, unsent.body).catch(() => begun) : begun);
}

$("hello").addEventListener("submit", (event) => {
  event.preventDefault();
  begin($("pseudonym").value.trim()).catch((error) => notice(error.message));
});

explain();
const before = JSON.parse(sessionStorage.getItem("joryu-session") ?? "null");
const name = setup.annotator ?? before?.annotator;
if (name) begin(name).catch((error) => { notice(error.message); $("hello").hidden = false; });
else $("hello").hidden = false;
