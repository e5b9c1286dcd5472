"""Whether a teacher was taught on the very examples that judge it and its student."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from joryu.errors import JoryuError
from joryu.examples import Examples
from joryu.targets import Store
from joryu.training import read_run
from joryu.training.distill import hold_out, lesson_of

RUN = "run:"  #: how the spec of a teacher begins that Joryu trained


def seen_by_teacher(store: Store, record: dict[str, Any], judging: Examples, whole: Examples) -> str | None:
    """A warning when the teacher's run did not hold out all that ``judging`` holds of the set ``whole``.

    Told from the records of both runs; ``None`` too where they cannot tell (a teacher of other examples, or one that
    Joryu did not train). ``record`` is the student's.
    """
    spec = store.manifest.teacher.spec or ""
    if not spec.startswith(RUN):
        return None
    folder = Path(spec.removeprefix(RUN))
    try:
        taught = read_run(folder)
        share = _share_held_out(taught, folder, record, whole)
        if share is None:
            return None
        rest, _ = hold_out(whole, share, taught["request"]["recipe"]["seed"])
    except JoryuError:  # the teacher itself was found, so a record that is gone or damaged only leaves this unsaid
        return None
    known = {words.tobytes() for words in rest.ids}
    seen = sum(words.tobytes() in known for words in judging.ids)
    if not seen:
        return None
    lesson, seed = record["notes"]["lesson"], record["request"]["recipe"]["seed"]
    return (
        f"the teacher {spec} was trained on {seen} of the {len(judging)} examples that judge it here, so it looks"
        f" better than it is and its answers may tell the student more than its twin could know; train it again with"
        f" --test {lesson['test']:g} --seed {seed}"
    )


def _share_held_out(taught: dict[str, Any], folder: Path, record: dict[str, Any], whole: Examples) -> float | None:
    """What share of ``whole`` the teacher's run held out; ``None`` if it was trained on something else."""
    notes, others = taught.get("notes", {}), record.get("notes", {})
    match notes.get("held_out"):
        case {"of": fingerprint, "test": float() | int() as share}:
            return share if fingerprint == whole.fingerprint else None
    # A run that does not say is older than `--test` of `joryu train`: it held nothing out unless it was distilled.
    if "examples" not in notes or any(notes.get(key) != others.get(key) for key in ("examples", "size")):
        return None
    lesson = lesson_of(folder)
    return 0.0 if lesson is None else lesson.test
