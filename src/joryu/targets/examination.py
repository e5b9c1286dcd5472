"""`examine`: the part of an audit that looks at the answers: statistics, agreement with labels, findings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from joryu.questions import Link
from joryu.targets.correctness import Correctness, class_correctness, pixel_correctness, tag_correctness
from joryu.targets.finding import Finding, Severity
from joryu.targets.findings import (
    NO_SCALE,
    about_agreement,
    about_answers,
    about_likeness,
    about_masks,
    about_tags,
    teacher_order,
)
from joryu.targets.numbers import NumberStatistics, about_errors, about_numbers, gather_numbers, number_agreement
from joryu.targets.statistics import Statistics, gather_statistics
from joryu.targets.store import Store

WIDTH = 1000  #: the values per answer up to which all that were asked for are looked at; of larger answers, fewer are
FEW = 50  #: how many answers are looked at even if they are very large


class Labels(NamedTuple):
    """Hard labels of some rows of a store, and which of them are known."""

    values: Tensor
    known: Tensor


class ExaminationOptions(NamedTuple):
    """The temperature at which a student would be trained, the most answers to look at, and the advice about a teacher.

    ``advice`` is part of the hint of a finding that questions the teacher, such as "look at its weights".
    """

    temperature: float
    most: int
    advice: str


class Examination(NamedTuple):
    """The statistics of the answers, their agreement with labels if there are any, and what is wrong."""

    statistics: Statistics | NumberStatistics
    agreement: Correctness | None
    findings: list[Finding]
    teacher_order: tuple[str, ...] | None = None  #: the classes in the order of the answers, if it is another


def examine(store: Store, rows: Tensor, labels: Labels | None, look: ExaminationOptions) -> Examination:
    """Look at the answers in some rows, int64 ``[n]``, by the question that they answer. They must be finite.

    ``labels`` are those of the same rows, in the same order.
    """
    question = store.manifest.question
    return _EXAMINED[question.link, bool(question.grid)](store, rows, labels, look)


def _classes(store: Store, rows: Tensor, labels: Labels | None, look: ExaminationOptions) -> Examination:
    statistics, findings = _probs(store, rows, look)
    at = _labelled(store, labels, look)
    if at is None or labels is None:
        return Examination(statistics, None, findings)
    agreement = class_correctness(store, rows[at], labels.values[at])
    scaled = all(finding.code not in NO_SCALE for finding in findings)
    found = about_agreement(agreement, store.manifest.classes, look.advice)
    findings += [finding for finding in found if scaled or finding.severity is not Severity.NOTE]
    return Examination(statistics, agreement, findings, teacher_order(agreement.exchange, store.manifest.classes))


def _tags(store: Store, rows: Tensor, labels: Labels | None, look: ExaminationOptions) -> Examination:
    statistics, findings = _probs(store, rows, look)
    at = _labelled(store, labels, look)
    agreement = None if at is None or labels is None else tag_correctness(store, rows[at], labels.values[at])
    if agreement is not None:
        findings += about_tags(agreement, look.advice)
    return Examination(statistics, agreement, findings)


def _pixels(store: Store, rows: Tensor, labels: Labels | None, look: ExaminationOptions) -> Examination:
    statistics, findings = _probs(store, rows, look)
    at = _labelled(store, labels, look)
    if at is None or labels is None:
        return Examination(statistics, None, findings)
    agreement = pixel_correctness(store, rows[at], labels.values[at])
    findings += [_OTHER_SHAPE] if agreement is None else about_masks(agreement, look.advice)
    return Examination(statistics, agreement, findings)


def _numbers(store: Store, rows: Tensor, labels: Labels | None, look: ExaminationOptions) -> Examination:
    statistics = gather_numbers(store, _some(store, rows, look.most))
    findings, at = [*about_numbers(statistics)], _labelled(store, labels, look)
    if at is None or labels is None:
        return Examination(statistics, None, findings)
    agreement = number_agreement(store, rows[at], labels.values[at])
    findings += [_OTHER_SHAPE] if agreement is None else about_errors(statistics, agreement)
    return Examination(statistics, agreement, findings)


_OTHER_SHAPE = Finding(
    "other-shape", Severity.WARNING, "the labels have another size than the answers; they were not compared",
    "load the examples at the size they were labelled at with --size",
)  # fmt: skip

_EXAMINED: dict[tuple[Link, bool], Callable[[Store, Tensor, Labels | None, ExaminationOptions], Examination]] = {
    (Link.SOFTMAX, False): _classes,
    (Link.SIGMOID, False): _tags,
    (Link.SOFTMAX, True): _pixels,
    (Link.SIGMOID, True): _pixels,
    (Link.IDENTITY, False): _numbers,
    (Link.IDENTITY, True): _numbers,
}


def _probs(store: Store, rows: Tensor, look: ExaminationOptions) -> tuple[Statistics, list[Finding]]:
    statistics = gather_statistics(store, _some(store, rows, look.most), look.temperature)
    findings = [*about_likeness(statistics), *about_answers(store, statistics, look.temperature, look.advice)]
    return statistics, findings


def _labelled(store: Store, labels: Labels | None, look: ExaminationOptions) -> Tensor | None:
    """The places among the rows where labels are known, or some of these places; ``None`` if there are none."""
    if labels is None:
        return None
    places = _some(store, labels.known.nonzero().flatten(), look.most)
    return places if len(places) else None


def _some(store: Store, rows: Tensor, most: int) -> Tensor:
    """All rows, or at most ``most`` of them, spread evenly; of large answers, fewer (`WIDTH`)."""
    most = min(most, max(FEW, most * WIDTH // max(1, math.prod(store.form.shape))))
    if len(rows) <= most:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, most, dtype=torch.float64).long()]
