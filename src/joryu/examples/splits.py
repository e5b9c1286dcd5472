"""Stratified, seeded splits that depend on the content of the examples, not on their order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from joryu.errors import InputError
from joryu.examples.examples import UNLABELLED, Examples, Ids
from joryu.examples.hashing import Draws

Counts = npt.NDArray[np.int64]


def split_examples(examples: Examples, fractions: Sequence[float], *, seed: int) -> list[Examples]:
    """Split examples into parts of the given fractions, stratified by label (those without one are one stratum).

    Identical examples always go to the same part, so none is both trained and tested on: equal ids, or equal pixels
    in different files (a picture saved as PNG and as BMP). The parts' sizes, counted in *distinct* examples, are the
    largest-remainder apportionment by ``fractions``. Each part takes from every stratum its proportional share of what
    earlier parts left, rounded up or down; so a stratum with fewer examples than parts is missing from some. Fractions
    that sum to less than one leave the rest out. The part of an example depends on a hash of (id, seed), not on the
    order of the rows; each part keeps the order of the rows.

    Where examples have ``groups``, a whole group goes into one part: in a seeded order each goes where it brings the
    counts of the strata nearest to the fractions (greedily, as scikit-learn's ``StratifiedGroupKFold``). A part is then
    larger or smaller than its share by about one group.

    >>> examples = Examples.of(torch.arange(10.0).reshape(10, 1), torch.arange(10) % 2, classes=["even", "odd"])
    >>> [len(part) for part in split_examples(examples, (0.6, 0.4), seed=0)]
    [6, 4]

    Raises:
        InputError: fractions are not positive or sum to more than one, or a part would be empty.
    """
    shares = _shares(fractions)
    _, copy_of = np.unique(examples.pixel_ids, axis=0, return_inverse=True)
    copy_of = copy_of.reshape(-1)
    ids = _least_ids(examples, copy_of)
    strata = _strata(examples, copy_of, len(ids))
    if examples.groups is None:
        sizes = apportion(shares, len(ids))[: len(fractions)]
        _require_full(sizes, examples, f"{len(ids)} distinct examples", fractions)
        part_of = _deal(strata, sizes, _ranks(ids, seed))
    else:
        group_of = _groups(copy_of, examples.groups)
        of_group = _least_ids(examples, group_of[copy_of])
        part_of = _deal_groups(_counts(group_of, strata), shares, _ranks(of_group, seed))[group_of]
        sizes = np.bincount(part_of, minlength=len(fractions))[: len(fractions)]
        _require_full(sizes, examples, f"{len(of_group)} groups", fractions)
    rows = torch.from_numpy(part_of[copy_of])
    return [examples.select((rows == part).nonzero().flatten()) for part in range(len(fractions))]


def _require_full(sizes: Counts, examples: Examples, received: str, fractions: Sequence[float]) -> None:
    if not sizes.all():
        raise InputError(
            f"{examples.name} is too small for this split",
            expected=f"at least one {'distinct example' if examples.groups is None else 'group'} in each part",
            received=f"{received} for fractions {', '.join(map(str, fractions))}",
        )


def _least_ids(examples: Examples, group_of: npt.NDArray[np.int64]) -> Ids:
    """The least id of each group of rows; rows with equal pixels are one, so that copies stay together.

    The same file always has the same pixels, so equal ids are never in different groups. The least id does not depend
    on the size at which pictures were read, so a teacher and a student of another size hold out the same pictures.
    """
    order = np.lexsort((examples.ids[:, 1], examples.ids[:, 0], group_of))
    _, first = np.unique(group_of[order], return_index=True)
    return examples.ids[order[first]]


def _groups(copy_of: npt.NDArray[np.int64], groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """The group of each distinct example. Groups that share one (the same picture in both) are one group."""
    _, named = np.unique(np.array(groups), return_inverse=True)
    copies = int(copy_of.max()) + 1
    size = copies + int(named.max()) + 1
    links = coo_array((np.ones(len(copy_of)), (copy_of, copies + named)), shape=(size, size))
    found = connected_components(links, directed=False)[1][:copies]
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _counts(group_of: npt.NDArray[np.int64], strata: npt.NDArray[np.int64]) -> Counts:
    """How many distinct examples of each stratum are in each group, ``[groups, strata]``."""
    _, stratum_of = np.unique(strata, return_inverse=True)
    counts = np.zeros((int(group_of.max()) + 1, int(stratum_of.max()) + 1), dtype=np.int64)
    np.add.at(counts, (group_of, stratum_of), 1)
    return counts


def _deal_groups(
    counts: Counts, shares: npt.NDArray[np.float64], ranks: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The number of each group's part; the last part is what is left out.

    A group with counts ``c_s`` goes to the part with the largest ``sum_s c_s (t_s - h_s) / n_s``, where the part wants
    ``t_s`` of the ``n_s`` examples of a stratum and has ``h_s``: there the sum of squared differences, each stratum
    weighted by ``1 / n_s``, falls most.
    """
    total = counts.sum(0)
    wanted = shares[:, None] * total
    missing = wanted.copy()
    part_of = np.zeros(len(counts), dtype=np.int64)
    for group in np.argsort(ranks):
        gain = (missing * (counts[group] / total)).sum(1)
        part_of[group] = int(np.where(shares > 0, gain, -np.inf).argmax())
        missing[part_of[group]] -= counts[group]
    return part_of


def apportion(weights: npt.NDArray[np.float64], seats: int) -> Counts:
    """Divide ``seats`` in proportion to ``weights`` by largest remainder (Hamilton's method); ties go to the first.

    >>> apportion(np.array([5.0, 3.0, 2.0]), 4).tolist()
    [2, 1, 1]
    """
    quotas = weights * (seats / weights.sum())
    counts: Counts = np.floor(quotas + 1e-9).astype(np.int64)  # 0.7 * 10 is 7, whatever binary fractions say
    order = np.argsort(counts - quotas, kind="stable")
    counts[order[: seats - int(counts.sum())]] += 1
    return counts


def _shares(fractions: Sequence[float]) -> npt.NDArray[np.float64]:
    shares = np.asarray(fractions, dtype=np.float64)
    rest = 1.0 - float(shares.sum())
    if not (shares.size and np.isfinite(shares).all() and (shares > 0).all() and rest > -1e-9):
        raise InputError(
            "these fractions cannot split anything",
            expected="positive numbers that sum to at most 1",
            received=", ".join(map(str, fractions)) or "none",
        )
    return np.append(shares, 0.0 if math.isclose(rest, 0.0, abs_tol=1e-9) else rest)


def _strata(examples: Examples, group_of: npt.NDArray[np.int64], groups: int) -> npt.NDArray[np.int64]:
    """The stratum of each group: the greatest label among its copies, so that a known label beats an unknown one."""
    strata = np.full(groups, UNLABELLED, dtype=np.int64)
    if examples.labels is not None:
        np.maximum.at(strata, group_of, examples.strata.cpu().numpy())
    return strata


def _ranks(ids: Ids, seed: int) -> npt.NDArray[np.int64]:
    """The rank of each group in the shuffle of this seed; equal hashes (unlikely) are ordered by id."""
    words = Draws(ids, np.full(len(ids), seed % 2**64, dtype=np.uint64), "split").bits()
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[np.lexsort((ids[:, 1], ids[:, 0], words))] = np.arange(len(ids))
    return ranks


def _deal(strata: npt.NDArray[np.int64], sizes: Counts, ranks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The number of each group's part; the number after the last part means left out."""
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    decks = [group[np.argsort(ranks[group])] for group in members]
    part_of = np.full(len(strata), len(sizes), dtype=np.int64)
    dealt = np.zeros(len(decks), dtype=np.int64)
    for part, size in enumerate(sizes.tolist()):
        left = np.array([len(deck) for deck in decks]) - dealt
        for stratum, take in enumerate(apportion(left.astype(np.float64), size).tolist()):
            part_of[decks[stratum][dealt[stratum] : dealt[stratum] + take]] = part
            dealt[stratum] += take
    return part_of
