"""Tables of the most confused pairs of classes, and of the hardest classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

from torch import Tensor

from joryu.evaluation import ClassEvaluation, Evaluation
from joryu.report import wording
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings

PAIRS = 10  #: the most confused pairs shown
HARDEST = 8  #: classes shown among the hardest


class PairRow(NamedTuple):
    """How often each model answered ``predicted`` for an example of class ``label``."""

    label: str
    predicted: str
    counts: dict[Role, int]


class ClassRow(NamedTuple):
    """Each model's accuracy on one class, as text."""

    name: str
    cells: dict[Role, str]


def metrics_of(findings: Findings) -> dict[Role, Evaluation]:
    """The evaluation of classes of every model."""
    return {role: cast(ClassEvaluation, found).metrics for role, found in findings.evaluations.items()}


def confused_rows(
    run: ReportData, findings: Findings, probs: Mapping[Role, Tensor], *, limit: int = PAIRS
) -> list[PairRow]:
    """The pairs of classes that student or twin confuse most often, with every model's count."""
    found = metrics_of(findings)
    pairs: dict[tuple[int, int], int] = {}
    for role in found.keys() & {Role.STUDENT, Role.TWIN}:
        for pair in found[role].most_confused:
            key = pair.label, pair.predicted
            pairs[key] = max(pairs.get(key, 0), pair.count)
    predicted = {role: values.argmax(-1) for role, values in probs.items()}
    classes, labels = run.examples.classes, run.labels
    return [
        PairRow(
            classes[label],
            classes[answer],
            {role: int(((labels == label) & (answers == answer)).sum()) for role, answers in predicted.items()},
        )
        for label, answer in sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:limit]
    ]


def hardest_rows(run: ReportData, findings: Findings, *, limit: int = HARDEST) -> list[ClassRow]:
    """The classes on which the student is least accurate, worst first; classes without an error are left out."""
    student = metrics_of(findings)[Role.STUDENT].per_class_accuracy
    seen = [(share, c) for c, share in enumerate(student) if share is not None and share < 1]
    return [
        ClassRow(
            run.examples.classes[c],
            {role: wording.percent(found.per_class_accuracy[c]) for role, found in metrics_of(findings).items()},
        )
        for _, c in sorted(seen)[:limit]
    ]
