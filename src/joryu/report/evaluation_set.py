"""Which examples a run is evaluated on: those that the caller names, or the part that the run held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, load_examples
from joryu.examples.groups import grouping_key
from joryu.report.leakage import own_set
from joryu.report.run_sentence import evaluated_in_words
from joryu.training.setup import DistillationSetup, setup_of, split_parts, split_test
from joryu.training.trainer import content_of


@dataclass(frozen=True, kw_only=True)
class EvaluationSet:
    """Which examples to evaluate a run on: a spec and its split, or (``examples=None``) the run's own test part.

    If only some examples have a label, only those are used. If none has one, student and teacher are compared on all
    of them. ``size`` is a side in pixels. The part that a run held out can be cut again only from the same examples
    at the same size: otherwise it would contain some that were trained on.
    """

    examples: str | None = None
    split: str = "test"
    size: int | None = None

    def load(self, record: dict[str, Any], folder: Path) -> EvaluationExamples:
        """Load the examples to evaluate on, and the whole set that the run was given.

        ``record`` is the content of the run's ``run.json``, ``folder`` the run folder.

        Raises:
            InputError: the run does not record its examples and no others were named, or a split or size was named
                although the run held out its own test part.
            MismatchError: the examples have changed since the run held out a part of them.
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
            return EvaluationExamples(_judges_among(cut.of(whole, record)), whole)
        named = _judges_among(load_examples(spec, split=self.split, size=size, column=column))
        return EvaluationExamples(named, own_set(record))

    def in_words(self, record: dict[str, Any], folder: Path, evaluation_set: Examples) -> str:
        """Which examples are evaluated, as words for the top of a page."""
        cut = _part_of(record, folder) if self.examples is None else None
        if cut is not None:
            split = record["notes"].get("split") or "train"
            return evaluated_in_words(len(evaluation_set), evaluation_set.name, split=split, held_out=cut.share)
        return evaluated_in_words(len(evaluation_set), evaluation_set.name, split=self.split, held_out=0)


class EvaluationExamples(NamedTuple):
    """The examples to evaluate on, and the whole set that the run was given (``None``: it could not be loaded)."""

    examples: Examples
    whole: Examples | None


def _judges_among(examples: Examples) -> Examples:
    """The examples with a label; all of them if none has one."""
    return examples.labelled() if examples.known.any() else examples


class HeldOut(NamedTuple):
    """The part that a run held out: its share, and the setup that cut it or the hash of its content."""

    share: float
    setup: DistillationSetup | None
    content: str | None

    def of(self, whole: Examples, record: dict[str, Any]) -> Examples:
        """Cut the part again from the whole set.

        Raises:
            MismatchError: the examples have changed since.
        """
        for known in (whole, whole.by_pixels()):  # runs from before ids were hashes of files cut by pixel hashes
            if (found := self._cut(known, record)) is not None:
                return found
        raise MismatchError(
            "the part that the run held out cannot be found again", expected="the examples it was cut from",
            received=f"{whole.name}, which has changed since",
            hint="put the examples back as they were, or name others with --examples",
        )  # fmt: skip

    def _cut(self, whole: Examples, record: dict[str, Any]) -> Examples | None:
        """The part, if it is what the run held out. If the run left out some of the rest, the whole set is compared."""
        request, notes = record["request"], record.get("notes", {})
        if self.setup is None:
            _, found = split_test(whole, self.share, request["recipe"]["seed"])
            return found if found is not None and content_of(found) == self.content else None
        teaching, _, found = split_parts(whole, self.setup, request["recipe"]["seed"])
        left_out = notes.get("left_out", 0)
        if len(teaching) != request["examples"]["n"] + left_out:
            return None
        if left_out:
            noted = notes.get("held_out") or {}
            grouped_alike = noted.get("groups") == grouping_key(whole)
            same = noted.get("of", whole.fingerprint) == whole.fingerprint and grouped_alike
        else:
            same = content_of(teaching) == request["examples"]["content"]
        return found if same else None


def _part_of(record: dict[str, Any], folder: Path) -> HeldOut | None:
    """The part that a run held out for its evaluation; ``None`` if it held nothing out.

    Raises:
        InputError: the run was trained on labels by a version that did not record what the part held.
    """
    setup = setup_of(folder)
    if setup is not None:
        return HeldOut(setup.test, setup, None) if setup.test else None
    match record.get("notes", {}).get("held_out"):
        case {"test": float() | int() as share, "content": str() as content} if share:
            return HeldOut(share, None, content)
        case {"test": float() | int() as share} if share:
            raise InputError(
                f"{folder} does not say what was in the part that it held out", expected="the record of a newer run",
                hint="name labelled --examples, or train it again",
            )  # fmt: skip
    return None


OWN_TEST_PART = EvaluationSet()
