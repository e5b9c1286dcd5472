"""Many pictures to one array: order, shapes, colour, and what is left out."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from picture_files import noise, save
from PIL import Image, ImageFile

from joryu.errors import InputError
from joryu.examples.decoding import decode_picture
from joryu.examples.pictures import Picture, read_pictures, resize_pixels


def flat(value: int, width: int = 4, height: int = 3, mode: str = "L") -> bytes:
    return save(Image.new(mode, (width, height), value if mode == "L" else (value, 0, 0)), "PNG")


def named(contents: list[bytes]) -> list[Picture]:
    return [Picture(f"p{i}", content) for i, content in enumerate(contents)]


def test_pictures_keep_their_order_over_many_batches() -> None:
    contents = [flat(i % 256) for i in range(600)]
    read = read_pictures(named(contents), 600)
    assert read.pixels.shape == (600, 1, 3, 4)
    assert read.pixels[:, 0, 0, 0].tolist() == [i % 256 for i in range(600)]
    assert read.kept.tolist() == list(range(600))


def test_what_cannot_be_used_is_named_and_left_out(broken: dict[str, tuple[bytes, str]]) -> None:
    files = [Picture("first", flat(1)), *(Picture(name, content) for name, (content, _) in broken.items())]
    read = read_pictures([*files, Picture("last", flat(2))], len(files) + 1)
    assert read.kept.tolist() == [0, len(files)]
    assert read.pixels[:, 0, 0, 0].tolist() == [1, 2]
    assert [name for name, _ in read.rejected] == list(broken)
    assert all(reason for _, reason in read.rejected)


@pytest.mark.parametrize("colour_first", [True, False])
def test_grey_becomes_rgb_if_any_is_coloured(colour_first: bool) -> None:
    contents = [flat(7, mode="RGB"), flat(9)]
    read = read_pictures(named(contents if colour_first else contents[::-1]), 2)
    assert read.pixels.shape == (2, 3, 3, 4)
    assert sorted(read.pixels[:, :, 0, 0].tolist()) == [[7, 0, 0], [9, 9, 9]]


def test_a_rejected_colour_picture_does_not_make_the_others_rgb() -> None:
    coloured = save(noise(40, 30), "JPEG")
    read = read_pictures(named([flat(1), coloured[: len(coloured) // 2]]), 2)
    assert read.pixels.shape == (1, 1, 3, 4)


def test_sizes_that_differ_are_refused_by_name() -> None:
    says = r"pictures differ in size \(expected 4×3 as in p1; received 6×5 in p2\); try --size 5"
    with pytest.raises(InputError, match=says):
        read_pictures(named([b"", flat(1), flat(1, 6, 5), flat(1, 9, 9)]), 4)


def test_sizes_that_differ_are_fitted_to_a_size() -> None:
    contents = [flat(1), flat(2, 30, 50), flat(3, 8, 8)]
    read = read_pictures(named(contents), 3, size=8)
    assert read.pixels.shape == (3, 1, 8, 8)
    assert read.pixels.reshape(3, -1).max(1).tolist() == read.pixels.reshape(3, -1).min(1).tolist() == [1, 2, 3]


def test_pictures_that_are_not_square_may_stay_so() -> None:
    assert read_pictures(named([flat(1), flat(2)]), 2).pixels.shape == (2, 1, 3, 4)


def test_nothing_usable_says_why() -> None:
    with pytest.raises(InputError, match=r"none of 2 files is a usable picture \(received p0: empty file\)"):
        read_pictures(named([b"", b"x"]), 2)


def test_what_does_not_fit_in_memory_is_refused_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.__getitem__)
    with pytest.raises(InputError, match=r"2,000,000 pictures of 4×3 do not fit.*received 0\.1 GiB\); try a smaller"):
        read_pictures(named([flat(1)]), 2_000_000)


def test_progress_counts_every_picture() -> None:
    seen: list[tuple[int, int, str]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total, threading.current_thread().name))

    read_pictures(named([flat(1)] * 300 + [b""]), 301, progress=progress)
    assert [(done, total) for done, total, _ in seen] == [(256, 301), (301, 301)]
    assert {thread for *_, thread in seen} == {threading.current_thread().name}


def test_half_a_picture_is_refused_even_where_another_library_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    jpeg = save(noise(40, 30), "JPEG")
    read = read_pictures(named([jpeg, jpeg[: len(jpeg) // 2]]), 2)
    assert read.kept.tolist() == [0]
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_files_and_bytes_are_read_alike(tmp_path: Path) -> None:
    content = save(noise(9, 7), "PNG")
    (tmp_path / "a.png").write_bytes(content)
    read = read_pictures([Picture("a", tmp_path / "a.png"), Picture("b", content)], 2)
    assert np.array_equal(read.pixels[0], read.pixels[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_in_memory_are_fitted_as_files_are(channels: int) -> None:
    pictures = [noise(30, 20, channels, seed) for seed in range(3)]
    pixels = np.stack([decode_picture(save(picture, "PNG")) for picture in pictures])
    expected = np.stack([decode_picture(save(picture, "PNG"), size=12) for picture in pictures])
    assert np.array_equal(resize_pixels(pixels, 12), expected)
    assert resize_pixels(pixels, None) is pixels


def test_pixels_that_would_not_fit_in_memory_are_refused() -> None:
    with pytest.raises(InputError, match=r"do not fit in memory .*--size"):
        resize_pixels(np.zeros((2, 1, 8, 8), dtype=np.uint8), 10_000_000)


def test_the_size_in_the_file_is_told_whatever_size_is_read() -> None:
    wide, exif = noise(90, 40), Image.Exif()
    exif[0x0112] = 6  # lying on its side
    files = [save(wide, "PNG"), save(wide, "JPEG", exif=exif), b"none", save(noise(1200, 1000), "JPEG")]
    read = read_pictures(named(files), 4, size=16)
    assert read.sizes.tolist() == [[90, 40], [40, 90], [1200, 1000]]
    assert read.pixels.shape[2:] == (16, 16)
