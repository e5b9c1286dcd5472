"""Search a grid for its best point, and widen the grid until this is not at its edge."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def tried_until_inside(ladder: Sequence[float], loss: Callable[[float], float], *, first: slice) -> dict[float, float]:
    """Try the values ``ladder[first]``, and further ones until the best is inside; the loss of each, in order.

    If the best value is at the edge of those tried, a better one may be beyond. Then the next value of the ladder is
    tried too, until the best has a worse neighbour on both sides, or the ladder ends. A loss that is no number counts
    as infinite.

    >>> tried_until_inside([1, 2, 3, 4, 5], lambda rate: (rate - 4) ** 2, first=slice(1, 3))
    {2: 4, 3: 1, 4: 0, 5: 1}
    """

    def loss_at(value: float) -> float:
        found = loss(value)
        return math.inf if math.isnan(found) else found

    low, high, _ = first.indices(len(ladder))
    tried = {value: loss_at(value) for value in ladder[low:high]}
    while True:
        best = ladder.index(min(tried, key=lambda value: tried[value]))
        if best == high - 1 and high < len(ladder):
            tried[ladder[high]] = loss_at(ladder[high])
            high += 1
        elif best == low and low > 0:
            low -= 1
            tried[ladder[low]] = loss_at(ladder[low])
        else:
            return {value: tried[value] for value in ladder[low:high]}
