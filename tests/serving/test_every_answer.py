"""Every kind of question through every way out: JSON, a table, files and masks say the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from joryu.errors import InputError
from joryu.questions import PICTURE, Question
from joryu.serving import Predictor, Wanted, load
from joryu.serving.answers import ClassMask, NumberAnswer, TagMasks, answers_by, require_settings
from joryu.serving.lines import json_lines, table_lines
from joryu.serving.predictor import Predicted
from joryu.serving.written import AnswerFolder, read_answer

pytestmark = pytest.mark.usefixtures("spare_the_disk")

Student = Callable[..., Path]

KINDS = ["classes", "tags", "mask", "masks", "segments", "numbers"]
WITH_TOP, WITH_THRESHOLD, WITH_MASKS = {"classes", "tags"}, {"tags", "mask", "masks"}, {"mask", "masks", "segments"}
TOPS = [(kind, top) for kind in KINDS for top in ([None, 1, 2, 99] if kind in WITH_TOP else [None])]


@pytest.fixture
def predictor(student: Student) -> Callable[..., Predictor]:
    return lambda kind, **more: load(student(kind), **more)


def three(predictor: Predictor, pictures: Path) -> list[Predicted]:
    names = ("00.png", "01.png", "02.png")
    return list(predictor.predict_each([Wanted(pictures / name, name, Path(name)) for name in names]))


def strict(text: str) -> Any:
    """JSON as others read it: nothing that only Python knows, such as NaN."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize(("kind", "top"), TOPS)
def test_a_line_of_json_is_the_answer(
    kind: str, top: int | None, predictor: Callable[..., Predictor], pictures: Path
) -> None:
    asked = predictor(kind)
    found = three(asked, pictures)
    for one, line in zip(found, json_lines(found, top), strict=True):
        assert "\n" not in line
        said = strict(line)
        assert said.pop("file") == one.name
        assert said == one.answer.to_json(top)
        if top is not None:
            ranked = list(said["probabilities"].values())
            assert len(ranked) == min(top, len(asked.question))
            assert ranked == sorted(ranked, reverse=True)
        elif kind in WITH_TOP:
            assert set(said["probabilities"]) == set(asked.question.names)


@pytest.mark.parametrize(("kind", "top"), TOPS)
def test_a_table_has_a_head_and_a_line_for_each(
    kind: str, top: int | None, predictor: Callable[..., Predictor], pictures: Path
) -> None:
    found = three(predictor(kind), pictures)
    head, *lines = table_lines(found, top)
    assert [line.split()[0] for line in lines] == ["00.png", "01.png", "02.png"]
    assert head.split()[0] == "file"
    for one, line in zip(found, lines, strict=True):
        for column, cell in one.answer.cells(top).items():
            assert column in head
            assert cell in line
    assert list(table_lines(found, top, headed=False)) == lines


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_what_was_said_and_is_known_again(
    kind: str, predictor: Callable[..., Predictor], pictures: Path, tmp_path: Path
) -> None:
    asked, out = predictor(kind), tmp_path / "out"
    answers = AnswerFolder(out, asked)
    found = list(answers.written(three(asked, pictures)))
    for one in found:
        said = strict((out / f"{one.name}.json").read_text())
        masks = {name: Path(place).name for name, place in one.masks.items()}
        expected = one.answer.to_json() | {"file": one.name} | ({"masks": masks} if masks else {})
        assert {name: said[name] for name in expected} == expected
        assert said["model"] == asked.fingerprint
        assert said["path"] == str((pictures / one.name).resolve())
        assert answers.holds(one.wanted, {})
        assert not answers.holds(one.wanted, {"size": 1})  # it was not stamped so
        assert read_answer(out / f"{one.name}.json") == said
    assert {path.name.partition(".")[0] for path in out.iterdir()} == {"00", "01", "02"}


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_written_where_pixels_were_asked_about_and_nowhere_else(
    kind: str, predictor: Callable[..., Predictor], pictures: Path, tmp_path: Path
) -> None:
    asked, out = predictor(kind), tmp_path / "out"
    for one in AnswerFolder(out, asked).written(three(asked, pictures)):
        masks = one.answer.masks()
        assert list(one.masks) == list(masks)
        assert bool(masks) == (kind in WITH_MASKS)
        for name, mask in masks.items():
            with Image.open(one.masks[name]) as picture:
                assert picture.size == (8, 8)
                assert np.array_equal(np.asarray(picture), mask)
    assert bool(list(out.glob("*.mask.png"))) == (kind in WITH_MASKS)


@pytest.mark.parametrize("kind", sorted(WITH_THRESHOLD))
def test_another_threshold_is_another_answer_and_its_files_are_written_anew(
    kind: str, predictor: Callable[..., Predictor], pictures: Path, tmp_path: Path
) -> None:
    low, high = predictor(kind, threshold=0.0), predictor(kind, threshold=1.0)
    out = tmp_path / "out"
    written = list(AnswerFolder(out, low).written(three(low, pictures)))
    assert AnswerFolder(out, low).holds(written[0].wanted, {})
    assert not AnswerFolder(out, high).holds(written[0].wanted, {})
    list(AnswerFolder(out, high).written(three(high, pictures)))
    assert strict((out / "00.png.json").read_text())["threshold"] == 1.0
    everything, nothing = written[0].answer.to_json(), three(high, pictures)[0].answer.to_json()
    if kind == "tags":
        assert set(everything["tags"]) == set(low.question.names)
        assert nothing["tags"] == []
    else:
        assert set(everything["shares"].values()) == {1.0}
        assert set(nothing["shares"].values()) == {0.0}


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_that_means_nothing_is_refused_by_the_question_alone(kind: str, student: Student) -> None:
    question = load(student(kind)).question
    for name, value, where in (("top", 3, WITH_TOP), ("threshold", 0.3, WITH_THRESHOLD)):
        if kind in where:
            require_settings(question, **{name: value})
            continue
        with pytest.raises(InputError, match=f"{name} means nothing here") as refused:
            require_settings(question, **{name: value})
        assert str(question) in str(refused.value)


@pytest.mark.parametrize(("name", "value"), [("top", 0), ("top", -1), ("threshold", -0.1), ("threshold", 1.5)])
def test_a_setting_out_of_its_bounds_is_refused_whatever_is_asked(name: str, value: float) -> None:
    for question in (Question.one_of(3), Question.tags(3), Question.numbers(3), Question.tags(3, grid=PICTURE)):
        with pytest.raises(InputError, match=f"{name} is not usable"):
            require_settings(question, **{name: value})


def test_numbers_of_pixels_are_carried_by_nobody_and_said_so() -> None:
    with pytest.raises(InputError, match=r"not supported .*received 1 number for each pixel: depth"):
        answers_by(Question.numbers(["depth"], grid=PICTURE))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("many", [1, 2, 5, 12])
def test_files_and_raw_inputs_have_the_same_answers_however_many_are_shown_at_a_time(
    kind: str, many: int, predictor: Callable[..., Predictor], pictures: Path
) -> None:
    asked = predictor(kind, batch_size=many)
    paths = sorted(pictures.iterdir())
    raw = torch.stack([torch.from_numpy(np.asarray(Image.open(path)).copy())[None] for path in paths])
    by_file = [one.answer for one in asked.predict_each(paths)]
    by_row: Sequence[Any] = asked.predict(raw)
    assert len(by_file) == len(by_row) == len(paths)
    for one, other in zip(by_file, by_row, strict=True):
        assert _values(one) == pytest.approx(_values(other), abs=1e-6)


def _values(answer: Any) -> list[float]:
    values = answer.values if isinstance(answer, NumberAnswer) else answer.probs
    return values.flatten().tolist()


@pytest.mark.parametrize(("n_classes", "dtype", "unseen"), [(255, np.uint8, 255), (256, np.uint16, 65535)])
def test_a_mask_has_room_for_its_classes_and_for_what_was_not_seen(n_classes: int, dtype: type, unseen: int) -> None:
    from joryu.examples.preparation import Box
    from joryu.serving.framing import Framing

    probs = torch.zeros(2, 2, n_classes)
    probs[..., -1] = 1.0
    answer = ClassMask(names=tuple(map(str, range(n_classes))), probs=probs, seen=Framing(4, 2, Box(1, 0, 3, 2)))
    (mask,) = answer.masks().values()
    assert mask.dtype == dtype
    assert mask.tolist() == [[unseen, n_classes - 1, n_classes - 1, unseen]] * 2
    assert answer.shares == {str(n_classes - 1): 1.0}


def test_shares_are_counted_by_hand() -> None:
    probs = torch.tensor([[[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.5, 0.5]]])
    classes = ClassMask(names=("sky", "sea"), probs=probs)
    assert classes.shares == {"sky": 0.75, "sea": 0.25}  # of two alike the first
    tags = TagMasks(names=("sky", "sea"), probs=probs, threshold=0.5)
    assert tags.shares == {"sky": 0.5, "sea": 0.25}  # above the threshold, not at it
    assert classes.cells() == {"classes": "sky 75.0%, sea 25.0%"}
    assert tags.cells() == {"sky": "50.0%", "sea": "25.0%"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_is_known_by_what_it_answers(kind: str, student: Student) -> None:
    one, other = load(student(kind)), load(student(kind, seed=1))
    assert one.fingerprint == load(student(kind)).fingerprint
    assert one.fingerprint != other.fingerprint
