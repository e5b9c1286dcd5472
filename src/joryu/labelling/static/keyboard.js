// What a key is called on the buttons. Digits and letters are found by their place too, so that layouts whose digits
// need Shift, or whose letters are not Latin, have them.

export function called(event, shifted) {
  const digit = event.code.match(/^(?:Digit|Numpad)(\d)$/)?.[1] ?? (/^\d$/.test(event.key) ? event.key : null);
  if (digit) return event.shiftKey && shifted ? `shift ${digit}` : digit;
  if (event.key === "?" || event.key === " ") return event.key;
  if (/^[a-z]$/i.test(event.key)) return event.key.toLowerCase();
  if (/^Key[A-Z]$/.test(event.code) && event.key.length === 1) return event.code.slice(3).toLowerCase();
  return event.key;
}

const NAMES = { " ": "Space", Escape: "Esc", "-": "−" };
export const written = (key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);

// The list of keys in the help.
export function explain(place, { keys, search, second, skip }) {
  const rows = [...keys.classes, ...keys.severities, ...keys.confidences].filter(([key]) => key);
  if (search) rows.unshift(["letters", "search the classes"], ["Enter", "take the first that was found"]);
  if (second) rows.push([" ", "name what else it could be"], ["Enter", "nothing else"]);
  rows.push([skip, "skip this picture"], ["Backspace", "undo the last answer"], ["Escape", "clear what is chosen"], ["?", "this help"]);
  for (const [key, what] of rows) {
    const pair = document.createElement("div"), term = document.createElement("dt");
    const meaning = document.createElement("dd"), label = document.createElement("kbd");
    label.textContent = written(key);
    term.append(label);
    meaning.textContent = what;
    pair.append(term, meaning);
    place.append(pair);
  }
}
