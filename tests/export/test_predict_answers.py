"""What ``predict.py`` says of a model's outputs is what Joryu says of them, and what it cannot say it refuses."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from exported import TABLE, script_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from joryu.errors import InputError
from joryu.examples.preparation import Box, PicturePreparation
from joryu.questions import LOG_VARIANCE, PICTURE, Question
from joryu.serving import ClassAnswer, ClassMask, TagAnswer, TagMasks
from joryu.serving.answers import answers_by
from joryu.serving.framing import Framing, laid_on
from joryu.students import Blueprint

pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")

NAMES = ["a", "ü", "b c", "'"]
SMALL = PicturePreparation(channels=1, height=3, width=4)


def plan_of(question: Question, preparation: PicturePreparation | None = SMALL, **more: Any) -> Blueprint:
    return Blueprint(architecture="mlp:4x1", input_shape=(1, 3, 4), question=question, preparation=preparation, **more)


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModuleType]:
    plans = {
        "classes": plan_of(Question.one_of(NAMES)),
        "tags": plan_of(Question.tags(NAMES)),
        "numbers": plan_of(Question.numbers(NAMES), heads={LOG_VARIANCE: tuple(NAMES)}),
        "masks": plan_of(Question.tags(NAMES, grid=PICTURE)),
        "segments": plan_of(Question.one_of(NAMES, grid=PICTURE)),
        "many segments": plan_of(Question.one_of(256, grid=PICTURE)),
        "raw masks": plan_of(Question.tags(NAMES[:1], grid=PICTURE), None),
        "table": Blueprint(
            architecture="mlp:4x1", input_shape=(7,), question=Question.one_of(2), preparation=TABLE,
        ),
    }  # fmt: skip
    dtypes = {"table": torch.float32}
    return {
        name: script_of(tmp_path_factory.mktemp("script"), plan, dtypes.get(name, torch.uint8))
        for name, plan in plans.items()
    }


def options(**more: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"top": None, "threshold": 0.5, "out": Path()} | more)


PROBS = arrays.arrays(
    np.float32, 4, elements=st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1, width=32)
)


@settings(max_examples=60, deadline=None)
@given(probs=PROBS, top=st.none() | st.integers(1, 6), threshold=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_classes_and_tags_are_those_of_the_student_in_the_same_order(
    scripts: dict[str, ModuleType], probs: np.ndarray, top: int | None, threshold: float
) -> None:
    names, row, asked = tuple(NAMES), torch.from_numpy(probs), options(top=top, threshold=threshold)
    wanted = {
        "classes": ClassAnswer(names=names, probs=row).to_json(top),
        "tags": TagAnswer(names=names, probs=row, threshold=threshold).to_json(top),
    }
    for kind, answer in wanted.items():
        found = scripts[kind].answer({"probs": probs[None]}, None, asked, "x.png")
        assert found == answer
        assert list(found["probabilities"]) == list(answer["probabilities"])


@settings(max_examples=30, deadline=None)
@given(values=arrays.arrays(np.float32, (2, 4), elements=st.floats(-6e3, 6e3, width=32)))
def test_numbers_and_their_deviations_are_those_of_the_student(
    scripts: dict[str, ModuleType], values: np.ndarray
) -> None:
    question, (main, spread) = Question.numbers(NAMES), values
    outputs = {"main": torch.from_numpy(main[None]), LOG_VARIANCE: torch.from_numpy(spread[None])}
    (answer,) = answers_by(question)(question, outputs, 0.5, [None])
    found = scripts["numbers"].answer({"values": main[None], LOG_VARIANCE: spread[None]}, None, options(), "x.png")
    assert found["numbers"] == answer.to_json()["numbers"]
    assert found["std"] == pytest.approx(answer.to_json()["std"], rel=1e-9)
    json.dumps(found, allow_nan=False)
    json.dumps(answer.to_json(), allow_nan=False)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["classes", "tags", "numbers", "masks", "segments"])
def test_outputs_that_are_no_numbers_are_no_answer(
    kind: str, bad: float, scripts: dict[str, ModuleType], tmp_path: Path
) -> None:
    shape = (1, 4, 3, 4) if kind in ("masks", "segments") else (1, 4)
    outputs = {name: np.full(shape, 0.25, np.float32) for name in ("probs", "values", LOG_VARIANCE)}
    for name in ("values", LOG_VARIANCE) if kind == "numbers" else ("probs",):
        broken = {**outputs, name: outputs[name].copy()}
        broken[name].flat[2] = bad
        with pytest.raises(ValueError, match="infs or NaNs"):
            scripts[kind].answer(broken, (4, 3, (0, 0, 4, 3)), options(out=tmp_path), "x.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["masks", "segments", "many segments"])
def test_masks_are_written_as_the_student_would_write_them(
    kind: str, scripts: dict[str, ModuleType], tmp_path: Path
) -> None:
    names = scripts[kind].NAMES
    probs = np.random.default_rng(0).random((len(names), 3, 4), dtype=np.float32)
    seen = Framing(8, 3, Box(2, 0, 6, 3))  # every pixel that was seen is one of the student's own
    laid = torch.from_numpy(probs).movedim(0, -1)
    answer = (
        TagMasks(names=tuple(names), probs=laid, threshold=0.25, seen=seen) if kind == "masks"
        else ClassMask(names=tuple(names), probs=laid, seen=seen)
    )  # fmt: skip
    asked = options(threshold=0.25, out=tmp_path / "new" / "folder")
    found = scripts[kind].answer({"probs": probs[None]}, (8, 3, tuple(seen.box)), asked, "here/photo.x.jpg")
    wanted = answer.to_json()
    assert found.pop("shares") == pytest.approx(wanted.pop("shares"))
    written = found.pop("masks")
    assert found == wanted
    assert all(name.startswith("photo.x.jpg.") and name.endswith("mask.png") for name in written.values())
    for name, mask in answer.masks().items():
        found_mask = np.asarray(Image.open(asked.out / written[name]))
        assert found_mask.dtype == mask.dtype
        assert np.array_equal(found_mask, mask)


@settings(max_examples=80, deadline=None)
@given(width=st.integers(1, 70), height=st.integers(1, 70))
def test_masks_are_laid_on_alike_whatever_the_sides_of_a_picture(
    scripts: dict[str, ModuleType], width: int, height: int
) -> None:
    probs, box = np.random.default_rng(0).random((3, 4), dtype=np.float32), SMALL.seen(width, height)
    found = scripts["masks"].laid_on(probs, (width, height, tuple(box)))
    wanted = laid_on(
        torch.from_numpy(probs)[..., None], Framing(width, height, box), lambda part: part[..., 0], outside=-1
    )
    across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
    on_an_edge = np.isclose(across, box.left) | np.isclose(across, box.right) | np.isclose(down, box.top)[:, None]
    on_an_edge |= np.isclose(down, box.bottom)[:, None]  # a centre on the edge is in or out by its last bit
    np.testing.assert_allclose(found[~on_an_edge], wanted.numpy()[~on_an_edge], atol=1e-5)


# --- as a command ---------------------------------------------------------------------------------------


Run = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def run(scripts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``predict.py`` with a model that finds the share of each pixel's or picture's brightness."""

    def ask(inputs: np.ndarray) -> dict[str, np.ndarray]:
        shares = inputs.astype(np.float32) / 255
        whole = np.repeat(shares.mean((2, 3)), 4, axis=1) * np.array([0.1, 0.4, 0.3, 0.2], np.float32)
        return {"probs": shares if "laid_on" in vars(script) else whole, "values": whole}

    def start(kind: str, *words: object) -> tuple[int, list[dict[str, Any]], str]:
        nonlocal script
        script = scripts[kind]
        monkeypatch.setattr(script, "load", lambda name: ask)
        monkeypatch.setattr(sys, "argv", ["predict.py", *map(str, words)])
        try:
            code = script.main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        out, err = capsys.readouterr()
        lines = [
            json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) for line in out.splitlines()
        ]
        return code, lines, err

    script = scripts["classes"]
    return start


def save(path: Path, shade: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (4, 3), shade).save(path)
    return path


@pytest.mark.parametrize(
    ("kind", "words", "says"),
    [
        ("classes", ["--top", "0"], "--top is not usable (expected an integer >= 1; received 0)"),
        ("tags", ["--top", "-1"], "--top is not usable"),
        ("tags", ["--threshold", "1.5"], "--threshold is not usable (expected 0..1; received 1.5)"),
        ("masks", ["--threshold", "nan"], "--threshold is not usable"),
        ("numbers", ["--top", "2"], "unrecognized arguments"),
        ("classes", ["--model", "other.onnx"], "invalid choice"),
    ],
)
def test_a_setting_out_of_its_bounds_is_refused_before_anything_is_read(
    kind: str, words: list[str], says: str, run: Run
) -> None:
    code, lines, err = run(kind, "nowhere.png", *words)
    assert (code, lines) == (2, [])
    assert says in err


def test_every_file_has_a_line_and_one_that_is_broken_ends_none(run: Run, tmp_path: Path) -> None:
    good, broken = save(tmp_path / "ü b.png", 255), tmp_path / "x.png"
    broken.write_bytes(b"no picture")
    code, lines, _ = run("classes", good, broken, "--top", 2, tmp_path / "nowhere.png", good)
    assert code == 1
    assert [Path(one["file"]).name for one in lines] == ["ü b.png", "x.png", "nowhere.png", "ü b.png"]
    assert ["error" in one for one in lines] == [False, True, True, False]
    assert list(lines[0]["probabilities"]) == ["ü", "b c"]


def test_files_of_one_name_never_share_a_mask(run: Run, tmp_path: Path) -> None:
    files = [save(tmp_path / "a" / "1.png", 200), save(tmp_path / "b" / "1.png", 50)]
    code, lines, err = run("raw masks", *files, "--out", tmp_path / "masks")
    assert (code, lines) == (2, [])
    assert "files of one name would have one mask" in err
    same_stem = [save(tmp_path / "c" / "1.png", 200), save(tmp_path / "c" / "1.bmp", 50)]
    code, lines, _ = run("masks", *same_stem, files[0], "--out", tmp_path / "masks")
    assert code == 2
    code, lines, _ = run("segments", *same_stem, *same_stem[:1], "--out", tmp_path / "masks")
    assert [one["masks"]["classes"] for one in lines] == ["1.png.mask.png", "1.bmp.mask.png", "1.png.mask.png"]
    assert code == 0


def test_each_row_of_an_array_has_a_mask_of_its_own(run: Run, tmp_path: Path) -> None:
    rows = np.zeros((3, 1, 3, 4), np.uint8)
    rows[1], rows[2, 0, 0] = 255, 255
    np.save(tmp_path / "rows.npy", rows)
    code, lines, _ = run("raw masks", tmp_path / "rows.npy", "--out", tmp_path / "masks")
    assert code == 0
    assert [one["row"] for one in lines] == [0, 1, 2]
    for one, row in zip(lines, rows, strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "masks" / one["masks"]["a"])), row[0])


# --- tables ---------------------------------------------------------------------------------------------


CELLS = ["1", " 2 ", "-.5", "+3", "1e3", "", " ", "NA", "n/a", "?", "-", "nan", "1.0", "01", "007", "0", "-0", "1e400",
         "-1e400", "1e39", "inf", "１", "1_000", "1,5", "0x1", "1e", ".", "5.", "red", "Red", "blue ", "a\nb", 'q"q',
         "é", "9007199254740993"]  # fmt: skip
CELL = st.sampled_from(CELLS)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL) | st.tuples(st.just("1"), CELL, st.just("2")), min_size=1, max_size=4),
    divider=st.sampled_from(",;\t|"), order=st.permutations(["age", "colour", "size"]), more=st.booleans(),
)  # fmt: skip
def test_any_table_becomes_the_same_inputs_or_is_refused_by_both(
    scripts: dict[str, ModuleType], tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]],
    divider: str, order: list[str], more: bool,
) -> None:  # fmt: skip
    text = StringIO()
    writer = csv.writer(text, delimiter=divider, lineterminator="\r\n")
    writer.writerow([*order, *(["extra"] if more else [])])
    at = {"age": 0, "colour": 1, "size": 2}
    writer.writerows([[*(row[at[name]] for name in order), *(["x"] if more else [])] for row in rows])
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_text(text.getvalue(), "utf-8", newline="")
    try:
        wanted = TABLE.apply(path).inputs
    except InputError:
        with pytest.raises(ValueError):
            list(scripts["table"].read(str(path)))
        return
    if divider != "," and any("1,5" in row[::2] for row in rows):
        return  # decimal commas, which the script does not read
    found = [inputs for _, inputs, _ in scripts["table"].read(str(path))]
    assert np.array_equal(np.concatenate(found), wanted)
