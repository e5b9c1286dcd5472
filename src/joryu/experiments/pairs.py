"""Compare two conditions of one experiment seed by seed, with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joryu.evaluation import compare_seeds
from joryu.report.tables import markdown_table
from joryu.report.wording import ABSENT, p_value

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class PairedRow:
    """``metric`` minus ``against``, both measured in every seed with the same start, order and data."""

    label: str
    metric: str
    against: str
    digits: int = 2


def recovered(name: str, value: float, low: float, high: float) -> dict[str, float]:
    """How much of the gap from ``low`` to ``high`` a value recovers, in per cent; nothing where there is no gap.

    >>> recovered("share", 57.0, 44.5, 58.9), recovered("share", 57.0, 44.5, 44.5)
    ({'share': 86.80555555555556}, {})
    """
    return {} if math.isclose(high, low) else {name: 100 * (value - low) / (high - low)}


def paired(pairs: Sequence[PairedRow], ours: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For every pair the mean difference, its 95 % t interval over seeds, and the two-sided p of the paired t test.

    ``ours`` is that of a result: for each metric its ``values``, one per seed. With one seed interval and p are
    ``None``. Only seeds that measured both are compared; a pair that none measured is left out. The method is that of
    `joryu.evaluation.compare_seeds`.
    """
    found = []
    for pair in pairs:
        first, second = (ours.get(name, {}).get("values", {}) for name in (pair.metric, pair.against))
        seeds = [seed for seed in first if seed in second]
        if not seeds:
            continue
        compared = compare_seeds(
            [first[seed] for seed in seeds], [second[seed] for seed in seeds], confidence=CONFIDENCE
        )
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
    """The comparisons that `paired` found as a table in Markdown, with a reminder of how many were made."""
    rows, digits = [], {(pair.metric, pair.against): pair.digits for pair in pairs}
    for one in found:
        test = ABSENT if one["p_value"] is None else p_value(one["p_value"])
        rows.append([one["label"], *difference(one, digits[one["metric"], one["against"]]), test])
    table = markdown_table(["paired over seeds", "difference", "95 % interval", "paired t"], rows) + "\n"
    if len(rows) < 2:
        return table
    return f"{table}\nEach interval and test is for itself: nothing is corrected for there being {len(rows)} of them.\n"


def difference(found: Mapping[str, Any], digits: int) -> tuple[str, str]:
    """One comparison that `paired` found as text: the difference with its sign, and its interval.

    >>> difference({"difference": -1.26, "low": -2.0, "high": -0.5}, 1)
    ('-1.3', '-2.0 to -0.5')
    """
    span = ABSENT if found["low"] is None else " to ".join(f"{found[end]:+.{digits}f}" for end in ("low", "high"))
    return f"{found['difference']:+.{digits}f}", span
