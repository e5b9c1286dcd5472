"""The page's tables, as rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from joryu.report import wording
from joryu.report.data import ModelCard, ReportData
from joryu.report.findings import Findings
from joryu.report.sections import MeasureRow, section_of

LIST_ITEMS = 12  #: the most items of a list that are written out

_COSTS: tuple[tuple[str, Callable[[ModelCard], str]], ...] = (
    ("Parameters", lambda card: wording.count(card.parameters)),
    ("Parameters that learned", lambda card: wording.count(card.learning)),
    ("Size on disk", lambda card: wording.size(card.bytes)),
    ("Latency", lambda card: wording.duration(card.latency.milliseconds if card.latency else None)),
)


def model_rows(run: ReportData, findings: Findings) -> list[MeasureRow]:
    """One row per measure, then one per cost (size, latency); a row without any number is left out."""
    rows = section_of(findings).rows(findings.evaluations)
    rows += [MeasureRow(name, "↓", {role: cost(card) for role, card in run.cards.items()}) for name, cost in _COSTS]
    return [row for row in rows if any(text not in {"", wording.ABSENT} for text in row.cells.values())]


def latency_note(run: ReportData) -> str | None:
    """How the latencies were measured, in words; ``None`` without any."""
    found = next((card.latency for card in run.cards.values() if card.latency), None)
    if found is None:
        return None
    return (
        f"Latency: median of {found.repeats} interleaved repeats, batch {found.batch},"
        f" {wording.plural(found.threads, 'thread')}, {found.device}."
    )


def flattened(record: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A nested mapping as lines of ``(name, text)``.

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
