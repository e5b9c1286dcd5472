from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from joryu.evaluation import KeptReplies
from joryu.report import ReportData, Role
from joryu.report.pictures import LARGEST, data_uri
from joryu.report.sections.class_answers import TEMPERATURES, probs_of, temperature_ladder, wrong_pictures


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split("base64,")[1]))))


def test_pictures_come_back_as_they_were() -> None:
    grey = torch.arange(12, dtype=torch.uint8).view(1, 3, 4)
    colour = torch.arange(36, dtype=torch.uint8).view(3, 3, 4)
    assert np.array_equal(decoded(data_uri(grey)), grey[0].numpy())
    assert np.array_equal(decoded(data_uri(colour)), colour.permute(1, 2, 0).numpy())


def test_large_pictures_are_made_small() -> None:
    assert decoded(data_uri(torch.zeros(3, 500, 250, dtype=torch.uint8))).shape == (LARGEST, LARGEST // 2, 3)


def test_wrong_pictures_are_the_student_s_errors(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    shown = wrong_pictures(run, probs_of(run))
    assert len(shown) == 10
    first = shown[0]  # row 0 is a cat; teacher and student both answer dog, the twin is right
    assert first.label == "cat"
    assert first.answers == {Role.TEACHER: "dog", Role.STUDENT: "dog", Role.TWIN: "cat"}
    assert [bar.name for bar in first.bars] == ["cat", "dog", "owl"]
    assert [bar.is_label for bar in first.bars] == [True, False, False]
    assert np.array_equal(decoded(first.picture), run.examples.inputs[0, 0].numpy())
    for role in Role:
        assert sum(bar.probs[role] for bar in first.bars) == pytest.approx(1)


def test_the_most_confident_error_comes_first(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    assert isinstance(run.student.replies, KeptReplies)
    run.student.replies.reply.outputs["main"][7] *= 2  # row 7 is a dog answered as owl, now with more confidence
    shown = wrong_pictures(run, probs_of(run), limit=3)
    assert (shown[0].label, shown[0].answers[Role.STUDENT]) == ("dog", "owl")
    assert len(shown) == 3


def test_no_pictures_no_cards(make_run: Callable[..., ReportData]) -> None:
    run = make_run(inputs=torch.rand(200, 3))
    assert wrong_pictures(run, probs_of(run)) == []


def test_every_answer_is_among_the_classes_shown(make_run: Callable[..., ReportData]) -> None:
    run = make_run(classes=[f"c{i}" for i in range(50)])
    for picture in wrong_pictures(run, probs_of(run)):
        names = [bar.name for bar in picture.bars]
        assert {picture.label, *picture.answers.values()} <= set(names)
        assert len(names) == 4


def test_the_ladder_by_hand(make_run: Callable[..., ReportData]) -> None:
    """Teacher logits (3, 0, 0): at T = 1 the first class gets e³ / (e³ + 2), at T = 20 e^0.15 / (e^0.15 + 2)."""
    run = make_run(temperature=3.0)
    ladder = temperature_ladder(run, probs_of(run))
    assert ladder is not None
    assert ladder.temperatures == sorted([*TEMPERATURES, 3.0])
    top = ladder.rungs[0]
    assert top.is_label
    assert top.name == ladder.label
    assert top.probs[0] == pytest.approx(math.exp(3) / (math.exp(3) + 2))
    assert top.probs[-1] == pytest.approx(math.exp(0.15) / (math.exp(0.15) + 2))
    for i in range(6):
        assert sum(rung.probs[i] for rung in ladder.rungs) == pytest.approx(1)


def test_many_classes_are_added_up(make_run: Callable[..., ReportData]) -> None:
    run = make_run(classes=[f"c{i}" for i in range(50)])
    ladder = temperature_ladder(run, probs_of(run))
    assert ladder is not None
    assert len(ladder.rungs) == 11
    assert ladder.rungs[-1].name == "40 others together"
    assert sum(rung.probs[-1] for rung in ladder.rungs) == pytest.approx(1)


def test_no_teacher_no_ladder(make_run: Callable[..., ReportData]) -> None:
    run = make_run(teacher=None)
    assert temperature_ladder(run, probs_of(run)) is None
