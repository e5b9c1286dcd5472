"""Warnings where teacher or student were trained on examples that they are evaluated on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from joryu.errors import InputError, JoryuError
from joryu.examples import Examples, load_examples
from joryu.examples.groups import grouping_key
from joryu.examples.repeats import Repeats, find_repeats
from joryu.targets import Store
from joryu.teachers.trained import run_of
from joryu.training import read_run
from joryu.training.setup import NOTED, setup_of, split_seed_of, split_test


def own_set(record: dict[str, Any]) -> Examples | None:
    """The whole set that a run was given, its held-out part included; ``None`` if it cannot be loaded."""
    notes = record.get("notes", {})
    if notes.get("examples") is None:
        return None
    try:
        how = {"size": notes.get("size"), "column": notes.get("column")}
        return load_examples(notes["examples"], split=notes.get("split") or "train", **how)
    except JoryuError:
        return None


def seen_by_student(record: dict[str, Any], folder: Path, evaluated: Examples, whole: Examples) -> str | None:
    """A warning if the run trained its student on some evaluated examples, or chose its best epoch by them.

    ``record`` is the content of ``run.json``, ``evaluated`` the evaluated examples, ``whole`` the set that the run was
    given. Returns ``None`` too if that set has changed since, because it then shows nothing.
    """
    asked = record["request"]
    try:
        whole = _as_it_was(whole, record)
        share = _share_held_out(record, folder, record, whole)
        if share is None:
            return None
        taught, _ = split_test(whole, share, split_seed_of(record))
    except JoryuError:  # a set that has changed, or a damaged record, only leaves this unsaid
        return None
    if len(taught) < asked["examples"]["n"] + (asked["validation"] or {"n": 0})["n"]:
        return None
    seen = find_repeats(evaluated, taught)
    if not len(seen):
        return None
    return (
        f"the student was trained on {_in_words(seen, evaluated)}, so it looks better than it is; judge it by others"
        + (", or leave out --examples: then the part that was held out judges" if share else "")
    )


def seen_by_teacher(store: Store, record: dict[str, Any], evaluated: Examples, whole: Examples) -> str | None:
    """A warning if the teacher was trained on evaluated examples: on what ``evaluated`` has in common with ``whole``.

    This follows from the records of both runs (``record`` is the student's). Returns ``None`` too if they do not show
    it: the teacher was trained on other examples, or not by Joryu. Of an ensemble it speaks of the first such member.
    """
    typed = store.manifest.teacher.specs
    every = (_seen_by(*one, record, evaluated, whole) for one in zip(typed, store.teacher_specs, strict=True))
    return next((warning for warning in every if warning is not None), None)


def _seen_by(typed: str, spec: str, record: dict[str, Any], evaluated: Examples, whole: Examples) -> str | None:
    """`seen_by_teacher`, of the teacher with this spec; it is called as it was ``typed``."""
    folder = run_of(spec)
    if folder is None:
        return None
    try:
        taught = read_run(folder)
        whole = _as_it_was(whole, taught)
        share = _share_held_out(taught, folder, record, whole)
        if share is None:
            return None
        rest, _ = split_test(whole, share, split_seed_of(taught))
    except JoryuError:  # the teacher itself was found, so a record that is gone or damaged only leaves this unsaid
        return None
    seen = find_repeats(evaluated, rest)
    if not len(seen):
        return None
    held_out, seed = record["notes"].get(NOTED, {}).get("test"), split_seed_of(record)
    return (
        f"the teacher {typed} was trained on {_in_words(seen, evaluated)}, so it looks better than it is and its"
        " answers may tell the student more than its twin could know; "
        + (
            f"train it again with --test {held_out:g} --seed {seed}"
            if held_out and len(seen.same)
            else "judge by others"
        )
    )


def _as_it_was(whole: Examples, record: dict[str, Any]) -> Examples:
    """The set as it was for this run: older runs knew pictures by pixel hashes, and another may have split by groups.

    Raises:
        InputError: the run split by groups that cannot be found again.
    """
    held_out = record.get("notes", {}).get("held_out") or {}
    old = whole.by_pixels()
    whole = old if held_out.get("of") == old.fingerprint else whole
    if (groups := held_out.get("groups")) == grouping_key(whole):
        return whole
    if groups is None:
        return replace(whole, groups=None)
    found = own_set(record)
    if found is None or grouping_key(found) != groups:
        raise InputError("the groups that a run was split by have changed")
    return found


def _in_words(found: Repeats, evaluated: Examples) -> str:
    """How many evaluated examples were trained on: those with the same pixels, then those that look alike."""
    of = f"of the {len(evaluated)} examples that judge it here"
    alike = f"{len(found.alike)} pictures that look the same as"
    if not len(found.same):
        return f"{alike} some {of}"
    return f"{len(found.same)} {of}" + (f" and on {alike} others of them" if len(found.alike) else "")


def _share_held_out(taught: dict[str, Any], folder: Path, record: dict[str, Any], whole: Examples) -> float | None:
    """The share of ``whole`` that the teacher's run held out; ``None`` if it was trained on something else."""
    notes, others = taught.get("notes", {}), record.get("notes", {})
    match notes.get("held_out"):
        case {"of": fingerprint, "test": float() | int() as share}:
            return share if fingerprint == whole.fingerprint else None
    # A run without this entry is older than `joryu train --test`: it held nothing out unless it was distilled.
    if "examples" not in notes or any(notes.get(key) != others.get(key) for key in ("examples", "size")):
        return None
    setup = setup_of(folder)
    return 0.0 if setup is None else setup.test
