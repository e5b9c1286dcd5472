"""The open shard against plain concatenation."""

import numpy as np
import pytest

from joryu.targets.encoding import Columns
from joryu.targets.open_shard import OpenShard
from joryu.targets.shards import join_columns


def part(n: int, seed: int = 0, **more: np.ndarray) -> Columns:
    rng = np.random.default_rng(seed)
    return {
        "id": rng.integers(0, 2**64, (n, 2), dtype=np.uint64),
        "view": rng.integers(0, 5, n, dtype=np.uint64),
        "values": rng.normal(size=(n, 3)).astype(np.float16),
    } | more


def same(a: Columns, b: Columns) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("rows", "size"), [(100, 10**6), (4, 10**6), (1, 1), (100, 60)])
def test_it_holds_what_was_appended_however_much_it_was_made_for(rows: int, size: int) -> None:
    shard, parts = OpenShard(rows, size), [part(n, seed) for seed, n in enumerate((3, 1, 7, 0, 20))]
    shard.append(parts[:2])
    for one in parts[2:]:
        shard.append([one])
    assert len(shard) == 31
    assert shard.nbytes == 31 * (16 + 8 + 6)
    assert same(shard.take(), join_columns(parts))


def test_a_column_may_come_and_go() -> None:
    shard = OpenShard(4, 10**6)
    parts = [part(3), part(4, 1, weight=np.full(4, 0.5, np.float32)), part(2, 2)]
    shard.append(parts)
    taken = shard.take()
    assert taken["weight"].tolist() == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 1, 1]
    assert same(taken, join_columns(parts))


def test_what_was_taken_is_not_touched_again() -> None:
    shard = OpenShard(10, 10**6)
    shard.append([part(3)])
    taken = shard.take()
    shard.append([part(3, 1)])
    assert same(taken, part(3)) and len(shard) == 3


def test_a_batch_interrupted_half_way_leaves_no_row() -> None:
    shard = OpenShard(10, 10**6)
    shard.append([part(3)])
    with pytest.raises(ValueError, match="broadcast"):
        shard.append([part(2, 1), part(2, 2, values=np.zeros((2, 5), np.float16))])
    assert len(shard) == 3
    assert same(shard.take(), part(3))
