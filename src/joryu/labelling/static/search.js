// Of more classes than there are keys: letters search among the names, Enter or a digit takes one of those found.
//
// The same letters find the same names in the same order every time, so that hands can learn them.

const MOST_SHOWN = 60, DIGITS = 9;

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

// Names that hold every word of the text, those with a word that begins like it first; else the order of the project.
export function found(names, text) {
  const words = plain(text).split(/\s+/).filter(Boolean);
  const begins = (name) => words.every((word) => ` ${plain(name)}`.includes(` ${word}`));
  const holds = names.filter((name) => words.every((word) => plain(name).includes(word)));
  return words.length ? [...holds.filter(begins), ...holds.filter((name) => !begins(name))] : holds;
}

export class Search {
  shown = [];
  at = 0; // which of those shown Enter takes

  // place: with an input and a box for buttons; make: a button of a name; take: what is done with a chosen name; typed:
  // told of every change of the text, draws anew.
  constructor(place, names, { make, take, typed }) {
    Object.assign(this, { names, make, take, typed });
    this.input = place.querySelector("input");
    this.box = place.querySelector(".buttons");
    this.more = place.querySelector(".more");
    this.digits = !names.some((name) => /\d/.test(name)); // else digits are searched for like letters
    this.input.placeholder = `Type to search ${names.length} classes`;
    this.input.addEventListener("input", typed);
  }

  clear() {
    this.input.value = "";
    if (document.activeElement === this.input) this.input.blur();
  }

  // first: what is chosen already, which stays in sight.
  draw(first) {
    const text = this.input.value.trim();
    const all = found(this.names, text), kept = text ? [] : first;
    const shown = [...kept, ...all.filter((name) => !kept.includes(name))].slice(0, MOST_SHOWN);
    const rest = all.length - shown.length;
    this.more.textContent = !all.length ? `No class is called “${text}”.` : rest > 0 ? `… and ${rest} more: type to find them.` : "";
    if (shown.join("\n") === this.shown.join("\n")) return;
    this.shown = shown;
    this.box.replaceChildren(...shown.map((name, at) => this.make(this.digits && at < DIGITS ? String(at + 1) : "", name)));
    this.box.scrollTop = 0;
    this.mark(0);
  }

  mark(at) {
    this.at = Math.max(0, Math.min(at, this.shown.length - 1));
    [...this.box.children].forEach((button, place) => button.classList.toggle("next", Boolean(this.input.value) && place === this.at));
    this.box.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  // A key while one may type; whether it was the search's.
  key(event) {
    const typing = this.input.value.trim() !== "";
    const digit = this.digits && /^\d$/.test(event.key) ? Number(event.key) : 0;
    if (digit && digit <= this.shown.length) return this.pick(digit - 1, event);
    if (typing && event.key === "Enter") return this.shown.length ? this.pick(this.at, event) : true;
    if (typing && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.mark(this.at + (event.key === "ArrowDown" ? 1 : -1));
      return true;
    }
    if (typing && event.key === "Escape") {
      event.preventDefault();
      this.clear();
      this.typed(event);
      return true;
    }
    if (event.target === this.input) return typing || this.types(event) || !["-", "?", " ", "Enter", "Escape"].includes(event.key);
    if (!this.types(event)) return false;
    this.input.focus(); // the letter goes there
    return true;
  }

  // Signs that begin a search; a few mean something else until one has begun.
  types(event) {
    return event.key.length === 1 && !["-", "?", " "].includes(event.key);
  }

  pick(at, event) {
    event.preventDefault();
    if (!event.repeat) this.take(this.shown[at], event);
    return true;
  }
}
