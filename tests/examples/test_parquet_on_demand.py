"""Parquet pictures that are more than is held in memory: copied once, then read one by one."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from picture_files import noise, save, write_files

from joryu.errors import InputError
from joryu.examples import Examples, load_examples
from joryu.examples.inputs import is_held


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "joryu" / "parquet"


def shard(path: Path, cells: list[dict[str, object] | None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, kind), "label": [at % 2 for at in range(len(cells))]}), path)


def cell(seed: int) -> dict[str, object]:
    return {"bytes": save(noise(10, 10, seed=seed), "PNG"), "path": f"{seed}.png"}


def load(root: Path, monkeypatch: pytest.MonkeyPatch, memory: str) -> Examples:
    monkeypatch.setenv("JORYU_MEMORY", memory)
    return load_examples(f"parquet:{root}")


def test_rows_are_the_same_whether_held_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_files(tmp_path / "set", {"beside.png": save(noise(10, 10, seed=50), "PNG")})
    shard(root / "train-00000-of-00002.parquet", [cell(0), cell(1), None, {"bytes": None, "path": "beside.png"}])
    shard(root / "train-00001-of-00002.parquet", [cell(3), {"bytes": b"no picture", "path": "x"}, cell(4)])
    held, lazy = load(root, monkeypatch, "1GiB"), load(root, monkeypatch, "1K")
    assert is_held(held.inputs)
    assert not is_held(lazy.inputs)
    for examples in (lazy, load(root, monkeypatch, "1K")):  # copied now, and found copied
        assert torch.equal(held.inputs[:], examples.inputs[:])
        assert (held.ids == examples.ids).all()
        assert (held.pixel_ids == examples.pixel_ids).all()
        assert (held.sources, held.rejected) == (examples.sources, examples.rejected)
        assert held.labels is not None
        assert torch.equal(held.labels, examples.labels_or_empty)
        rows = range(len(held))
        assert held.encoded(rows) == examples.encoded(rows)
        assert held.remarks == tuple(one for one in examples.remarks if "decoded" not in one and "copied" not in one)
        assert any("are copied to" in one for one in examples.remarks)


def test_the_copy_is_made_once_and_again_when_the_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    root = tmp_path / "set"
    shard(root / "train.parquet", [cell(at) for at in range(6)])
    first = load(root, monkeypatch, "1K")
    (copy,) = cache.glob("*.bin")
    made = copy.stat().st_mtime_ns
    load(root, monkeypatch, "1K")
    assert copy.stat().st_mtime_ns == made
    shard(root / "train.parquet", [cell(10 + at) for at in range(6)])
    second = load(root, monkeypatch, "1K")
    assert not (first.ids == second.ids).any()
    assert torch.equal(second.inputs[:], load(root, monkeypatch, "1GiB").inputs[:])
    assert [path.suffix for path in sorted(cache.iterdir())] == [".bin", ".ends", ".json"]


@pytest.mark.parametrize("ending", [".bin", ".ends", ".json"])
def test_a_damaged_copy_is_made_again(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    root = tmp_path / "set"
    shard(root / "train.parquet", [cell(at) for at in range(6)])
    first = load(root, monkeypatch, "1K").inputs[:]
    (file,) = cache.glob(f"*{ending}")
    file.write_bytes(file.read_bytes()[:-9])
    assert torch.equal(load(root, monkeypatch, "1K").inputs[:], first)


def test_what_a_killed_copy_left_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    root = tmp_path / "set"
    shard(root / "train.parquet", [cell(at) for at in range(6)])
    load(root, monkeypatch, "1K")
    (copy,) = cache.glob("*.bin")
    ended, running = 2**22 + 1, os.getppid()  # no process has so large a number
    left = [cache / f".{copy.stem}.{ended}.partial", cache / f"{copy.stem}.{ended}"]
    kept = cache / f".{copy.stem}.{running}.partial"
    for path in (*left, kept):
        path.write_bytes(b"half a copy")
    shard(root / "train.parquet", [cell(20 + at) for at in range(6)])
    load(root, monkeypatch, "1K")
    assert not any(path.exists() for path in left)
    assert kept.exists()


def test_no_room_for_a_copy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "set"
    shard(root / "train.parquet", [cell(at) for at in range(6)])
    monkeypatch.setattr("joryu.examples.parquet_copy.SPARE", 2**60)
    with pytest.raises(InputError, match=r"no room to copy them .*GiB free in .*XDG_CACHE_HOME"):
        load(root, monkeypatch, "1K")


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "set"
    shard(root / "train.parquet", [cell(at) for at in range(6)])
    (tmp_path / "cache").write_text("a file where the cache's folder would be")
    with pytest.raises(InputError, match=r"cannot be copied to .*XDG_CACHE_HOME=FOLDER"):
        load(root, monkeypatch, "1K")


def test_a_copy_that_is_cut_off_later_is_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    root = tmp_path / "set"
    shard(root / "train.parquet", [cell(at) for at in range(6)])
    lazy = load(root, monkeypatch, "1K")
    (copy,) = cache.glob("*.bin")
    os.truncate(copy, 10)
    with pytest.raises(InputError, match=r"train.parquet#5 cannot be read any more .*cut off"):
        lazy.inputs[5]


def test_a_file_that_is_read_through_is_not_kept_in_memory(tmp_path: Path) -> None:
    from joryu.examples.parquet_columns import ParquetShard

    shard(tmp_path / "train.parquet", [{"bytes": os.urandom(20_000), "path": None} for _ in range(1500)])
    before, opened = pa.total_allocated_bytes(), ParquetShard(tmp_path / "train.parquet")
    for values in opened.column("image"):
        del values
    assert pa.total_allocated_bytes() - before < 15_000_000  # of thirty million


def test_a_column_of_paths_is_not_said_to_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_files(tmp_path / "set", {f"{at}.png": save(noise(10, 10, seed=at), "PNG") for at in range(4)})
    pq.write_table(pa.table({"image": [f"{at}.png" for at in range(4)]}), root / "train.parquet")
    lazy = load(root, monkeypatch, "1K")
    assert torch.equal(lazy.inputs[:], load(root, monkeypatch, "1GiB").inputs[:])
    assert not any("copied" in one for one in lazy.remarks)
