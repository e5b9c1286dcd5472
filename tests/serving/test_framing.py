"""A mask lies on the picture: as large as it is, upright, and silent about what the student was not shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from joryu.cli import main
from joryu.examples.preparation import Box, PicturePreparation
from joryu.serving import ClassMask, TagMasks, load
from joryu.serving import framing as module
from joryu.serving.framing import Framing, laid_on
from joryu.serving.watching import Watch

Student = Callable[..., Path]


def itself(probs: Tensor) -> Tensor:
    return probs[..., 0]


def drawn(height: int, width: int, n: int = 1) -> Tensor:
    return torch.rand(height, width, n, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("height", "width"), [(24, 40), (9, 7), (8, 8), (100, 3)])
def test_what_was_seen_whole_is_resized_as_torch_does(height: int, width: int) -> None:
    probs = drawn(8, 8)
    found = laid_on(probs, Framing(width, height, Box(0, 0, width, height)), itself, outside=-1)
    expected = interpolate(probs.permute(2, 0, 1)[None], size=(height, width), mode="bilinear")[0, 0]
    assert torch.allclose(found, expected, atol=1e-6)


def test_what_was_not_seen_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    probs = drawn(4, 4)
    box = Box(6, 0, 18, 12)
    found = laid_on(probs, Framing(24, 12, box), itself, outside=-1)
    expected = interpolate(probs.permute(2, 0, 1)[None], size=(12, 12), mode="bilinear")[0, 0]
    assert torch.allclose(found[:, 6:18], expected, atol=1e-6)
    assert bool((found[:, :6] == -1).all() and (found[:, 18:] == -1).all())
    monkeypatch.setattr(module, "_MOST", 30)  # two rows at a time
    assert torch.equal(laid_on(probs, Framing(24, 12, box), itself, outside=-1), found)


@pytest.mark.parametrize(
    ("shape", "width", "height"), [((8, 8), 40, 20), ((8, 8), 20, 41), ((6, 12), 30, 30), ((12, 6), 31, 20)]
)
def test_the_box_is_what_the_input_is_cut_from(shape: tuple[int, int], width: int, height: int) -> None:
    """White outside of it, a picture comes in without any white but what the filter takes from beyond the edge."""
    preparation = PicturePreparation(channels=1, height=shape[0], width=shape[1])
    left, top, right, bottom = preparation.seen(width, height)
    assert (right - left) / (bottom - top) == pytest.approx(shape[1] / shape[0])
    pixels = np.full((height, width), 255, np.uint8)
    pixels[int(np.floor(top)) : int(np.ceil(bottom)), int(np.floor(left)) : int(np.ceil(right))] = 0
    assert int(preparation.pixels(Image.fromarray(pixels)).max()) < 32
    assert left == 0 or top == 0


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """24×16, and lying on its side in the file."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 16), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "album" / "photograph.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def test_masks_of_a_picture_are_as_large_as_it_is(photograph: Path, student: Student) -> None:
    answer = load(student("masks"), threshold=0.4).predict(photograph)
    assert isinstance(answer, TagMasks)
    assert answer.probs.shape == (8, 8, 2)
    said = answer.to_json()
    assert (said["width"], said["height"], said["seen"]) == (24, 16, [4, 0, 20, 16])
    for at, mask in enumerate(answer.masks().values()):
        assert mask.shape == (16, 24)
        assert mask[:, :4].max() == mask[:, 20:].max() == 0
        whole = interpolate(answer.probs[None, ..., at][None], size=(16, 16), mode="bilinear")[0, 0]
        assert np.array_equal(mask[:, 4:20] == 255, (whole > 0.4).numpy())


def test_a_class_is_unknown_where_nothing_was_seen(photograph: Path, student: Student) -> None:
    answer = load(student("segments")).predict(photograph)
    assert isinstance(answer, ClassMask)
    mask = answer.masks()["classes"]
    assert mask.shape == (16, 24)
    assert set(np.unique(mask[:, :4])) == set(np.unique(mask[:, 20:])) == {255}
    assert mask[:, 4:20].max() < 3
    many = ClassMask(names=tuple(map(str, range(256))), probs=drawn(2, 2, 256), seen=Framing(4, 2, Box(1, 0, 3, 2)))
    found = many.masks()["classes"]
    assert (found.dtype, found[0, 0], found[:, 1:3].max() < 256) == (np.uint16, 65535, True)


def test_masks_of_raw_inputs_are_as_large_as_these(student: Student) -> None:
    (answer,) = load(student("mask")).predict(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))
    assert answer.masks()["salt"].shape == (8, 8)
    assert "seen" not in answer.to_json()


def test_it_is_told_how_much_was_not_seen(
    photograph: Path, student: Student, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def predict(*words: object) -> tuple[str, list[str]]:
        with pytest.raises(SystemExit, match="0"):
            main(["predict", *map(str, words)])
        said = capsys.readouterr()
        return said.out, said.err.splitlines()

    whole, out = tmp_path / "whole.png", tmp_path / "out"
    Image.new("L", (16, 16)).save(whole)
    run = student("mask")
    outside = "masks hold 0 there, those of classes 255 (65535 of more than 255 classes): unknown"
    told, said = predict(run, photograph, "--out", out, "--json")
    assert said == [f"33.3% of {photograph}, beside its middle, was not seen: {outside}"]
    assert json.loads(told)["seen"] == [4, 0, 20, 16]
    with Image.open(out / "photograph.png.mask.png") as mask:
        assert mask.size == (24, 16)
    assert predict(run, photograph, whole)[1] == [
        f"of 1 of 2 pictures only the middle was seen (33.3% of {photograph} was not): {outside}"
    ]
    assert predict(run, whole)[1] == []
    assert predict(student("classes"), photograph)[1] == []


def test_masks_that_were_written_smaller_once_are_written_anew(photograph: Path, student: Student) -> None:
    watch = Watch(load(student("mask")), photograph.parent)
    list(watch.poll())
    assert len(list(watch.poll())) == 1
    sidecar = photograph.with_name("photograph.png.json")
    content = json.loads(sidecar.read_text())
    del content["settings"]["masks"]
    sidecar.write_text(json.dumps(content))
    again = Watch(load(student("mask")), photograph.parent)
    list(again.poll())
    assert len(list(again.poll())) == 1


def test_what_was_seen_is_told_of_masks_alone(photograph: Path, student: Student) -> None:
    (found,) = load(student("classes")).predict_each(photograph)
    assert found.seen is None
    (found,) = load(student("mask")).predict_each(photograph)
    assert found.seen == Framing(24, 16, Box(4, 0, 20, 16))


def test_a_picture_so_flat_that_no_pixel_was_seen_is_unknown_everywhere() -> None:
    box = PicturePreparation(channels=1, height=10, width=1).seen(1000, 1)
    assert box.right - box.left == pytest.approx(0.1)
    found = ClassMask(names=("sky", "sea"), probs=drawn(10, 1, 2), seen=Framing(1000, 1, box)).masks()["classes"]
    assert found.shape == (1, 1000)
    assert set(np.unique(found)) == {255}
