"""Merging shards: fewer files, the same rows, whenever it is killed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.errors import InputError
from joryu.examples import Ids
from joryu.targets import Manifest, SoftTargets, Store, StoreWriter
from joryu.targets.compaction import merge_shards

MakeManifest = Callable[..., Manifest]
MakeIds = Callable[..., Ids]
MakeAnswers = Callable[..., SoftTargets]

N, PER_SHARD = 40, 5

pytestmark = pytest.mark.usefixtures("spare_the_disk")


class KilledError(Exception):
    """Stands for SIGKILL at one exact place."""


@pytest.fixture
def ids(make_ids: MakeIds) -> Ids:
    return make_ids(N)


@pytest.fixture
def folder(tmp_path: Path, make_manifest: MakeManifest, make_answers: MakeAnswers, ids: Ids) -> Path:
    """Eight shards of five, the last of which repeats the keys of the first with other answers."""
    answers = make_answers(N)
    with StoreWriter(tmp_path, make_manifest()) as writer:
        for start in range(0, N, PER_SHARD):
            source = start % (N - PER_SHARD)
            part = answers.select(slice(start, start + PER_SHARD))
            writer.add(ids[source : source + PER_SHARD], np.zeros(PER_SHARD, dtype=np.uint64), part)
            writer.flush()
    return tmp_path


def content(folder: Path, ids: Ids) -> torch.Tensor:
    store = Store.open(folder)
    assert len(store) == N - PER_SHARD
    return store.gather(store.rows(ids[: N - PER_SHARD], 0)).values


def test_many_become_one_and_the_first_of_two_answers_wins(folder: Path, ids: Ids) -> None:
    before, store = content(folder, ids), Store.open(folder)
    assert (len(store.shards), store.duplicates) == (8, PER_SHARD)
    assert merge_shards(store)
    merged = Store.open(folder)
    assert (len(merged.shards), merged.duplicates, merged.n_rows) == (1, 0, N - PER_SHARD)
    assert torch.equal(content(folder, ids), before)
    merged.verify_checksums()
    assert not merge_shards(merged)


def test_shards_come_near_the_size_wanted(folder: Path, ids: Ids) -> None:
    before = content(folder, ids)
    merge_shards(Store.open(folder), shard_bytes=3 * PER_SHARD * (24 + 8))
    assert [len(shard) for shard in Store.open(folder).shards] == [15, 15, 5]  # of 15, 15 and 10: five were doubled
    assert torch.equal(content(folder, ids), before)


def test_a_shard_of_nothing_but_repeats_goes_away(folder: Path, ids: Ids) -> None:
    before = content(folder, ids)
    assert merge_shards(Store.open(folder), shard_bytes=1)
    assert len(Store.open(folder).shards) == 7
    assert torch.equal(content(folder, ids), before)


@pytest.mark.parametrize("step", range(8))
def test_killed_anywhere_every_row_is_there_once(
    folder: Path, ids: Ids, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    before = content(folder, ids)
    real_unlink, real_replace, done = Path.unlink, Path.replace, []

    def count() -> None:
        done.append(1)
        if len(done) > step:
            raise KilledError

    def unlink(path: Path, missing_ok: bool = False) -> None:
        count()
        real_unlink(path, missing_ok)

    def replace(path: Path, target: Path) -> Path:
        count()
        return real_replace(path, target)

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(Path, "unlink", unlink)
        patch.setattr(Path, "replace", replace)
        merge_shards(Store.open(folder))
    assert torch.equal(content(folder, ids), before)
    assert Store.open(folder).n_rows == (N if step == 0 else N - PER_SHARD)
    with StoreWriter(folder, Store.open(folder).manifest) as writer:  # the next run tidies up and goes on
        store = writer.compact()
    assert (len(store.shards), store.n_rows) == (1, N - PER_SHARD)
    assert torch.equal(content(folder, ids), before)
    assert len([path for path in folder.iterdir() if "shard" in path.name]) == 1


@pytest.mark.parametrize("column", ["id", "view", "values"])
@pytest.mark.parametrize("which", [0, 3, 7])
def test_a_damaged_shard_is_neither_merged_nor_harms_the_others(folder: Path, column: str, which: int) -> None:
    shard = Store.open(folder).shards[which]
    content = bytearray(shard.path.read_bytes())
    content[content.find(shard.columns[column].tobytes()) + 3] ^= 16
    shard.path.write_bytes(content)
    before = {path.name: path.read_bytes() for path in folder.glob("shard-*")}
    with pytest.raises(InputError, match=f"{shard.path.name} is damaged.*checksum"):
        merge_shards(Store.open(folder))
    assert before == {path.name: path.read_bytes() for path in folder.glob("shard-*")}
