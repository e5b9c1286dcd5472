"""A student that learned from tiles answers about pictures of any size, tile by tile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from joryu.cli import main
from joryu.examples.tiling import TilePreparation
from joryu.objectives import MAIN
from joryu.serving import ClassMask, TagMasks, load

Student = Callable[..., Path]
TILES = TilePreparation(channels=1, height=8, width=8, overlap=4)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["mask", "masks", "segments"])
@pytest.mark.parametrize("sides", [(21, 13), (8, 8), (5, 30)], ids=str)
def test_the_answer_about_a_picture_is_joined_from_those_about_its_tiles(
    kind: str, sides: tuple[int, int], student: Student
) -> None:
    predictor = load(student(kind, preparation=TILES), batch_size=2)
    shown = picture(*sides)
    answer = predictor.predict(shown)
    tiles = torch.from_numpy(TILES.cut(np.asarray(shown)[None]))
    joined = TILES.joined(predictor.outputs(tiles)[MAIN], *sides)
    assert isinstance(answer, TagMasks | ClassMask)
    assert torch.allclose(answer.probs, predictor.question.link.probs(joined), atol=1e-6)
    assert all(mask.shape == sides[::-1] for mask in answer.masks().values())


def test_a_picture_as_large_as_a_tile_is_answered_as_any_other(student: Student) -> None:
    tiled, plain = load(student("mask", preparation=TILES)), load(student("mask"))
    shown = picture(8, 8)
    one, other = tiled.predict(shown), plain.predict(shown)
    assert isinstance(one, TagMasks)
    assert isinstance(other, TagMasks)
    assert torch.allclose(one.probs, other.probs, atol=1e-6)


def test_colours_and_files_that_are_no_pictures(tmp_path: Path, student: Student) -> None:
    predictor = load(student("mask", preparation=TILES))
    shown = tmp_path / "shown"
    shown.mkdir()
    picture(20, 10).convert("RGB").save(shown / "a.png")
    (shown / "b.png").write_bytes(b"x")
    first, second = predictor.predict_each(shown)
    assert (first.reason, first.seen and first.seen.unseen) == (None, 0)
    assert (second.answer, second.reason) == (None, "not a picture that can be read")


@pytest.mark.slow
def test_from_large_pictures_to_masks_as_large_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    for at, sides in enumerate([(40, 30), (25, 60), (33, 33), (48, 24), (30, 30), (64, 20)]):
        (tmp_path / "set" / "images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "masks").mkdir(parents=True, exist_ok=True)
        shown = picture(*sides, seed=at)
        shown.save(tmp_path / "set" / "images" / f"{at}.png")
        Image.fromarray((np.asarray(shown) > 127).astype(np.uint8) * 255).save(tmp_path / "set" / "masks" / f"{at}.png")

    def run(command: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(command.split())
        out, err = capsys.readouterr()
        assert not stopped.value.code, err
        return out

    quick = "--epochs 12 --batch-size 4 --precision 32-true --learning-rate 0.01 --test 0.3"
    examples = f"pairs:{tmp_path}/set,tiles=16,overlap=4"
    run(f"train --network unet:4x1 --examples {examples} --out {tmp_path}/teacher {quick}")
    student = f"distill --student unet:2x1 --teacher run:{tmp_path}/teacher --examples {examples} --out {tmp_path}/run"
    run(f"{student} {quick} --allow-dead-teacher")
    assert json.loads((tmp_path / "run" / "student.json").read_text())["preparation"] == {
        "kind": "tiles", "channels": 1, "height": 16, "width": 16, "overlap": 4,
    }  # fmt: skip
    run(f"evaluate {tmp_path}/run --json")
    run(f"predict {tmp_path}/teacher {tmp_path}/set/images/0.png --out {tmp_path}/answers")
    (found,) = (tmp_path / "answers").rglob("*.mask.png")
    mask = np.asarray(Image.open(found))
    assert mask.shape == (30, 40)
    right = (mask > 0) == (np.asarray(picture(40, 30)) > 127)
    assert right.mean() > 0.8
