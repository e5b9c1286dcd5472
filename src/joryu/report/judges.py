"""Which examples judge a run: those that somebody names, or the part that it held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, load_examples
from joryu.report.lesson import judging_in_words
from joryu.report.seen import own_set
from joryu.training.lesson import Lesson, Parts, lesson_of, part
from joryu.training.trainer import content_of


@dataclass(frozen=True, kw_only=True)
class Judges:
    """The examples to judge by: a spec with its split, or (``examples=None``) the run's own test part.

    Of examples that are labelled in part those with a label judge; where nobody labelled any, the teacher's answers do.
    A part that the run held out is found again only in the very examples it was cut from: from others, or at another
    size, some that were trained on would get into it.
    """

    examples: str | None = None
    split: str = "test"
    size: int | None = None

    def load(self, record: dict[str, Any], folder: Path) -> Judging:
        """Raises:
        InputError: the run does not say what it was trained on, and nothing else was named; or a split or size was
            asked for of a part that the run held out.
        MismatchError: the examples have changed since the run held a part of them out.
        """
        notes = record.get("notes", {})
        spec = self.examples or notes.get("examples")
        size = self.size if self.size is not None else notes.get("size")
        column = notes.get("column") if self.examples is None else None
        if spec is None:
            raise InputError(f"{folder} does not say what it was trained on", hint="name labelled --examples")
        lesson = lesson_of(folder)
        if self.examples is None and lesson is not None and lesson.test:
            if self.split != "test" or size != notes.get("size"):
                raise InputError(
                    f"{folder} is judged by the part of {spec} that it held out", expected="no --split and no --size",
                    received=f"--split {self.split}" if self.split != "test" else f"--size {size}",
                    hint="name --examples too, to judge by others",
                )  # fmt: skip
            whole = load_examples(spec, split=notes.get("split") or "train", size=size, column=column)
            return Judging(_judges_among(part_that_judges(whole, record, lesson)), whole)
        named = _judges_among(load_examples(spec, split=self.split, size=size, column=column))
        return Judging(named, own_set(record))

    def in_words(self, record: dict[str, Any], folder: Path, judging: Examples) -> str:
        """Which examples judge, for the first lines of a page."""
        lesson = lesson_of(folder)
        if self.examples is None and lesson is not None and lesson.test:
            split = record["notes"].get("split") or "train"
            return judging_in_words(len(judging), judging.name, split=split, held_out=lesson.test)
        return judging_in_words(len(judging), judging.name, split=self.split, held_out=0)


class Judging(NamedTuple):
    """The examples that judge, and the whole set that the run was given (``None``: not found again)."""

    examples: Examples
    whole: Examples | None


def _judges_among(examples: Examples) -> Examples:
    """Those with a label; all of a set that nobody labelled, whose only judge is the teacher."""
    return examples.labelled() if examples.known.any() else examples


def part_that_judges(examples: Examples, record: dict[str, Any], lesson: Lesson) -> Examples:
    """The part of its whole set that a run held out.

    Raises:
        MismatchError: the set is not the one that the run was given.
    """
    for known in (examples, examples.by_pixels()):  # a run that is older than ids of files cut its parts by pixels
        parts = part(known, lesson, record["request"]["recipe"]["seed"])
        if parts.test is not None and _are_those_of(parts, known, record):
            return parts.test
    raise MismatchError(
        "the part that the run held out cannot be found again",
        expected="the examples it was cut from",
        received=f"{examples.name}, which has changed since",
        hint="put the examples back as they were, or name others with --examples",
    )


def _are_those_of(parts: Parts, whole: Examples, record: dict[str, Any]) -> bool:
    """Whether these are the parts that a run was given; where examples were left out of them, the whole set tells."""
    request, left_out = record["request"], record["notes"].get("left_out", 0)
    if len(parts.teaching) != request["examples"]["n"] + left_out:
        return False
    if not left_out:
        return bool(content_of(parts.teaching) == request["examples"]["content"])
    noted: dict[str, Any] = record["notes"].get("held_out") or {}
    return bool(noted.get("of", whole.fingerprint) == whole.fingerprint)


OWN_TEST_PART = Judges()
