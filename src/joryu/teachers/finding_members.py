"""From the spec of an ensemble to its members, each with the examples as it is shown them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.questions import Question
from joryu.targets.ensemble_spec import read_ensemble
from joryu.teachers.ensemble import SHAPE, Ensemble
from joryu.teachers.network_spec import Request
from joryu.teachers.teacher import Teacher
from joryu.teachers.trained import own_names, preparation_of_run

Find = Callable[[Request, Examples], tuple[Teacher, Examples]]
Describe = Callable[[str, Examples, Examples], str | None]


def find_ensemble(request: Request, examples: Examples, *, find: Find, describe: Describe) -> tuple[Teacher, Examples]:
    """The ensemble of a spec, and the examples it can be asked about: those that all members can.

    ``find`` finds each member by its own spec, and ``describe`` says what it is shown. The examples come back as the
    first member is shown them; members that learned at other sizes read the same rows at theirs. What a member is
    shown, and that its outputs were mapped by name, is said in the examples' remarks.

    Raises:
        InputError: as ``find``; or an order of classes was given, no example is known to all members, or views were
            asked for and the members are shown other sizes.
        MismatchError: as ``find``; or the members answer different questions.
    """
    if request.order is not None:
        raise InputError(
            "the members of an ensemble are mapped by the names of their classes, so there is no order to give",
            hint="leave --classes out",
        )
    combination, specs = read_ensemble(request.rest)
    teachers, known, remarks = list[Teacher](), list[Examples](), list[str]()
    for spec in specs:
        asked = examples if examples.question is not None or not teachers else examples.asked(teachers[0].question)
        order = own_names(spec, asked.question)
        found, shown = find(request._replace(spec=spec, order=order), _as_seen_before(spec, asked, known))
        teachers.append(found)
        known.append(shown)
        remarks += [remark for remark in shown.remarks if remark not in (*examples.remarks, *remarks)]
        if order is not None or found.question.names != teachers[0].question.names:
            remarks.append(f"{spec} gives its classes in another order: they are mapped by name")
        if (words := describe(spec, shown, examples)) is not None:
            remarks.append(f"{spec}: {words}")
    base = _common(known)
    base, *others = [_about(one, base) for one in known]
    own = [None, *(None if _shown_alike(one, base) else one for one in others)]
    for spec, other in zip(specs, own, strict=True):
        if other is not None and request.n_views:
            raise InputError(SHAPE.format(spec, specs[0]), hint="leave --views and --n-views out")
    ensemble = Ensemble(teachers, combination, question=_question(examples, teachers[0]), names=specs, shown=own)
    return ensemble, replace(base, remarks=(*examples.remarks, *remarks))


def _question(examples: Examples, first: Teacher) -> Question:
    """That of the examples, if the first member answers about the same outputs; else the member's own."""
    asked = examples.question
    if asked is not None and sorted(asked.names) == sorted(first.question.names):
        return asked
    return first.question


def _as_seen_before(spec: str, examples: Examples, known: Sequence[Examples]) -> Examples:
    """The examples at the size of a run, if they were read at it for another member: not read twice, nor held."""
    wanted = preparation_of_run(spec)
    if wanted is not None:
        for seen in known:
            if seen.preparation == wanted and len(seen) == len(examples) and seen.question == examples.question:
                return seen
    return examples


def _shown_alike(one: Examples, other: Examples) -> bool:
    return one.preparation == other.preparation and one.inputs.shape == other.inputs.shape


def _common(known: Sequence[Examples]) -> Examples:
    """The first member's examples, but for those that another member knows nothing about.

    Raises:
        InputError: none is left.
    """
    first = known[0]
    kept = np.ones(len(first), dtype=bool)
    for other in known[1:]:
        if not _same_rows(first, other):
            there = {words.tobytes() for words in other.ids}
            kept &= np.fromiter((words.tobytes() in there for words in first.ids), dtype=bool, count=len(first))
    if not kept.any():
        raise InputError("no example is known to all members of the ensemble", expected=f"some of {first.name}")
    return first if kept.all() else first.select(torch.from_numpy(np.flatnonzero(kept)))


def _about(one: Examples, base: Examples) -> Examples:
    """A member's examples in the rows of ``base``."""
    if _same_rows(one, base):
        return one
    row_of = {words.tobytes(): row for row, words in enumerate(one.ids)}
    return one.select(torch.tensor([row_of[words.tobytes()] for words in base.ids]))


def _same_rows(one: Examples, other: Examples) -> bool:
    return one is other or (len(one) == len(other) and bool(np.array_equal(one.ids, other.ids)))
