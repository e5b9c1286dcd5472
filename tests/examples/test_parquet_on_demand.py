"""Parquet pictures that are more than is held in memory: copied once, then read one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from picture_files import noise, save, write_files

from joryu.errors import InputError
from joryu.examples import Examples, load_examples, parquet_copy
from joryu.examples.inputs import is_held
from joryu.examples.parquet_columns import ParquetShard
from joryu.examples.parquet_pictures import PictureColumn


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


def of_paths(path: Path, count: int) -> Path:
    """A table that names pictures ``0.png``, ``1.png``, …"""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": [f"{at}.png" for at in range(count)], "label": [at % 2 for at in range(count)]}),
                   path)  # fmt: skip
    return path


def photographs(root: Path, *seeds: int) -> Path:
    return write_files(root, {f"{at}.png": save(noise(20, 20, seed=seed), "PNG") for at, seed in enumerate(seeds)})


def load(
    root: Path | str, monkeypatch: pytest.MonkeyPatch, memory: str = "1K", size: int | None = None
) -> Examples:  # fmt: skip
    monkeypatch.setenv("JORYU_MEMORY", memory)
    return load_examples(f"parquet:{root}", size=size)


def same_as_held(spec: Path | str, monkeypatch: pytest.MonkeyPatch, size: int | None = None) -> Examples:
    """A set that is not held, which is as it is held."""
    lazy, held = load(spec, monkeypatch, size=size), load(spec, monkeypatch, "1GiB", size)
    assert not is_held(lazy.inputs)
    assert torch.equal(lazy.inputs[:], held.inputs[:])
    assert (lazy.ids == held.ids).all()
    assert (lazy.sources, lazy.rejected) == (held.sources, held.rejected)
    assert lazy.encoded(range(len(lazy))) == held.encoded(range(len(held)))
    assert set(held.remarks) <= set(lazy.remarks)
    return lazy


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


def test_pictures_are_read_from_the_root_that_is_named_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy knew neither: of a second root the pictures of the first were read."""
    table = of_paths(tmp_path / "set" / "t.parquet", 3)
    roots = [photographs(tmp_path / name, *seeds) for name, seeds in (("a", (1, 2, 3)), ("b", (4, 5, 6)))]
    one, other = (same_as_held(f"{table},root={root}", monkeypatch) for root in roots)
    assert not (one.ids == other.ids).any()
    photographs(table.parent, 7, 8, 9)
    assert not (same_as_held(table, monkeypatch).ids == other.ids).any()


@pytest.mark.parametrize("spelt", ["a", "a/../a", "link", "a/../link"])
def test_a_root_may_be_spelt_in_several_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelt: str) -> None:
    table = of_paths(tmp_path / "set" / "t.parquet", 3)
    photographs(tmp_path / "a", 1, 2, 3)
    (tmp_path / "link").symlink_to("a")
    load(f"{table},root={tmp_path}/a", monkeypatch, size=20)
    again = same_as_held(f"{table},root={tmp_path}/{spelt}", monkeypatch, size=20)
    assert f"pictures from the files that column image names below {tmp_path}/{spelt}" in again.remarks


def test_files_that_arrive_after_the_copy_was_made_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stayed "not there" for as long as the copy did."""
    root = photographs(tmp_path / "set", 1, 2, 3)
    table = of_paths(root / "t.parquet", 5)
    first = same_as_held(table, monkeypatch)
    assert [one.reason for one in first.rejected] == ["the file 3.png is not there", "the file 4.png is not there"]
    photographs(root, 1, 2, 3, 4, 5)
    (root / "0.png").unlink()
    second = same_as_held(table, monkeypatch)
    assert [one.reason for one in second.rejected] == ["the file 0.png is not there"]
    assert len(second) == 4


def test_a_copy_of_a_set_that_was_named_from_elsewhere_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    of_paths(photographs(tmp_path / "set", 1, 2, 3) / "t.parquet", 3)
    (tmp_path / "one" / "two").mkdir(parents=True)
    for folder, spec in (("one", "../set/t.parquet"), ("one/two", "../../set/t.parquet"), ("set", "t.parquet")):
        monkeypatch.chdir(tmp_path / folder)
        same_as_held(spec, monkeypatch)
    assert len(list(cache.glob("*.json"))) == 1


@pytest.mark.parametrize("stage", range(3))
def test_two_processes_may_copy_a_set_at_once(
    stage: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """The second one took the files from under the first, as both wrote under the same temporary name."""
    path = tmp_path / "train.parquet"
    shard(path, [cell(at) for at in range(4)])
    honest, written = parquet_copy.durable_file, list[Path]()

    def copied() -> parquet_copy.ParquetCopy:
        column = PictureColumn([ParquetShard(path)], "image", tmp_path)
        return parquet_copy.copy_of([path], "image", list("abcd"), column.cells(), None)

    @contextmanager
    def slowly(place: Path) -> Iterator[IO[bytes]]:
        with honest(place) as file:
            yield file
            written.append(place)
            if len(written) == stage + 1:
                with monkeypatch.context() as other_process:
                    other_process.setattr(os, "getpid", os.getppid)
                    copied()

    monkeypatch.setattr(parquet_copy, "durable_file", slowly)
    copy = copied()
    assert len(written) == 6
    assert [copy.stretches.read(at) for at in range(4)] == [cell(at)["bytes"] for at in range(4)]
    assert [file.suffix for file in sorted(cache.iterdir())] == [".bin", ".ends", ".json"]
    monkeypatch.setattr(parquet_copy, "_write", None)
    assert [copied().stretches.read(at) for at in range(4)] == [cell(at)["bytes"] for at in range(4)]
