"""Which examples judge a run: those that somebody names, or the part that it held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, load_examples
from joryu.report.lesson import judging_in_words
from joryu.report.seen import own_set
from joryu.training.lesson import Lesson, hold_out, lesson_of, part
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
        """The examples that judge a run, and the whole set that it was given.

        Raises:
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
        cut = _part_of(record, folder) if self.examples is None else None
        if cut is not None:
            if self.split != "test" or size != notes.get("size"):
                raise InputError(
                    f"{folder} is judged by the part of {spec} that it held out", expected="no --split and no --size",
                    received=f"--split {self.split}" if self.split != "test" else f"--size {size}",
                    hint="name --examples too, to judge by others",
                )  # fmt: skip
            whole = load_examples(spec, split=notes.get("split") or "train", size=size, column=column)
            return Judging(_judges_among(cut.of(whole, record)), whole)
        named = _judges_among(load_examples(spec, split=self.split, size=size, column=column))
        return Judging(named, own_set(record))

    def in_words(self, record: dict[str, Any], folder: Path, judging: Examples) -> str:
        """Which examples judge, for the first lines of a page."""
        cut = _part_of(record, folder) if self.examples is None else None
        if cut is not None:
            split = record["notes"].get("split") or "train"
            return judging_in_words(len(judging), judging.name, split=split, held_out=cut.share)
        return judging_in_words(len(judging), judging.name, split=self.split, held_out=0)


class Judging(NamedTuple):
    """The examples that judge, and the whole set that the run was given (``None``: not found again)."""

    examples: Examples
    whole: Examples | None


def _judges_among(examples: Examples) -> Examples:
    """Those with a label; all of a set that nobody labelled, whose only judge is the teacher."""
    return examples.labelled() if examples.known.any() else examples


class HeldOut(NamedTuple):
    """The part that a run held out: its share, with the lesson that it was cut by or the hash of what it held."""

    share: float
    lesson: Lesson | None
    content: str | None

    def of(self, whole: Examples, record: dict[str, Any]) -> Examples:
        """The part, cut again.

        Raises:
            MismatchError: the examples are no longer what it was cut from.
        """
        for known in (whole, whole.by_pixels()):  # a run that is older than ids of files cut its parts by pixels
            if (found := self._cut(known, record)) is not None:
                return found
        raise MismatchError(
            "the part that the run held out cannot be found again", expected="the examples it was cut from",
            received=f"{whole.name}, which has changed since",
            hint="put the examples back as they were, or name others with --examples",
        )  # fmt: skip

    def _cut(self, whole: Examples, record: dict[str, Any]) -> Examples | None:
        """The part, if it is what the run held out; where examples were left out of the rest, the whole set tells."""
        request, notes = record["request"], record.get("notes", {})
        if self.lesson is None:
            _, found = hold_out(whole, self.share, request["recipe"]["seed"])
            return found if found is not None and content_of(found) == self.content else None
        teaching, _, found = part(whole, self.lesson, request["recipe"]["seed"])
        left_out = notes.get("left_out", 0)
        if len(teaching) != request["examples"]["n"] + left_out:
            return None
        if left_out:
            noted = notes.get("held_out") or {}
            same = noted.get("of", whole.fingerprint) == whole.fingerprint
        else:
            same = content_of(teaching) == request["examples"]["content"]
        return found if same else None


def _part_of(record: dict[str, Any], folder: Path) -> HeldOut | None:
    """What a run held out to be judged by; ``None`` if it held nothing out.

    Raises:
        InputError: it was trained on labels before runs said what their part held.
    """
    lesson = lesson_of(folder)
    if lesson is not None:
        return HeldOut(lesson.test, lesson, None) if lesson.test else None
    match record.get("notes", {}).get("held_out"):
        case {"test": float() | int() as share, "content": str() as content} if share:
            return HeldOut(share, None, content)
        case {"test": float() | int() as share} if share:
            raise InputError(
                f"{folder} does not say what was in the part that it held out", expected="the record of a newer run",
                hint="name labelled --examples, or train it again",
            )  # fmt: skip
    return None


OWN_TEST_PART = Judges()
