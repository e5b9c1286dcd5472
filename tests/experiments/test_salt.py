"""What the experiments on salt train on what, how tiles are split, and what their numbers and pictures show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from smoke import play_small

from joryu.evaluation import evaluator_for
from joryu.examples import Examples
from joryu.experiments import unet_salt, unet_temperature
from joryu.experiments.experiment import Measured, Setting
from joryu.experiments.salt import made_up_tiles, quality, salt_parts, with_salt
from joryu.experiments.salt_pictures import as_text, drawn_tiles, from_text, picture_table
from joryu.training import read_run
from joryu.training.run import Watch


@contextmanager
def unwatched(_: str) -> Iterator[Watch | None]:
    yield None


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """The seed that `test_smoke` runs: its trainings serve all tests of this file."""
    folder = tmp_path_factory.mktemp("experiments")
    return Setting(
        seed=0,
        smoke=True,
        folder=folder / "unet-salt" / "seed-0",
        shared=folder / "shared-smoke",
        watching=unwatched,
        precision=unet_salt.EXPERIMENT.precision,
    )  # type: ignore[arg-type]


def depths(examples: Examples) -> set[str]:
    return set(examples.groups or ())


def ids(examples: Examples) -> set[bytes]:
    return {words.tobytes() for words in examples.ids}


def test_no_depth_is_in_two_parts_and_a_random_split_parts_them(setting: Setting) -> None:
    parts, mixed = salt_parts(setting), salt_parts(setting, by_depth=False)
    for one, other in ((parts.train, parts.validation), (parts.train, parts.test), (parts.validation, parts.test)):
        assert not depths(one) & depths(other)
        assert not ids(one) & ids(other)
    assert mixed.train.groups is None
    of_depth = dict(zip(map(bytes, made_up_tiles().ids), made_up_tiles().groups or (), strict=True))
    seen = [{of_depth[words.tobytes()] for words in part.ids} for part in mixed]
    assert seen[0] & seen[2], "tiles of one depth are on both sides"
    assert ids(mixed.train).isdisjoint(ids(mixed.test))


@pytest.mark.slow
def test_the_real_tiles_are_split_by_their_depth(
    setting: Setting, in_real_data: Callable[[str], Path], monkeypatch: Any
) -> None:
    monkeypatch.setenv("JORYU_DATA", str(in_real_data("tgs_salt").parent))
    parts = salt_parts(replace(setting, smoke=False))
    assert sum(map(len, parts)) == 4000
    assert sum(len(depths(part)) for part in parts) == len(set.union(*map(depths, parts))) == 839
    assert sum(int((~with_salt(part)).sum()) for part in parts) == 1562 + 36  # small masks vanish as tiles shrink
    named = unet_salt.EXPERIMENT.data
    assert all(f"{len(part):,}" in named for part in parts)


def test_quality_by_hand() -> None:
    labels = torch.zeros(3, 2, 2, 1, dtype=torch.int8)
    labels[0, 0] = 1  # two pixels of salt, of which one is found; an empty tile left empty; one that is marked in vain
    logits = torch.full((3, 2, 2, 1), -1.0)
    logits[0, 0, 0] = logits[2, 1, 1] = 1.0
    tiles = made_up_tiles(8)
    question = tiles.asked_question
    evaluator = evaluator_for(question)
    evaluator.add({"main": logits}, labels)
    examples = Examples.of(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), labels, question=question)
    found = quality("twin", evaluator.result(), examples)
    assert found["twin_iou"] == pytest.approx(100 * (0.5 + 1 + 0) / 3)
    assert found["twin_iou_salt"] == pytest.approx(50)
    assert found["twin_precision"] == pytest.approx(100 / 3)  # an IoU of 0.5 is not above 0.5
    assert found["twin_set_iou"] == pytest.approx(100 / 3)


def test_pictures_go_through_text_and_are_drawn_by_lot() -> None:
    picture = torch.arange(64, dtype=torch.uint8).reshape(8, 8)
    assert np.array_equal(from_text(as_text(picture)), picture.numpy())
    tiles = made_up_tiles()
    rows = drawn_tiles(tiles, 4)
    assert rows == sorted(set(rows)) == drawn_tiles(tiles, 4)
    assert with_salt(tiles)[rows].all()


@pytest.fixture(scope="module")
def measured(setting: Setting) -> Measured:
    return unet_salt.measure(setting)


@pytest.mark.slow
def test_smoke(setting: Setting, capsys: pytest.CaptureFixture[str]) -> None:
    play_small("unet-salt", setting.folder.parent, capsys)


@pytest.mark.slow
def test_student_and_twin_differ_in_their_targets_alone(setting: Setting, measured: Measured) -> None:
    del measured
    twin, student = (read_run(setting.folder / name)["request"] for name in ("twin", "student"))
    for what in ("student", "recipe", "views", "examples"):
        assert twin[what] == student[what], what
    assert twin["targets"] is None
    assert student["objective"]["hard_weight"] == pytest.approx(0.1)
    assert student["objective"]["link"] == "sigmoid"
    leaking = read_run(setting.folder / "random" / "twin")["request"]
    assert leaking["recipe"] == twin["recipe"]
    assert leaking["examples"]["content"] != twin["examples"]["content"]


@pytest.mark.slow
def test_every_row_has_its_number_and_the_figure_its_pictures(measured: Measured) -> None:
    assert unet_salt.EXPERIMENT.metrics <= measured.keys()
    assert measured["student_parameters"] == measured["twin_parameters"] < measured["teacher_parameters"]
    strips = measured["pictures"]
    table = picture_table(strips).axes
    assert len(table) == 5 * len(strips)
    assert [axes.get_title() for axes in table[:5]] == ["tile", "mask", "teacher", "twin", "student"]
    for strip in strips:
        marks, mask = (from_text(strip[name]) > 0 for name in ("student", "mask"))
        assert strip["iou"]["student"] == pytest.approx((marks & mask).sum() / (marks | mask).sum())


def test_the_grid_has_both_factors_and_trains_once_what_is_the_same() -> None:
    grid = unet_temperature.GRID
    assert len({point.metric for point in grid}) == len(grid)
    assert {point.factor for point in grid} == {"T", "T^2"}
    alike = [point for point in grid if point.temperature == 1 and point.soft_share < 1]
    assert len({point.trained_as for point in alike}) == len(alike) / 2
    assert len({point.trained_as for point in grid}) == len(grid) - len(alike) / 2


def test_the_figure_shows_intervals_of_the_gain_over_the_twin() -> None:
    measured = [
        {"twin_iou": 60.0 + seed} | {f"{point.metric}_iou": 62.0 + 2 * seed for point in unet_temperature.GRID}
        for seed in range(3)
    ]
    (axes,) = unet_temperature.draw(measured).axes
    drawn: Any = axes.containers[0]
    assert [round(y, 6) for y in drawn.lines[0].get_ydata()] == [3.0] * len(unet_temperature.TEMPERATURES)
    low, high = drawn.lines[2][0].get_segments()[0][:, 1]
    half = 4.302653 / 3**0.5  # t of two degrees of freedom; the differences are 2, 3 and 4
    assert [low, high] == pytest.approx([3 - half, 3 + half])
