"""What every source of examples keeps to, whatever it reads: a row in `SOURCES` for each."""

from __future__ import annotations

import hashlib
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
from joryu.examples import Examples, load_examples, prepared
from joryu.examples.loading import split_names
from joryu.examples.screened import Filter, write_filter
from joryu.questions import codec
from joryu.targets.failures import id_to_hex

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


def _named(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    for at in rows:
        _put(root / split / f"{at}.png", _picture(at))
    if labelled:
        lines = [f"{split}/{at}.png,{'ab'[at % 2]}" for at in rows]
        _put(root / f"{split}.csv", "\n".join(["file,label", *lines]).encode())
    return f"folder:{root}"


def _parquet(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    root.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array([{"bytes": _picture(at), "path": None} for at in rows], kind)}
    columns["label"] = pa.array([at % 2 if labelled else -1 for at in rows])
    pq.write_table(pa.table(columns), root / f"{split}.parquet")
    return f"parquet:{root}"


def _paths(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    for at in rows:
        _put(root / "pictures" / f"{at}.png", _picture(at))
    columns = {"image": [f"pictures/{at}.png" for at in rows], "label": [at % 2 if labelled else -1 for at in rows]}
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


def _runs(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    for at in rows:
        _put(root / split / "images" / f"{at}.png", _picture(at))
    if labelled:
        lines = [f"{at},{at + 1} 3 {at + 30} 5" for at in rows]
        _put(root / f"{split}.csv", "\n".join(["id,rle_mask", *lines]).encode())
    return f"pairs:{root}"


def _arrays(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    masks = {}
    for at in rows:
        _put(root / split / "images" / f"{at}.png", _picture(at))
        masks[f"{at}"] = np.random.default_rng(100 + at).integers(0, 3, (8, 8))
    if labelled:
        np.savez(root / split / "masks.npz", **masks)
    return f"pairs:{root}"


def _screened(root: Path, split: str, rows: list[int], labelled: bool) -> str:
    """A folder with one more picture in each split, which a filter leaves out."""
    spec = _folder(root, split, [*rows, 90, 91], labelled)
    out = {hashlib.sha256(_picture(at)).hexdigest()[:32]: "planted" for at in (90, 91)}
    write_filter(
        root.parent / f"{root.name}.json",
        Filter(examples=spec, typed_in=None, left_out=out, once={}),
        names={},
        settings={},
    )
    return f"screened:{root.parent}/{root.name}.json"


Make = Callable[[Path, str, list[int], bool], str]
"""Writes the rows of a split, with labels or without, below a folder; returns the spec of the whole set."""

SOURCES: dict[str, Make] = {
    "folder": _folder, "folder with a table": _named, "parquet": _parquet,
    "parquet of paths": _paths, "table": _table, "pairs": _pairs,
    "pairs with run lengths": _runs, "pairs with arrays": _arrays, "screened": _screened,
}  # fmt: skip
PICTURES = {name: make for name, make in SOURCES.items() if make is not _table}
FILES = {name: make for name, make in PICTURES.items() if make not in (_parquet, _paths)}
source = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
of_pictures = pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
with_files = pytest.mark.parametrize("make", FILES.values(), ids=FILES)
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


@of_pictures
def test_a_picture_has_the_id_of_its_bytes_at_every_size(make: Make, tmp_path: Path) -> None:
    spec = make(tmp_path / "set", "train", ROWS, True)
    whole, small = load_examples(spec), load_examples(spec, size=4)
    assert np.array_equal(whole.ids, small.ids)
    assert not (whole.pixel_ids == small.pixel_ids).any()
    assert whole.fingerprint == small.fingerprint
    assert {id_to_hex(one) for one in whole.ids} == {hashlib.sha256(_picture(at)).hexdigest()[:32] for at in ROWS}


@of_pictures
def test_the_original_bytes_are_those_of_the_id(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "set", "test", [20, 21], True)
    spec = make(tmp_path / "set", "train", ROWS, True)
    for examples in (load_examples(spec, size=4), load_examples(spec, split="all").select([7, 2, 0, 2])):
        contents = examples.encoded(range(len(examples)))
        assert [hashlib.sha256(content).hexdigest()[:32] for content in contents] == [
            id_to_hex(one) for one in examples.ids
        ]
        assert examples.keyed_by == "bytes"


@of_pictures
def test_prepared_examples_are_those_that_are_read_at_this_size(make: Make, tmp_path: Path) -> None:
    spec = make(tmp_path / "set", "train", ROWS, True)
    read = load_examples(spec, size=4).hide_labels(torch.tensor([1]))
    whole = load_examples(spec)
    if read.question is not None and read.question.grid:
        with pytest.raises(InputError, match=r"asked for each pixel.*expected 4×4.*try --size 4"):
            prepared(whole, read.preparation)
        return
    found = prepared(whole.hide_labels(torch.tensor([1])).select([5, 1, 1]), read.preparation)
    expected = read.select([5, 1, 1])
    assert torch.equal(found.inputs, expected.inputs)
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(found.pixel_ids, expected.pixel_ids)
    assert torch.equal(found.labels_or_empty, expected.labels_or_empty)
    assert (found.sources, found.preparation) == (expected.sources, expected.preparation)


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
