"""The predictor: a run folder is all it takes, and its numbers are those of evaluation, to the bit."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from joryu.errors import InputError, MismatchError
from joryu.evaluation import predict_logits
from joryu.examples import load_examples
from joryu.examples.preparation import PicturePreparation
from joryu.examples.tabular import load_table
from joryu.questions import Question
from joryu.serving import ClassAnswer, ClassMask, NumberAnswer, TagAnswer, TagMasks, load
from joryu.serving.answers import answers_by
from joryu.students import Blueprint, load_student, save_student
from joryu.students.named_outputs import outputs_of

Student = Callable[..., Path]


def test_a_folder_gives_the_numbers_of_evaluation_to_the_bit(tmp_path: Path, student: Student) -> None:
    """More pictures than a batch, in colour and larger than the student's, and files that are none among them."""
    folder = tmp_path / "set"
    rng = np.random.default_rng(0)
    for at in range(530):
        place = folder / "ab"[at % 2] / f"{at:03}.{'jpg' if at % 3 else 'png'}"
        place.parent.mkdir(parents=True, exist_ok=True)
        shape = (13, 11, 3) if at % 2 else (20, 20)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(place)
    for at in (3, 100, 400):
        (folder / "a" / f"{at:03}.txt").write_text("no picture")
    colour = PicturePreparation(channels=3, height=8, width=8)
    asked = Question.one_of(["a", "b"])
    run = student("classes", architecture="cnn:8x2", input_shape=(3, 8, 8), preparation=colour, question=asked)
    examples = load_examples(f"folder:{folder}", split="train", size=8)
    assert examples.inputs.shape == (530, 3, 8, 8)
    expected = asked.link.probs(predict_logits(load_student(run)[0], examples))
    found = list(load(run).predict_each(folder))
    assert [one.reason for one in found if one.answer is None] == ["not a picture that can be read"] * 3
    answers = {one.wanted.place.as_posix(): one.answer for one in found if one.answer is not None}
    assert list(answers) == list(examples.sources)
    assert torch.equal(torch.stack([answer.probs for answer in answers.values()]), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_made_the_students_own(channels: int, tmp_path: Path, student: Student) -> None:
    """Colour to a grey student and grey to one of colours, 16 bits, CMYK, a see-through palette, lying on its side."""
    preparation = PicturePreparation(channels=channels, height=8, width=8)
    predictor = load(student("classes", input_shape=(channels, 8, 8), preparation=preparation))
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    grey = colour.convert("L")
    as_colour, as_grey = (grey if channels == 1 else colour), grey if channels == 1 else grey.convert("RGB")
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    variants = {"16.png": wide, "grey.bmp": grey, "colour.png": colour, "turned.png": colour.rotate(90)}
    for name, picture in variants.items():
        picture.save(tmp_path / name, **({"exif": exif} if name == "turned.png" else {}))
    expected = dict.fromkeys(("16.png", "grey.bmp"), as_grey) | dict.fromkeys(("colour.png", "turned.png"), as_colour)
    for name, picture in expected.items():
        pixels = np.asarray(picture).reshape(8, 8, -1).transpose(2, 0, 1)
        [by_hand] = predictor.predict(np.ascontiguousarray(pixels)[None])
        assert torch.equal(predictor.predict(tmp_path / name).probs, by_hand.probs), name


def test_what_may_be_predicted(pictures: Path, student: Student) -> None:
    predictor = load(student("classes"))
    path = pictures / "00.png"
    one = predictor.predict(path)
    assert isinstance(one, ClassAnswer)
    assert one.best == max(one.top(), key=one.top().get) == next(iter(one.top(1)))
    assert one.probability == float(one.probs.max())
    with Image.open(path) as picture:
        raw = np.asarray(picture)[None, None]
        same = [str(path), path.read_bytes(), picture]
        for what in same:
            assert torch.equal(predictor.predict(what).probs, one.probs)
        many = predictor.predict(same)
    for batch in (raw, torch.from_numpy(raw.copy())):
        assert torch.equal(predictor.predict(batch)[0].probs, one.probs)
    assert len(many) == 3


def test_tags_hold_above_the_threshold(pictures: Path, student: Student) -> None:
    run, path = student("tags"), pictures / "00.png"
    answer = load(run).predict(path)
    assert isinstance(answer, TagAnswer)
    logits = load_student(run)[0](torch.from_numpy(np.asarray(Image.open(path)).copy())[None, None])
    assert torch.equal(answer.probs, Question.tags(3).link.probs(logits)[0].detach())
    second = sorted(answer.top().values())[1]
    stricter = load(run, threshold=second).predict(path)
    assert stricter.tags == tuple(answer.top(1))  # above it, not at it
    assert set(stricter.tags) < set(load(run, threshold=0).predict(path).tags)


def test_masks_are_of_the_tags_or_the_most_probable_class(pictures: Path, student: Student) -> None:
    path = pictures / "00.png"
    run = student("masks")
    answer = load(run).predict(path)
    assert isinstance(answer, TagMasks)
    inputs = torch.from_numpy(np.asarray(Image.open(path)).copy())[None, None]
    with torch.inference_mode():
        outputs = outputs_of(load_student(run)[0], inputs)["main"][0]
    assert torch.equal(answer.probs, Question.tags(2).link.probs(outputs))
    middle = float(answer.probs[..., 0].median())
    masks = load(run, threshold=middle).predict(path).masks()
    assert list(masks) == ["a/b.c", "a_b_c"]
    assert np.array_equal(masks["a/b.c"], np.where(answer.probs[..., 0].numpy() > middle, 255, 0))
    assert 0 < (masks["a/b.c"] == 255).mean() < 1
    segments = load(student("segments")).predict(path)
    assert isinstance(segments, ClassMask)
    assert np.array_equal(segments.masks()["classes"], segments.probs.argmax(-1).numpy())
    assert sum(segments.shares.values()) == pytest.approx(1)


def test_numbers_say_how_sure_they_are(pictures: Path, student: Student) -> None:
    run = student("numbers", heads={"log_variance": ("weight", "file")})
    answer = load(run).predict(pictures / "00.png")
    assert isinstance(answer, NumberAnswer)
    inputs = torch.from_numpy(np.asarray(Image.open(pictures / "00.png")).copy())[None, None]
    with torch.inference_mode():
        outputs = outputs_of(load_student(run)[0], inputs)
    assert torch.equal(answer.values, outputs["main"][0])
    assert torch.allclose(answer.std**2, outputs["log_variance"][0].double().exp())
    assert load(student("numbers", seed=1)).predict(pictures / "00.png").std is None


def test_numbers_that_are_hardly_known_at_all_are_still_numbers() -> None:
    outputs = {"main": torch.zeros(1, 1), "log_variance": torch.full((1, 1), 200.0)}  # e^100 is no float32
    (answer,) = answers_by(Question.numbers(["weight"]))(Question.numbers(["weight"]), outputs, 0.5, [None])
    assert json.loads(json.dumps(answer.to_json(), allow_nan=False))["std"]["weight"] == pytest.approx(np.exp(100))


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    """A student of iris's columns."""
    table = load_table("iris")
    plan = Blueprint(
        architecture="mlp:8x1", input_shape=(4,), question=table.examples.question.answer, preparation=table.preparation
    )
    torch.manual_seed(0)
    save_student(tmp_path / "iris", plan.build(), plan)
    return tmp_path / "iris"


def test_a_table_has_an_answer_for_each_row(tmp_path: Path, iris: Path) -> None:
    table = load_table("iris")
    columns = {name: [5.0, 6.0, 7.0] for name in table.preparation.names}
    predictor = load(iris)
    (tmp_path / "t.csv").write_text(
        ";".join([*columns, "more"])
        + "\n"
        + "\n".join(";".join([*map(str, row), "x"]) for row in zip(*columns.values(), strict=True))
    )
    told: list[str] = []
    from_file = load(iris, tell=told.append).predict(tmp_path / "t.csv")
    assert told == ["the values of t.csv are divided by semicolons"]
    by_hand = load_student(iris)[0](torch.from_numpy(table.preparation.apply(columns).inputs)).detach()
    for answers in (from_file, predictor.predict(columns), predictor.predict(pa.table(columns))):
        assert torch.equal(torch.stack([one.probs for one in answers]), table.examples.question.link.probs(by_hand))
    assert [one.row for one in load(iris, tell=told.append).predict_each(tmp_path / "t.csv")] == [2, 3, 4]


def test_what_was_imputed_is_told(iris: Path) -> None:
    columns = {name: [5.0, None] for name in load_table("iris").preparation.names}
    with pytest.warns(UserWarning, match="the mean stands for them"):
        load(iris).predict(columns)


def test_a_run_of_before_preparations_is_read_by_its_shape_and_says_so(pictures: Path, student: Student) -> None:
    told: list[str] = []
    plain = load(student("classes", seed=3)).predict(pictures / "00.png")
    old = load(student("classes", seed=3, preparation=None), tell=told.append)
    assert torch.equal(old.predict(pictures / "00.png").probs, plain.probs)
    assert len(told) == 1
    assert "does not say how its pictures were read: they are taken as 8×8, grey" in told[0]


def test_a_student_of_tensors_takes_no_files(pictures: Path, student: Student) -> None:
    predictor = load(student("classes", input_shape=(5,), preparation=None, scale=1.0))
    assert len(predictor.predict(torch.zeros(3, 5))) == 3
    with pytest.raises(InputError, match="does not know how a file becomes its input"):
        predictor.predict(pictures / "00.png")


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (torch.zeros(2, 1, 8, 8), "learned from bytes"),  # scaled to 0..1 already: it would look black
        (torch.zeros(1, 8, 8, dtype=torch.uint8), r"no batch of inputs .*inputs\[None\]"),
        (torch.zeros(0, 1, 8, 8, dtype=torch.uint8), "no batch of inputs"),
        (np.array(["a.png"], dtype=object), "no batch of inputs"),
    ],
)
def test_raw_inputs_of_another_kind_are_refused(batch: torch.Tensor, reason: str, student: Student) -> None:
    with pytest.raises(InputError, match=reason):
        load(student("classes")).predict(batch)


def test_raw_inputs_of_another_shape_or_unit_are_refused(student: Student) -> None:
    with pytest.raises(MismatchError, match="does not take examples of this shape"):
        load(student("classes")).predict(torch.zeros(2, 1, 9, 9, dtype=torch.uint8))
    numbers = load(student("classes", seed=1, input_shape=(5,), preparation=None, scale=1.0))
    with pytest.raises(InputError, match="learned from numbers"):
        numbers.predict(torch.zeros(2, 5, dtype=torch.uint8))
    with pytest.raises(InputError, match="not finite"):
        numbers.predict(torch.full((2, 5), torch.nan))


def test_outputs_that_are_not_finite_are_no_answer(pictures: Path, student: Student) -> None:
    run = student("classes")
    module, plan = load_student(run)
    with torch.no_grad():
        next(module[1].parameters()).fill_(torch.inf)
    save_student(run, module, plan)
    assert {one.reason for one in load(run).predict_each(pictures)} == {"the student's outputs for it are not finite"}
    with pytest.raises(InputError, match="not finite"):
        load(run).predict(pictures / "00.png")


def test_one_that_cannot_be_read_is_named(tmp_path: Path, pictures: Path, student: Student) -> None:
    predictor = load(student("classes"))
    for what, reason in (
        (tmp_path / "nowhere.png", "No such file"), (pictures, "a folder"), (b"", "empty file"),
        ([pictures / "00.png", b"x"], "picture 1 cannot be predicted"), ({"a": [1]}, "does not read tables"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=reason):
            predictor.predict(what)


def test_settings_that_mean_nothing_are_refused(student: Student) -> None:
    for kind, settings, reason in (
        ("tags", {"threshold": 1.5}, "threshold is not usable"), ("tags", {"threshold": float("nan")}, "not usable"),
        ("classes", {"threshold": 0.5}, "threshold means nothing here"), ("tags", {"batch_size": 0}, "batch_size is"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=reason):
            load(student(kind), **settings)
    with pytest.raises(InputError, match="not supported"):
        run = student("classes", architecture="unet:4x1", question=Question.numbers(1, grid=("height", "width")))
        load(run)


def test_the_answers_do_not_depend_on_the_batch_nor_are_held(pictures: Path, student: Student) -> None:
    """Files are read as they are asked for: what comes after the first batch has not been opened yet."""
    run = student("classes")
    opened: list[str] = []

    def names():
        for path in sorted(pictures.iterdir()):
            opened.append(path.name)
            yield path

    found = load(run, batch_size=4).predict_each(names())
    next(found)
    assert len(opened) == 4
    whole = [one.answer.best for one in load(run).predict_each(pictures)]
    assert [one.answer.best for one in load(run, batch_size=4).predict_each(pictures)] == whole


def test_a_broken_picture_in_the_middle_of_a_jpeg_is_not_half_accepted(tmp_path: Path, student: Student) -> None:
    encoded = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(encoded, "JPEG")
    (tmp_path / "half.jpg").write_bytes(encoded.getvalue()[: len(encoded.getvalue()) // 2])
    [found] = load(student("classes")).predict_each([tmp_path / "half.jpg"])
    assert found.answer is None
    assert "damaged" in found.reason
