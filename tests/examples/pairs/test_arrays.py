"""Masks as NumPy arrays: a file for each picture, or one archive; never a pickle."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from picture_files import noise, save, write_files

from joryu.errors import InputError
from joryu.examples import Examples, load_examples
from joryu.examples.known import sniff

MASKS = [np.random.default_rng(at).integers(0, 3, (5, 6)).astype(np.uint8) for at in range(4)]


def npy(values: Any, **how: Any) -> bytes:
    file = BytesIO()
    np.save(file, values, **how)
    return file.getvalue()


def npz(**values: Any) -> bytes:
    file = BytesIO()
    np.savez_compressed(file, **values)
    return file.getvalue()


def pictures(n: int = 4) -> dict[str, bytes]:
    return {f"images/p{at}.png": save(noise(6, 5, 1, at), "PNG") for at in range(n)}


def load(root: Path, options: str = "", size: int | None = None) -> Examples:
    return load_examples(f"pairs:{root}{options}", size=size)


PLACES = {
    "npy": {f"masks/p{at}.npy": npy(mask) for at, mask in enumerate(MASKS)},
    "npz": {f"masks/p{at}_mask.npz": npz(mask=mask) for at, mask in enumerate(MASKS)},
    "one channel": {f"masks/p{at}.npy": npy(mask[..., None].astype(np.int64)) for at, mask in enumerate(MASKS)},
    "archive": {"masks.npz": npz(**{f"p{at}": mask for at, mask in enumerate(MASKS)})},
    "archive of file names": {"masks.npz": npz(**{f"p{at}.png": mask for at, mask in enumerate(MASKS)})},
}


@pytest.mark.parametrize("files", PLACES.values(), ids=PLACES)
def test_arrays_are_masks(tmp_path: Path, files: dict[str, bytes]) -> None:
    root = write_files(tmp_path, {**pictures(), **files})
    examples = load(root)
    assert examples.labels_or_empty.dtype == torch.int16
    assert examples.labels_or_empty.tolist() == np.array(MASKS).tolist()
    assert examples.classes == ("0", "1", "2")
    assert sniff(root) == "pairs"
    assert load(root, size=2).labels_or_empty.shape == (4, 2, 2)


def test_an_archive_by_its_name(tmp_path: Path) -> None:
    root = write_files(tmp_path, {**pictures(), "by hand.npz": PLACES["archive"]["masks.npz"]})
    assert len(load(root, ",masks=by hand.npz")) == 4


def test_booleans_are_one_tag_and_a_named_value_is_unknown(tmp_path: Path) -> None:
    files = {f"masks/p{at}.npy": npy(mask > 0) for at, mask in enumerate(MASKS)}
    assert load(write_files(tmp_path / "a", {**pictures(), **files})).classes == ("foreground",)
    signed = [mask.astype(np.int16) - 3 * (mask == 2) for mask in MASKS]
    files = {f"masks/p{at}.npy": npy(mask) for at, mask in enumerate(signed)}
    examples = load(write_files(tmp_path / "b", {**pictures(), **files}), ",ignore=-1")
    assert examples.labels_or_empty[..., 0].tolist() == np.array(signed).tolist()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (npy(np.array([{"a": 1}], dtype=object), allow_pickle=True), r"Python objects \(a pickle\), which are never"),
        (npy(MASKS[1] / 2), r"whole numbers or booleans; received dtype float64"),
        (npy(np.zeros((5, 6, 3), np.uint8)), r"expected \[height, width\]; received shape \[5, 6, 3\].*argmax"),
        (npy(np.zeros((0, 6), np.uint8)), r"received shape \[0, 6\]"),
        (npy(np.full((5, 6), 2**40)), r"numbers of 32 bits"),
        (npy(MASKS[1])[:-7], "not an array that can be read"),
        (b"", "not an array that can be read"),
        (b"\x80\x04K\x01.", r"never loaded"),
        (npy(MASKS[1].T), r"5×6, and its picture 6×5"),
    ],
    ids=["pickle", "fractions", "channels", "empty", "large", "cut off", "nothing", "a bare pickle", "turned"],
)  # fmt: skip
def test_what_is_no_mask_is_named_and_left_out(tmp_path: Path, content: bytes, says: str) -> None:
    files = {**PLACES["npy"], "masks/p1.npy": content}
    examples = load(write_files(tmp_path, {**pictures(), **files}))
    assert examples.sources == ("p0.png", "p2.png", "p3.png")
    (left_out,) = examples.rejected
    assert left_out.name == "masks/p1.npy"
    with pytest.raises(InputError, match=says):
        raise InputError(left_out.reason)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"masks.npz": b"PK\x03\x04 no archive"}, r"masks.npz cannot be read"),
        ({"masks.npz": npy(MASKS[0])}, r"masks.npz cannot be read .*one array"),
        ({"masks.npz": npz(**{"p0": MASKS[0], "p0.png": MASKS[1]})}, r"two masks for one picture .*p0 and p0.png"),
        ({"masks.npz": npz(q=MASKS[0])}, r"no mask in .*masks.npz is called as a picture"),
        ({f"masks/p{at}.npz": npz(a=MASKS[at], b=MASKS[at]) for at in range(4)}, r"several arrays in one file .*a, b"),
    ],
)
def test_archives_that_cannot_be_meant_are_refused(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(write_files(tmp_path, {**pictures(), **files}))
    assert "\n" not in str(caught.value)
