// What this browser shows beside its cookie. A cookie goes to every port of a host, and whatever listens there can catch
// it; storage belongs to one port alone, so what is kept there proves that this page is asking.

const NAME = "joryu-browser";

const random = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");

let kept = null; // where the browser refuses to store anything, until this page is left

function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(NAME));
    return /^[0-9a-f]{64}$/.test(found?.key) && /^[0-9a-f]{32}$/.test(found?.view) ? found : null;
  } catch {
    return null;
  }
}

// The key goes with every request in a header; images are asked for without one, and show another in their address.
export function browser() {
  const found = stored();
  if (found) return found;
  kept ??= { key: random(32), view: random(16) };
  try { localStorage.setItem(NAME, JSON.stringify(kept)); } catch { /* see above */ }
  return kept;
}

export const ask = (path, options = {}) =>
  fetch(path, { ...options, headers: { ...options.headers, "x-joryu-key": browser().key } });

export const pictureAt = (id) => `/pictures/${id}?view=${browser().view}`;
