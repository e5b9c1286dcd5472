"""Tiles of large pictures: what they cover, what they are known by, and that splits keep a picture's together."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from picture_files import noise, save, write_files
from PIL import Image
from pydantic import ValidationError

from joryu.errors import InputError
from joryu.examples import Examples, load_examples, split_examples
from joryu.examples.tiling import TilePreparation


def grey(values: np.ndarray) -> bytes:
    return save(Image.fromarray(values.astype(np.uint8)), "PNG")


SIZES = [(50, 40), (20, 64), (10, 8), (33, 16)]


def mask(at: int) -> np.ndarray:
    width, height = SIZES[at]
    return np.random.default_rng(at).integers(0, 2, (height, width))


def files() -> dict[str, bytes]:
    pictures = {f"images/p{at}.png": save(noise(*size, 1, at), "PNG") for at, size in enumerate(SIZES)}
    return pictures | {f"masks/p{at}.png": grey(mask(at) * 255) for at in range(len(SIZES))}


def load(root: Path, options: str = ",tiles=16,overlap=4", **how: object) -> Examples:
    return load_examples(f"pairs:{root}{options}", **how)  # type: ignore[arg-type]


@given(
    width=st.integers(1, 90), height=st.integers(1, 90), side=st.integers(8, 32), overlap=st.integers(0, 16),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_tiles_cover_a_picture_and_are_joined_to_it_again(
    width: int, height: int, side: int, overlap: int, seed: int
) -> None:
    tiling = TilePreparation(channels=1, height=side, width=side, overlap=min(overlap, side // 2))
    picture = np.random.default_rng(seed).integers(0, 256, (1, height, width), dtype=np.uint8)
    tiles = tiling.cut(picture)
    assert tiles.shape == (len(tiling.corners(width, height)), 1, side, side)
    joined = tiling.joined((torch.from_numpy(tile).float().movedim(0, -1) for tile in tiles), width, height)
    assert torch.allclose(joined[..., 0], torch.from_numpy(picture[0]).float(), atol=1e-3)
    lefts = sorted({corner.left for corner in tiling.corners(width, height)})
    assert all(right - left <= side - tiling.overlap for left, right in itertools.pairwise(lefts))


def test_where_tiles_overlap_the_mean_is_weighted_by_the_distance_to_the_edge() -> None:
    """By hand: tiles of 4 at 0 and 2 share two pixels; the weights there are 2/3 and 1/3, then 1/3 and 2/3."""
    tiling = TilePreparation(channels=1, height=4, width=4, overlap=2)
    said = [torch.full((4, 4, 1), value) for value in (0.0, 3.0)]
    joined = tiling.joined(said, width=6, height=4)
    assert torch.allclose(joined[1, :, 0], torch.tensor([0.0, 0.0, 1.0, 2.0, 3.0, 3.0]))


def test_each_tile_is_an_example_with_its_part_of_the_mask(tmp_path: Path) -> None:
    examples = load(write_files(tmp_path, files()))
    assert examples.inputs.shape[1:] == (1, 16, 16)
    assert examples.remarks[1:] == (
        f"4 pictures cut into {len(examples)} tiles of 16×16",
        "1 of them smaller than a tile: filled up with black, unknown there",
        "groups are the pictures of the tiles, 4 of them; no split parts one",
    )
    at = (examples.sources or ()).index("p0.png[34,24]")
    assert examples.labels_or_empty[at, ..., 0].tolist() == mask(0)[24:40, 34:50].tolist()
    small = examples.labels_or_empty[(examples.sources or ()).index("p2.png[0,0]"), ..., 0]
    assert small[:8, :10].tolist() == mask(2).tolist()
    assert bool((small[8:] == -1).all())
    assert bool((small[:, 10:] == -1).all())
    assert len({row.tobytes() for row in examples.ids}) == len(examples)
    again = load(write_files(tmp_path / "moved" / "elsewhere", files()))
    assert np.array_equal(again.ids, examples.ids)


def test_tiles_of_one_picture_are_in_one_part(tmp_path: Path) -> None:
    examples = load(write_files(tmp_path, files()))
    for seed in range(5):
        one, other = split_examples(examples, (0.5, 0.5), seed=seed)
        pictures = [{source.partition("[")[0] for source in part.sources or ()} for part in (one, other)]
        assert not pictures[0] & pictures[1]


def test_a_table_may_group_pictures_further(tmp_path: Path) -> None:
    table = b"id,patient\np0,a\np1,a\np2,b\np3,c\n"
    examples = load(write_files(tmp_path, {**files(), "who.csv": table}), ",tiles=16,group=who.csv")
    by_picture = {s.partition("[")[0]: g for s, g in zip(examples.sources or (), examples.groups or (), strict=True)}
    assert by_picture == {"p0.png": "a", "p1.png": "a", "p2.png": "b", "p3.png": "c"}


def test_classes_and_tables_of_masks_are_cut_too(tmp_path: Path) -> None:
    root = write_files(tmp_path, {f"images/p{at}.png": files()[f"images/p{at}.png"] for at in range(4)})
    (root / "train.csv").write_text("id,rle\np0,41 3\np1,\np2,1 8\np3,\n")
    examples = load(root)
    at = (examples.sources or ()).index("p0.png[0,0]")
    assert examples.labels_or_empty[at, ..., 0].nonzero().tolist() == [[0, 1], [1, 1], [2, 1]]
    classes = {f"masks/p{at}.png": grey(mask(at) + (mask(at) & (np.arange(mask(at).shape[1]) % 2))) for at in range(4)}
    examples = load(write_files(tmp_path / "classes", {**files(), **classes}))
    assert examples.labels_or_empty.dtype == torch.int16
    assert examples.labels_or_empty.unique().tolist() == [-1, 0, 1, 2]


def test_what_cannot_be_used_is_named_and_left_out(tmp_path: Path) -> None:
    odd = {"masks/p1.png": grey(np.zeros((9, 9))), "images/p3.png": b"x"}
    examples = load(write_files(tmp_path, {**files(), **odd}), ",tiles=16")
    assert {tuple(one) for one in examples.rejected} == {
        ("masks/p1.png", "9×9, and its picture 20×64"), ("p3.png", "not a picture that can be read"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "how", "says"),
    [
        (",tiles=16", {"size": 8}, r"tiles are cut from pictures as large as they are .*expected no --size"),
        (",overlap=4", {}, r"only tiles overlap .*expected tiles=SIDE"),
        (",tiles=big", {}, r"the option tiles cannot be 'big'"),
        (",tiles=4", {}, r"whole pixels, 8 to 8192; received 4"),
        (",tiles=16,overlap=9", {}, r"the option overlap cannot be '9' .*0 to 8"),
    ],
)
def test_tiles_that_cannot_be_meant_are_refused(
    tmp_path: Path, options: str, how: dict[str, int], says: str
) -> None:  # fmt: skip
    with pytest.raises(InputError, match=says):
        load(write_files(tmp_path, files()), options, **how)


def test_sets_of_which_most_cannot_be_used_are_refused(tmp_path: Path) -> None:
    odd = {f"masks/p{at}.png": grey(np.zeros((9, 9))) for at in range(3)}
    with pytest.raises(InputError, match=r"3 of 4 pictures and masks cannot be used .*masks/p0.png: 9×9, and its"):
        load(write_files(tmp_path, {**files(), **odd}))


@pytest.mark.parametrize(("width", "height", "overlap"), [(8, 8, 8), (8, 8, 9), (16, 8, 8), (8, 16, 12)])
def test_tiles_that_would_not_advance_cannot_be_made(width: int, height: int, overlap: int) -> None:
    with pytest.raises(ValidationError, match=f"tiles of {width}×{height} cannot overlap by {overlap} pixels"):
        TilePreparation(channels=1, height=height, width=width, overlap=overlap)
    most = TilePreparation(channels=1, height=height, width=width, overlap=min(width, height) - 1)
    assert len(most.corners(width + 2, height)) == 1 + -(-2 // (width - most.overlap))


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 3))
def test_no_tile_leaves_its_picture_and_no_fewer_would_cover_it(width: int, height: int, overlap: int) -> None:
    tiling = TilePreparation(channels=1, height=8, width=11, overlap=overlap)
    corners = tiling.corners(width, height)
    assert len(set(corners)) == len(corners)
    assert all(0 <= left <= max(0, width - 11) and 0 <= top <= max(0, height - 8) for left, top in corners)
    across, down = (max(1, -(-(side - overlap) // (tile - overlap))) for side, tile in ((width, 11), (height, 8)))
    assert len(corners) == across * down
