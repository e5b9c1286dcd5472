"""The index of keys against a dictionary."""

import numpy as np
import pytest

from joryu.examples import Ids
from joryu.targets import index as index_module
from joryu.targets.index import KeyIndex, Rows, Seeds, hash_keys


def build(ids: Ids, views: Seeds) -> KeyIndex:
    def keys(rows: Rows) -> tuple[Ids, Seeds]:
        return ids[rows], views[rows]

    return KeyIndex(ids, views, keys)


def some_keys(n: int, seed: int, *, span: int = 2**64) -> tuple[Ids, Seeds]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, span, (n, 2), dtype=np.uint64), rng.integers(0, 3, n, dtype=np.uint64)


def by_dictionary(ids: Ids, views: Seeds) -> dict[tuple[int, int, int], int]:
    rows: dict[tuple[int, int, int], int] = {}
    for row, key in enumerate(zip(ids[:, 0].tolist(), ids[:, 1].tolist(), views.tolist(), strict=True)):
        rows.setdefault(key, row)
    return rows


@pytest.mark.parametrize("colliding", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_a_dictionary(seed: int, colliding: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if colliding:  # five hashes for all keys: every answer rests on comparing the keys themselves
        real = hash_keys
        monkeypatch.setattr(index_module, "hash_keys", lambda ids, views: real(ids, views) % np.uint64(5))
    ids, views = some_keys(300, seed, span=6)  # 108 possible keys: full of duplicates
    asked_ids, asked_views = some_keys(200, seed + 100, span=8)
    expected = by_dictionary(ids, views)
    index = build(ids, views)
    found = index.find(asked_ids, asked_views)
    asked = zip(asked_ids[:, 0].tolist(), asked_ids[:, 1].tolist(), asked_views.tolist(), strict=True)
    assert found.tolist() == [expected.get(key, -1) for key in asked]
    assert len(index) == len(expected)
    assert sorted(set(range(300)) - set(index.redundant.tolist())) == sorted(expected.values())


def test_an_empty_index_and_an_empty_question() -> None:
    ids, views = some_keys(5, 0)
    assert build(ids[:0], views[:0]).find(ids, views).tolist() == [-1] * 5
    assert build(ids, views).find(ids[:0], views[:0]).tolist() == []


def test_keys_that_differ_in_one_word_hash_apart() -> None:
    ids = np.array([[1, 2], [2, 1], [1, 2], [0, 2], [1, 0]], dtype=np.uint64)
    views = np.array([0, 0, 1, 0, 0], dtype=np.uint64)
    assert len(np.unique(hash_keys(ids, views))) == 5
