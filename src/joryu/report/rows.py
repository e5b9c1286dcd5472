"""The page's tables, as rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from joryu.evaluation import Evaluation
from joryu.report import wording
from joryu.report.data import ModelCard, ReportData, Role
from joryu.report.findings import Findings

PAIRS = 10  #: confused pairs shown
HARDEST = 8  #: classes shown among the hardest
LIST_ITEMS = 12  #: items of a list spelled out in a line


class Row(NamedTuple):
    """One line of the models' table: what is measured, which way is better, and one text per model."""

    name: str
    better: str  #: ``"↑"``, ``"↓"`` or ``""``
    cells: dict[Role, str]


class PairRow(NamedTuple):
    """How often each model answered ``predicted`` for an example of class ``label``."""

    label: str
    predicted: str
    counts: dict[Role, int]


class ClassRow(NamedTuple):
    """One class's accuracy by model."""

    name: str
    cells: dict[Role, str]


_MEASURES: tuple[tuple[str, str, Callable[[Evaluation], str]], ...] = (
    ("Accuracy", "↑", lambda e: wording.percent(e.accuracy, 2)),
    ("Errors", "↓", lambda e: wording.count(e.errors)),
    ("Top-5 accuracy", "↑", lambda e: wording.percent(e.top_k[5], 2) if 5 in e.top_k else ""),
    ("NLL", "↓", lambda e: wording.number(e.nll)),
    ("ECE", "↓", lambda e: wording.percent(e.ece, 2)),
    ("Brier score", "↓", lambda e: wording.number(e.brier)),
)

_COSTS: tuple[tuple[str, Callable[[ModelCard], str]], ...] = (
    ("Parameters", lambda card: wording.count(card.parameters)),
    ("Size on disk", lambda card: wording.size(card.bytes)),
    ("Latency", lambda card: wording.duration(card.latency.milliseconds if card.latency else None)),
)


def model_rows(run: ReportData, findings: Findings) -> list[Row]:
    """Accuracy to latency, one row each; a row without any number is left out."""
    rows = [
        Row(name, better, {role: measure(found) for role, found in findings.evaluations.items()})
        for name, better, measure in _MEASURES
    ]
    rows += [Row(name, "↓", {role: cost(card) for role, card in run.cards.items()}) for name, cost in _COSTS]
    return [row for row in rows if any(text not in {"", wording.ABSENT} for text in row.cells.values())]


def latency_note(run: ReportData) -> str | None:
    """How the latencies were measured."""
    found = next((card.latency for card in run.cards.values() if card.latency), None)
    if found is None:
        return None
    return (
        f"Latency: median of {found.repeats} interleaved repeats, batch {found.batch},"
        f" {wording.plural(found.threads, 'thread')}, {found.device}."
    )


def confused_rows(run: ReportData, findings: Findings, *, limit: int = PAIRS) -> list[PairRow]:
    """The pairs of classes most often confused by the student or its twin, with every model's count."""
    found = findings.evaluations
    pairs: dict[tuple[int, int], int] = {}
    for role in found.keys() & {Role.STUDENT, Role.TWIN}:
        for pair in found[role].most_confused:
            key = pair.label, pair.predicted
            pairs[key] = max(pairs.get(key, 0), pair.count)
    predicted = {role: probs.argmax(-1) for role, probs in findings.probs.items()}
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
    """The classes the student finds hardest, hardest first; classes it makes no error in are left out."""
    student = findings.evaluations[Role.STUDENT].per_class_accuracy
    seen = [(share, c) for c, share in enumerate(student) if share is not None and share < 1]
    return [
        ClassRow(
            run.examples.classes[c],
            {role: wording.percent(found.per_class_accuracy[c]) for role, found in findings.evaluations.items()},
        )
        for _, c in sorted(seen)[:limit]
    ]


def flattened(record: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as ``(name, text)`` lines.

    >>> list(flattened({"machine": {"cpus": 2}, "seeds": [0, 1], "note": None}))
    [('machine · cpus', '2'), ('seeds', '0, 1'), ('note', '–')]
    """
    for key, value in record.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from flattened(value, f"{name} · ")
        elif isinstance(value, list | tuple):
            rest = f", … ({len(value):,} in all)" if len(value) > LIST_ITEMS else ""
            yield name, (", ".join(map(_text, value[:LIST_ITEMS])) or wording.ABSENT) + rest
        else:
            yield name, _text(value)


def _text(value: object) -> str:
    if value is None:
        return wording.ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)
