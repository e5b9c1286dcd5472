"""Run folders of every kind of question, and files to ask them about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from joryu.examples import load_examples
from joryu.examples.preparation import PicturePreparation
from joryu.questions import PICTURE, Question
from joryu.students import Blueprint, save_student

QUESTIONS = {
    "classes": Question.one_of(list("0123456789")),
    "tags": Question.tags(["red", "round/../x", "big"]),
    "mask": Question.tags(["salt"], grid=PICTURE),
    "masks": Question.tags(["a/b.c", "a_b_c"], grid=PICTURE),
    "segments": Question.one_of(["sky", "sea", "land"], grid=PICTURE),
    "numbers": Question.numbers(["weight", "file"]),
}
SMALL = PicturePreparation(channels=1, height=8, width=8)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve digits as PNG files."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at, picture in enumerate(load_examples("digits", split="test").inputs[:12, 0]):
        Image.fromarray(picture.numpy().copy()).save(folder / f"{at:02}.png")
    return folder


@pytest.fixture
def student(tmp_path: Path) -> Callable[..., Path]:
    """A run folder of a student of grey 8×8 pictures with chosen weights, of the question so named."""

    def make(kind: str, seed: int = 0, **more: Any) -> Path:
        question = QUESTIONS[kind]
        torch.manual_seed(seed)
        plan = Blueprint(**{
            "architecture": "unet:4x1" if question.grid else "mlp:16x1", "input_shape": (1, 8, 8), "scale": 1 / 255,
            "question": question, "preparation": SMALL, **more,
        })  # fmt: skip
        run = tmp_path / f"{kind}-{seed}"
        save_student(run, plan.build(), plan)
        return run

    return make
