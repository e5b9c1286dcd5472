"""Ids that are those of the files: of every size, of copies in other files, of a project; and files that change."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import flat, noise, save, write_files, write_parquet
from PIL import Image

from joryu.annotations import picture_key
from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, load_examples, originals, prepared, split_examples
from joryu.examples.loading import load_prepared_table
from joryu.examples.pictures import Picture, read_pictures
from joryu.examples.preparation import PicturePreparation
from joryu.examples.repeats import find_copies, find_repeats
from joryu.targets.failures import id_to_hex

SMALL = PicturePreparation(channels=3, height=8, width=8)


def a_folder(root: Path, n: int = 4) -> str:
    files = {f"{'ab'[at % 2]}/{at}.png": save(noise(16, 16, seed=at), "PNG") for at in range(n)}
    return f"folder:{write_files(root, files)}"


def hexes(examples: Examples) -> list[str]:
    return [id_to_hex(one) for one in examples.ids]


def test_an_id_is_the_first_half_of_the_projects_key(tmp_path: Path) -> None:
    examples = load_examples(a_folder(tmp_path))
    assert examples.sources is not None
    assert hexes(examples) == [picture_key(tmp_path / name)[:32] for name in examples.sources]


def test_what_lies_in_no_file_is_known_by_its_row_at_every_size() -> None:
    digits, large = load_examples("digits"), load_examples("digits", size=16)
    assert np.array_equal(digits.ids, large.ids)
    assert np.array_equal(digits.ids, digits.pixel_ids)
    assert not (large.ids == large.pixel_ids).any()
    assert digits.keyed_by == "row"
    with pytest.raises(InputError, match="digits has no original files"):
        digits.encoded([0])
    with pytest.raises(InputError, match=r"no original files to be read again.*try --size 16"):
        prepared(digits, large.preparation)


def test_the_same_picture_as_png_and_bmp_goes_to_one_part(tmp_path: Path) -> None:
    pictures = {f"{at:02}": noise(8, 8, seed=at) for at in range(20)}
    files = {f"a/{name}.png": save(one, "PNG") for name, one in pictures.items()}
    files |= {f"b/{name}.bmp": save(one, "BMP") for name, one in pictures.items()}
    examples = load_examples(f"folder:{write_files(tmp_path, files)}")
    assert len({one.tobytes() for one in examples.ids}) == 40
    for seed in range(3):
        parts = split_examples(examples, (0.5, 0.5), seed=seed)
        names = [sorted(Path(name).stem for name in part.sources or ()) for part in parts]
        assert [len(part) for part in parts] == [20, 20]
        assert all(one[::2] == one[1::2] for one in names)
    assert find_copies(examples).same.tolist() == list(range(20, 40))
    png, bmp = (examples.select(range(start, start + 20)) for start in (0, 20))
    assert find_repeats(bmp, png).same_as.tolist() == list(range(20))


def test_teacher_and_student_of_other_sizes_hold_out_the_same_pictures(tmp_path: Path) -> None:
    spec = a_folder(tmp_path, 30)
    large, small = load_examples(spec), load_examples(spec, size=8)
    for seed in range(3):
        one, other = (split_examples(part, (0.7, 0.3), seed=seed) for part in (large, small))
        assert [part.sources for part in one] == [part.sources for part in other]
    found = find_repeats(small.select([4, 2]), large)
    assert found.same_as.tolist() == [4, 2]


def test_examples_by_their_pixels_are_what_they_were_before() -> None:
    large = load_examples("digits", size=16)
    again = Examples.of(large.inputs, large.labels, question=large.question, name="digits")
    assert np.array_equal(large.by_pixels().ids, again.ids)


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_file_that_changed_since_is_one_clear_line(harm: str, tmp_path: Path) -> None:
    examples = load_examples(a_folder(tmp_path))
    assert examples.sources is not None
    path = tmp_path / examples.sources[2]
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(flat(3))
    said = {
        "changed": r"png has changed since the examples were read \(expected SHA-256 ",
        "gone": "cannot be read any",
    }
    with pytest.raises(InputError, match=said[harm]) as caught:
        examples.encoded([0, 2])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=said[harm]):
        prepared(examples, SMALL)
    assert len(examples.encoded([0, 1, 3])) == 3


def test_original_bytes_are_those_of_row_numbers_and_a_mask_is_refused(tmp_path: Path) -> None:
    examples = load_examples(a_folder(tmp_path))
    contents = [(tmp_path / name).read_bytes() for name in examples.sources or ()]
    assert examples.encoded(torch.tensor([-1, 0])) == [contents[-1], contents[0]]
    assert examples.encoded([]) == []
    for mask in (torch.tensor([False, False, True, True]), [True, False, True, False]):
        with pytest.raises(InputError, match=r"chosen by number .*a mask of booleans"):
            examples.encoded(mask)


def test_a_parquet_file_that_changed_since_names_the_row(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "train.parquet", [flat(at) for at in range(7)], list(range(7)))
    examples = load_examples(f"parquet:{path}")
    assert examples.encoded([6, 0]) == [flat(6), flat(0)]
    again = load_examples(f"parquet:{path}")
    write_parquet(path, [flat(at) for at in (0, 1, 2, 3, 9, 5, 6)], list(range(7)))
    with pytest.raises(InputError, match=r"train.parquet#4 has changed since"):
        again.encoded([4])
    write_parquet(path, [flat(0)], [0])
    shorter = load_examples(f"parquet:{path}")
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"train.parquet#0 cannot be read any more"):
        shorter.encoded([0])


def test_a_column_is_read_once_however_many_threads_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [flat(at) for at in range(8)]
    path = write_parquet(tmp_path / "train.parquet", contents, [0, 1] * 4)
    for one in vars(originals.ParquetPictures).values():
        if isinstance(one, cached_property):
            monkeypatch.setattr(one, "lock", nullcontext(), raising=False)  # as it is since Python 3.12
    honest, read = originals._pictures, list[Path]()

    def slowly(path: Path, column: str) -> object:
        read.append(path)
        time.sleep(0.05)
        return honest(path, column)

    monkeypatch.setattr(originals, "_pictures", slowly)
    shelf = originals.ParquetPictures([path], [8], "image")
    with ThreadPoolExecutor(max_workers=8) as pool:
        assert list(pool.map(shelf.read, range(8))) == contents
    assert read == [path]


def test_a_file_that_changes_while_it_is_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = a_folder(tmp_path)
    before = os.fstat

    def touched(descriptor: int) -> os.stat_result:
        found = before(descriptor)
        if found.st_size == (tmp_path / "a" / "2.png").stat().st_size:
            os.utime(tmp_path / "a" / "2.png", ns=(0, found.st_mtime_ns + 1))
        return found

    monkeypatch.setattr("joryu.examples.picture._AT_ONCE", 0)  # as if it were too large to be read at once
    monkeypatch.setattr("joryu.examples.pictures.os.fstat", touched)
    examples = load_examples(spec)
    assert ("a/2.png", "changed while it was read") in examples.rejected
    assert len(examples) == 4 - len(examples.rejected)


def test_a_large_file_is_read_to_its_end_only_if_it_is_a_picture(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.truncate(2**40)  # a terabyte of nothing: reading it would take minutes
    good = tmp_path / "good.png"
    good.write_bytes(flat(1))
    read = read_pictures([Picture("film", film), Picture("good", good)], 2)
    assert [name for name, _ in read.rejected] == ["film"]


def test_a_picture_too_large_to_be_read_at_once_has_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = a_folder(tmp_path)
    at_once = load_examples(spec)
    monkeypatch.setattr("joryu.examples.picture._AT_ONCE", 0)
    assert np.array_equal(load_examples(spec).ids, at_once.ids)
    assert torch.equal(load_examples(spec, size=8).inputs, prepared(at_once, SMALL).inputs)


def test_pictures_of_another_shape_than_square_are_prepared_too(tmp_path: Path) -> None:
    whole = load_examples(a_folder(tmp_path))
    wide = prepared(whole, PicturePreparation(channels=1, height=6, width=12))
    assert wide.inputs.shape == (4, 1, 6, 12)
    back = prepared(wide, whole.preparation)
    assert torch.equal(back.inputs, whole.inputs)
    assert prepared(whole, None) is whole


def test_a_table_is_no_picture() -> None:
    table, digits = load_examples("table:iris"), load_examples("digits")
    with pytest.raises(MismatchError, match=r"iris cannot be prepared like this .*pictures of 8×8.*rows of numbers"):
        prepared(table, digits.preparation)
    with pytest.raises(
        MismatchError, match=r"digits cannot be prepared like this .*rows of a table.*received pictures"
    ):
        prepared(digits, load_prepared_table("table:iris").preparation)


def test_a_grey_picture_is_read_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    path.write_bytes(save(Image.new("L", (8, 8), 7), "PNG"))
    assert PicturePreparation(channels=1, height=8, width=8).read(path).tolist() == [[[7] * 8] * 8]
