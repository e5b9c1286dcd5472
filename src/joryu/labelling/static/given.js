// What one person has said about one picture so far, and since when it is seen. It knows no page.
//
// Changing one's mind and naming a second choice are two acts: a class said while `naming` is the second choice, and a
// class said at any other time is the first.

export class Given {
  choice = null;
  severity = null;
  confidence = null;
  second = null;
  naming = false;
  noSecond = false;
  changes = 0;
  first = null; // when the first key came, after the paint
  unseen = false; // there is no picture to see

  // asked: { severities, confidences, second: whether they are asked for; well: classes of which no severity is }.
  constructor(asked, trial) {
    this.asked = asked;
    this.trial = trial;
  }

  // --- time -----------------------------------------------------------------------------------------------------------

  painted(at, covered) {
    this.onset = at;
    this.hidden = 0;
    this.hiddenSince = covered ? at : null;
  }

  // Time in which the picture cannot be seen, behind another tab or a dialog, is told apart from thinking.
  cover(at, covered) {
    if (this.onset === undefined) return;
    if (covered) this.hiddenSince ??= at;
    else if (this.hiddenSince !== null) {
      this.hidden += at - this.hiddenSince;
      this.hiddenSince = null;
    }
  }

  // How long it has been in sight.
  seen(at) {
    if (this.onset === undefined) return 0;
    return at - this.onset - this.hidden - (this.hiddenSince === null ? 0 : at - this.hiddenSince);
  }

  touched(at) {
    this.first ??= at - this.onset;
  }

  // --- what is said ---------------------------------------------------------------------------------------------------

  wantsSeverity() {
    return this.asked.severities && this.choice !== null && !this.asked.well.includes(this.choice);
  }

  missing() {
    if (this.choice === null) return "class";
    if (this.wantsSeverity() && this.severity === null) return "severity";
    if (this.asked.confidences && this.confidence === null) return "confidence";
    if (this.asked.second && this.second === null && !this.noSecond) return "second";
    return null;
  }

  any() {
    return (this.choice ?? this.severity ?? this.confidence) !== null;
  }

  // Take what is said; why not, where it cannot be meant.
  say(field, value) {
    if (field === "class") return this.naming ? this.sayAlso(value) : this.sayClass(value);
    if (field === "severity" && this.choice !== null && !this.wantsSeverity()) return `There is no severity of ${this.choice}.`;
    this.change(field, value);
    return null;
  }

  sayClass(value) {
    this.change("choice", value);
    if (this.second === value) this.second = null;
    if (!this.wantsSeverity()) this.severity = null;
    return null;
  }

  sayAlso(value) {
    if (value === this.choice) return `${value} is your first choice.`;
    this.change("second", value);
    this.naming = false;
    return null;
  }

  change(field, value) {
    if (this[field] !== null && this[field] !== value) this.changes += 1;
    this[field] = value;
  }

  nothingElse() {
    this.noSecond = true;
    this.naming = false;
    this.second = null;
  }

  clear() {
    this.choice = this.severity = this.confidence = this.second = null;
    this.naming = this.noSecond = false;
    this.changes += 1;
  }
}
