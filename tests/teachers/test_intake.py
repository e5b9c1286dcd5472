"""What a foreign model is given: to the bit what the formula says, and as few copies as there can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_onnx import write_onnx

from joryu.examples import Examples
from joryu.precision import AUTO
from joryu.teachers import load_teacher
from joryu.teachers.foreign.description import InputSaid
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Foreign
from joryu.teachers.labelling import LabelOptions, label_examples
from joryu.teachers.precision import WORTH

EVERY = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)  #: every pixel that there is


def taken(kind: str, channels: int = 1, **said: Any) -> Intake:
    return Intake.of((channels, 16, 16), kind, InputSaid(layout="NCHW", **said), model="m")


@pytest.mark.parametrize(
    "said",
    [{"range": (0, 1)}, {"range": (-1, 1)}, {"mean": (127.5,), "std": (127.5,)},
     {"range": (0, 1), "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}],
)  # fmt: skip
@pytest.mark.parametrize("side", [16, 8])
def test_every_pixel_is_scaled_as_the_formula_says(said: dict[str, Any], side: int) -> None:
    pixels = EVERY.expand(1, 3, 16, 16)
    intake = Intake.of((3, side, side), "float32", InputSaid(layout="NCHW", **said), model="m")
    given, (low, high) = intake.given(pixels), said.get("range", (0, 255))
    whole = pixels.float()
    if side == 8:
        whole = torch.nn.functional.interpolate(whole, size=(8, 8), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(said.get(name, (one,))).view(1, -1, 1, 1) for name, one in (("mean", 0.0), ("std", 1.0)))
    assert given.dtype == np.float32
    assert np.array_equal(given, ((whole * ((high - low) / 255) + low - mean) / std).numpy())
    assert torch.equal(pixels, EVERY.expand(1, 3, 16, 16)), "the examples themselves are left alone"


@pytest.mark.parametrize(("kind", "off"), [("uint8", 0), ("int8", 128)])
def test_whole_numbers_are_the_pixels(kind: str, off: int) -> None:
    given = taken(kind).given(EVERY)
    assert given.dtype == np.dtype(kind)
    assert np.array_equal(given.astype(int), EVERY.numpy().astype(int) - off)
    grey_as_colour = taken(kind, 3).given(EVERY)
    assert grey_as_colour.shape == (1, 3, 16, 16)
    assert np.array_equal(grey_as_colour[0, 0], grey_as_colour[0, 2])


def test_another_runtime_is_asked_once_where_this_machine_multiplies_bf16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AUTO, "bf16-mixed")
    dice = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (WORTH, 1, 8, 8), dtype=torch.uint8, generator=dice)
    teacher = load_teacher(f"onnx:{write_onnx(tmp_path / 'a.onnx')},range=0..1", classes=("a", "b", "c"))
    shown: list[int] = []
    given = Foreign.given

    def counted(self: Foreign, inputs: torch.Tensor) -> Any:
        shown.append(len(inputs))
        return given(self, inputs)

    monkeypatch.setattr(Foreign, "given", counted)
    examples = Examples.of(pictures, classes=("a", "b", "c"))
    store = label_examples(teacher, examples, tmp_path / "targets", options=LabelOptions(batch_size=512))
    assert (sum(shown), store.manifest.precision) == (WORTH, None)
