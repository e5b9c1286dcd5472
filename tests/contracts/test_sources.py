"""What every source of examples keeps to, whatever it reads: a row in `SOURCES` for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from joryu.errors import InputError
from joryu.examples import Examples, load_examples
from joryu.examples.loading import split_names
from joryu.questions import codec

N = 6


def _picture(at: int, size: int = 8) -> bytes:
    pixels = np.random.default_rng(at).integers(0, 256, (size, size), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _mask(at: int) -> bytes:
    values = (np.random.default_rng(100 + at).integers(0, 2, (8, 8)) * 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _folder(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    for at in rows:
        name = f"{'ab'[at % 2]}/{at}.png" if labelled else f"{at}.png"
        _put(root / split / name, _picture(at))
    return f"folder:{root}"


def _parquet(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    root.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array([{"bytes": _picture(at), "path": None} for at in rows], kind)}
    columns["label"] = pa.array([at % 2 if labelled else -1 for at in rows])
    pq.write_table(pa.table(columns), root / f"{split}.parquet")
    return f"parquet:{root}"


def _table(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    header = "size,colour,kind" if labelled else "size,colour"
    rows_of = [f"{at}.5,{'red' if at % 3 else 'blue'}" + (f",{'ab'[at % 2]}" if labelled else "") for at in rows]
    _put(root / f"{split}.csv", "\n".join([header, *rows_of]).encode())
    return f"table:{root},target=kind"


def _pairs(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    for at in rows:
        _put(root / split / "images" / f"{at}.png", _picture(at))
        if labelled:
            _put(root / split / "masks" / f"{at}.png", _mask(at))
    return f"pairs:{root}"


Make = Callable[[Path, str, list[int], bool], str]
"""Writes the rows of a split, with labels or without, below a folder; returns the spec of the whole set."""

SOURCES: dict[str, Make] = {"folder": _folder, "parquet": _parquet, "table": _table, "pairs": _pairs}
source = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
with_files = pytest.mark.parametrize("make", [_folder, _pairs], ids=["folder", "pairs"])
ROWS = list(range(N))


def words(examples: Examples) -> set[bytes]:
    return {row.tobytes() for row in examples.ids}


@source
def test_labels_are_what_the_question_takes(make: Make, tmp_path: Path) -> None:
    examples = load_examples(make(tmp_path / "set", "train", ROWS, True))
    assert len(examples) == N
    assert examples.labels is not None
    assert bool(examples.known.all())
    assert examples.question is not None
    assert examples.question.labels is not None
    checked = codec(examples.question.labels).check(
        examples.labels, len(examples.question), len(examples.question.grid)
    )
    assert torch.equal(checked, examples.labels)
    assert examples.labels.dtype == checked.dtype


@source
def test_ids_are_of_the_content_whatever_order_and_split_it_lies_in(make: Make, tmp_path: Path) -> None:
    one = load_examples(make(tmp_path / "one", "train", ROWS, True))
    make(tmp_path / "two", "test", ROWS[::2], True)
    spec = make(tmp_path / "two", "train", ROWS[::-1], True)
    assert len(words(one)) == N
    assert words(load_examples(spec)) == words(one)
    part = load_examples(spec, split="test")
    assert len(part) == len(ROWS[::2])
    assert words(part) < words(one)
    same = load_examples(make(tmp_path / "elsewhere", "train", ROWS, True))
    assert np.array_equal(same.ids, one.ids)


@source
def test_a_split_without_labels_asks_what_train_asks(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "set", "test", [20, 21], False)
    spec = make(tmp_path / "set", "train", ROWS, True)
    train, test = load_examples(spec), load_examples(spec, split="test")
    assert split_names(spec) == ("train", "test")
    assert not bool(test.known.any())
    assert test.question == train.question
    assert test.inputs.shape[1:] == train.inputs.shape[1:]
    assert test.inputs.dtype == train.inputs.dtype


@source
def test_a_split_that_is_not_there_is_named_with_those_that_are(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "set", "test", ROWS[:2], True)
    spec = make(tmp_path / "set", "train", ROWS, True)
    with pytest.raises(InputError, match=r"has no split 'extra' .expected train or test.; try --split train"):
        load_examples(spec, split="extra")


@source
def test_each_example_has_a_source_of_its_own(make: Make, tmp_path: Path) -> None:
    examples = load_examples(make(tmp_path / "set", "train", ROWS, True))
    assert examples.sources is not None
    assert len(set(examples.sources)) == N
    assert examples.select([3]).sources == (examples.sources[3],)


@with_files
def test_a_file_that_cannot_be_used_is_named_and_left_out(make: Make, tmp_path: Path) -> None:
    spec = make(tmp_path / "set", "train", ROWS, True)
    whole = load_examples(spec)
    broken = next(path for path in sorted((tmp_path / "set").rglob("3.png")) if "masks" not in path.parts)
    broken.write_bytes(broken.read_bytes()[:60])
    examples = load_examples(spec)
    assert len(examples) == N - 1
    assert words(examples) < words(whole)
    assert any(one.name.endswith("3.png") and one.reason.startswith("damaged") for one in examples.rejected)


@source
@pytest.mark.parametrize("harm", ["gone", "empty", "a file"])
def test_an_error_is_one_line(make: Make, harm: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    spec = make(root, "train", ROWS, True)
    shutil.rmtree(root)
    if harm == "empty":
        root.mkdir()
    elif harm == "a file":
        root.write_bytes(os.urandom(64))
    with pytest.raises(InputError) as caught:
        load_examples(spec)
    assert "\n" not in str(caught.value)
    assert str(root) in str(caught.value)
