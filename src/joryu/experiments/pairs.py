"""Two conditions of one experiment compared seed by seed: whichever way it falls, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joryu.evaluation import compare_seeds
from joryu.report.tables import markdown_table
from joryu.report.wording import ABSENT, p_value

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class PairedRow:
    """``metric`` less ``against``, both measured in every seed with the same start, order and data."""

    label: str
    metric: str
    against: str
    digits: int = 2


def paired(pairs: Sequence[PairedRow], ours: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Mean difference, 95 % t interval over seeds and p (paired t, two-sided) of every pair.

    ``ours`` is that of a result: metric to ``values`` by seed. Interval and p are ``None`` for one seed.
    """
    found = []
    for pair in pairs:
        first, second = (list(ours[name]["values"].values()) for name in (pair.metric, pair.against))
        compared = compare_seeds(first, second, confidence=CONFIDENCE)
        found.append(
            {
                "label": pair.label,
                "metric": pair.metric,
                "against": pair.against,
                "difference": compared.difference.mean,
                "low": compared.difference.low,
                "high": compared.difference.high,
                "p_value": compared.p_value,
            }
        )
    return found


def paired_table(pairs: Sequence[PairedRow], found: Sequence[Mapping[str, Any]]) -> str:
    """The comparisons in Markdown, and a reminder that many of them were made."""
    rows = []
    for pair, one in zip(pairs, found, strict=True):
        test = ABSENT if one["p_value"] is None else p_value(one["p_value"])
        rows.append([pair.label, *difference(one, pair.digits), test])
    table = markdown_table(["paired over seeds", "difference", "95 % interval", "paired t"], rows) + "\n"
    if len(rows) == 1:
        return table
    return f"{table}\nEach interval and test is for itself: nothing is corrected for there being {len(rows)} of them.\n"


def difference(found: Mapping[str, Any], digits: int) -> tuple[str, str]:
    """One of what `paired` found in words: the difference with its sign, and its interval.

    >>> difference({"difference": -1.26, "low": -2.0, "high": -0.5}, 1)
    ('-1.3', '-2.0 to -0.5')
    """
    span = ABSENT if found["low"] is None else " to ".join(f"{found[end]:+.{digits}f}" for end in ("low", "high"))
    return f"{found['difference']:+.{digits}f}", span
