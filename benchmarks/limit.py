"""What a cache of a teacher's answers can gain at the most, and how much of that is reached.

Over all examples once, let the student's steps take 1, the teacher's answers R and reading the examples D. Who reads
and asks anew in each of E epochs needs ``E (1 + R + D)``. Nobody can do with less than every step, and every example
read and answered once, ``E + R + D``; so no cache gains more than ``E (1 + R + D) / (E + R + D)``.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

EPOCHS = 10  #: of a training that the limit is given for; the fewer, the more the one labelling weighs
WANTED = 0.95  #: the share of the limit to reach


def greatest_gain(epochs: int, teacher: float, reading: float = 0.0) -> float:
    """``E (1 + R + D) / (E + R + D)``.

    >>> greatest_gain(10, 4.0)
    3.5714285714285716
    >>> greatest_gain(1, 4.0)  # who asks once cannot ask less
    1.0
    """
    return epochs * (1 + teacher + reading) / (epochs + teacher + reading)


def reached(seconds: Mapping[str, Sequence[float]], epochs: int) -> dict[str, Any]:
    """What asking once gained, beside what it can gain at the most.

    ``seconds`` holds, round by round, what one pass over the examples took: ``student`` alone, ``teacher`` alone,
    ``asking`` (the student with the teacher in every step), ``labelling`` and ``cached`` (ours). R and the gain are
    medians of ratios within a round.

    >>> once = {"student": [2.0], "teacher": [8.0], "asking": [10.0], "labelling": [8.0], "cached": [2.0]}
    >>> found = reached(once, epochs=10)
    >>> found["teacher_times_student"], round(found["limit"], 2), round(found["gain"], 2), round(found["share"], 2)
    (4.0, 3.57, 3.57, 1.0)
    """
    rounds = [dict(zip(seconds, each, strict=True)) for each in zip(*seconds.values(), strict=True)]
    ratios = [took["teacher"] / took["student"] for took in rounds]
    gains = [epochs * took["asking"] / (took["labelling"] + epochs * took["cached"]) for took in rounds]
    ratio, gain = statistics.median(ratios), statistics.median(gains)
    limit = greatest_gain(epochs, ratio)
    return {
        "epochs": epochs,
        "rounds": len(rounds),
        "teacher_times_student": ratio,
        "limit": limit,
        "gain": gain,
        "share": gain / limit,
        "seconds": {name: list(took) for name, took in seconds.items()},
    }


def in_a_line(found: Mapping[str, Any]) -> str:
    """What was reached, with R and E beside it, and whatever else must be known of the numbers."""
    remark = f" ({found['remark']})" if "remark" in found else ""
    return (
        f"asked once, then E = {found['epochs']} epochs: {found['gain']:.2f} x faster than a bare loop that asks in "
        f"every step, where no cache gains more than E (1 + R) / (E + R) = {found['limit']:.2f} x "
        f"(R = {found['teacher_times_student']:.2f}): a share of {found['share']:.3f}{remark}"
    )
