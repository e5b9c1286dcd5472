// What is measured besides the answers: the difference between two clocks, and the device.

import { ask } from "./key.js";
import { post } from "./outbox.js";

const CLOCK_EVERY_MS = 30_000, DEVICE_EVERY_MS = 1_000, EXCHANGES = 5;

let offset = null; // by how much this page's clock is behind the server's, in ms, once it is known

export const clockOffset = () => offset;

// Four stamps (Mills): of several exchanges the quickest says most exactly by how much the two clocks differ.
async function synchronise(session) {
  let best = null;
  for (let at = 0; at < EXCHANGES; at += 1) {
    const sent = performance.now();
    const response = await ask("/api/clock");
    const back = performance.now();
    const stamps = await response.json();
    const round_trip_ms = Math.max(0, back - sent - (stamps.sent - stamps.received));
    const offset_ms = (stamps.received - sent + stamps.sent - back) / 2;
    if (best === null || round_trip_ms < best.round_trip_ms) best = { offset_ms, round_trip_ms };
  }
  offset = best.offset_ms;
  await post("/api/clock", { session, ...best });
}

async function watch(session, strip) {
  if (document.hidden) return; // what is recorded belongs to the page that is looked at
  const { device } = await post("/api/device", { session });
  strip.hidden = !device;
  if (!device) return;
  const connected = device.status === "connected";
  tell(strip, device.off_head ? "off" : device.status, [
    device.device,
    device.off_head ? "not on the head" : device.status,
    ...(device.trouble ? [device.trouble] : []),
    ...(connected ? [] : ["labelling goes on without it"]),
    ...(device.reason ? [device.reason] : []), // of a connected device: what no longer records it
  ]);
  const values = [];
  if (connected && !device.off_head && device.poor_signal !== null) {
    values.push(device.poor_signal === 0 ? "signal good" : `signal poor (${device.poor_signal})`);
  }
  if (device.attention !== null) values.push(`attention ${Math.round(device.attention)}`);
  if (device.heart_rate !== null) values.push(`pulse ${Math.round(device.heart_rate)}`);
  strip.querySelector(".values").textContent = values.join(" · ");
}

// Written only when it changes, so that it is read aloud then and not every second.
function tell(strip, status, words) {
  const text = words.join(" · "), state = strip.querySelector(".state");
  strip.dataset.status = status;
  if (state.textContent === text) return;
  state.textContent = text;
  strip.style.minHeight = `${strip.offsetHeight}px`; // it may grow, and never shrinks: the picture must not move about
}

// Begin measuring for a session; neither ever stands in the way of labelling.
export async function measure(session, strip) {
  const repeat = (work, ms) => setInterval(() => work().catch(() => {}), ms);
  const look = () => watch(session, strip).catch(() => tell(strip, "away", ["the server does not answer"]));
  if (strip) {
    look();
    repeat(look, DEVICE_EVERY_MS);
  }
  repeat(() => synchronise(session), CLOCK_EVERY_MS);
  await synchronise(session).catch(() => {});
}
