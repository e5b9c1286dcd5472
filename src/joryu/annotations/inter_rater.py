"""Agreement between people beyond chance: Cohen's and Fleiss' kappa and Krippendorff's alpha, for named answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError


def beyond_chance(observed: float, by_chance: float) -> float:
    """``(p_o - p_e) / (1 - p_e)``: how far agreement goes beyond what chance alone would give, 1 where all agree.

    The form of every kappa. Where chance could do no worse (``p_e = 1``, everything has one name) it is 1.

    >>> beyond_chance(0.75, 0.5), beyond_chance(0.5, 0.5), beyond_chance(1.0, 1.0)
    (0.5, 0.0, 1.0)
    """
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else 1.0


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Cohen's kappa for two raters on the same items: ``(p_o - p_e) / (1 - p_e)`` (Cohen 1960).

    ``p_o`` is the observed agreement and ``p_e`` that expected by chance; if ``p_e`` is 1, kappa is 1.

    >>> round(cohen_kappa([("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15), 4)
    0.4

    Raises:
        InputError: there is no pair.
    """
    if not pairs:
        raise InputError("agreement needs answers to compare", expected="at least one pair", received="none")
    names = sorted({name for pair in pairs for name in pair})
    table = np.zeros((len(names), len(names)))
    for first, second in pairs:
        table[names.index(first), names.index(second)] += 1
    table /= len(pairs)
    return beyond_chance(float(np.trace(table)), float(table.sum(0) @ table.sum(1)))


def fleiss_kappa(counts: npt.ArrayLike) -> float:
    """Fleiss' kappa for several raters, equally many per item (Fleiss 1971); ``counts [items, classes]``.

    >>> fleiss_kappa([[2, 0], [0, 2]])
    1.0

    Raises:
        InputError: there is no item, or the items do not have equally many answers, at least two.
    """
    table = np.asarray(counts, dtype=np.float64)
    raters = table.sum(axis=1) if table.ndim == 2 and len(table) else np.zeros(0)
    if not len(raters) or (raters != raters[0]).any() or raters[0] < 2:
        raise InputError(
            "Fleiss' kappa needs equally many answers for each item",
            expected="the same number, at least 2, in every row",
            received=sorted({int(number) for number in raters}),
            hint="try krippendorff_alpha, which takes any number",
        )
    n = float(raters[0])
    observed = float(((table**2).sum(axis=1) - n).mean() / (n * (n - 1)))
    chance = float(((table.sum(axis=0) / table.sum()) ** 2).sum())
    return beyond_chance(observed, chance)


def krippendorff_alpha(answers: Sequence[Sequence[str]]) -> float:
    """Krippendorff's alpha for nominal data and any number of raters per item: ``1 - D_o / D_e`` (Krippendorff 2011).

    ``D_o`` is the observed disagreement and ``D_e`` that expected by chance. Items with one answer are left out.

    Args:
        answers: the answers to each item, in any order.

    >>> krippendorff_alpha([["a", "a"], ["b", "b"]])
    1.0

    Raises:
        InputError: no item has two answers.
    """
    names = {name: at for at, name in enumerate(sorted({name for item in answers for name in item}))}
    counts = np.zeros((len(answers), len(names)))
    for row, item in enumerate(answers):
        for name in item:
            counts[row, names[name]] += 1
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        raise InputError("agreement needs pictures that were answered twice", expected="overlap or repeats")
    each = counts.sum(axis=1)
    # Pairs within an item, weighted so that an item counts once for each of its answers.
    agreeing = float((((counts**2).sum(axis=1) - each) / (each - 1)).sum())
    total, marginals = float(each.sum()), counts.sum(axis=0)
    chance = float(total**2 - (marginals**2).sum()) / (total - 1)
    return 1.0 if chance == 0 else 1.0 - (total - agreeing) / chance
