// The line that asks for what is missing. A hint stands there for a moment: what was not counted is told, not swallowed.

const HINT_MS = 1_500;

export class Prompt {
  constructor(place) {
    this.place = place;
    this.question = "";
    this.hinted = null;
  }

  // Another question takes the place of a hint: what was done since has answered it.
  ask(question) {
    if (question !== this.question) this.end();
    this.question = question;
    if (this.hinted === null) this.place.textContent = question;
  }

  hint(text) {
    clearTimeout(this.hinted);
    this.place.textContent = text;
    this.place.classList.add("hint");
    this.hinted = setTimeout(() => {
      this.end();
      this.place.textContent = this.question;
    }, HINT_MS);
  }

  end() {
    clearTimeout(this.hinted);
    this.hinted = null;
    this.place.classList.remove("hint");
  }
}
