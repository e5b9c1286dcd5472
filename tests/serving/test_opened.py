"""What is served: a run, or a teacher that is a network and answers about files as a student does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.examples.preparation import PicturePreparation
from joryu.questions import Question
from joryu.serving import NumberAnswer, Wanted, load
from joryu.serving.asked_teacher import AskedTeacher
from joryu.serving.predictor import Predicted
from joryu.serving.web.opening import Opened, open_model, warm_up
from joryu.students import load_student
from joryu.teachers import Network

Student = Callable[..., Path]
GREY = PicturePreparation(channels=1, height=8, width=8)


def asked_about(pictures: Path) -> list[Wanted]:
    """Twelve pictures, one that is none and one that is passed over, in the middle of the others."""
    (pictures / "05a.png").write_bytes(b"no picture")
    found = [Wanted(path, path.name) for path in sorted(pictures.iterdir())]
    return [*found[:9], Wanted(Path("x"), "x", reason="hidden"), *found[9:]]


def values(found: Predicted) -> list[float]:
    answer = found.answer
    if answer is None:
        return []
    return (answer.values if isinstance(answer, NumberAnswer) else answer.probs).flatten().tolist()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["classes", "tags", "mask", "segments", "numbers"])
@pytest.mark.parametrize("batch_size", [1, 5, 14, 32])
def test_a_teacher_that_is_the_student_answers_as_the_student_does(
    kind: str, batch_size: int, pictures: Path, student: Student
) -> None:
    run = student(kind)
    module, plan = load_student(run)
    network = Network(module, question=plan.question, device="cpu")
    teacher, wanted = AskedTeacher(network, GREY, batch_size=batch_size), asked_about(pictures)
    found, expected = list(teacher.predict_each(wanted)), list(load(run).predict_each(wanted))
    assert [(one.name, one.reason, one.seen) for one in found] == [(one.name, one.reason, one.seen) for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert values(one) == pytest.approx(values(other), abs=1e-6)
        assert type(one.answer) is type(other.answer)


class Inverse(nn.Module):
    """One over the mean of a picture: what it says about black is no number."""

    def forward(self, pictures: Tensor) -> Tensor:
        mean = pictures.float().mean((1, 2, 3))
        return torch.stack([1 / mean, mean], dim=1)


def test_a_teacher_s_answer_that_is_no_number_spoils_no_other() -> None:
    teacher = AskedTeacher(Network(Inverse(), question=Question.tags(["dark", "light"]), device="cpu"), GREY)
    shades = [Wanted(Image.new("L", (8, 8), shade), str(shade)) for shade in (9, 0, 200)]
    found = list(teacher.predict_each(shades))
    assert [one.reason for one in found] == [None, "the teacher's outputs for it are not finite", None]
    assert found[2].answer is not None


def test_a_teacher_has_the_threshold_that_it_is_given() -> None:
    network = Network(Inverse(), question=Question.tags(["dark", "light"]), device="cpu")
    shown = Wanted(Image.new("L", (8, 8), 1), "one")
    for threshold, tags in ((None, ["dark", "light"]), (0.74, []), (0.73, ["dark", "light"])):  # σ(1) = 0.7311
        (found,) = AskedTeacher(network, GREY, threshold=threshold).predict_each([shown])
        assert found.to_json()["tags"] == tags
    with pytest.raises(InputError, match="threshold means nothing here"):
        AskedTeacher(Network(Inverse(), ["a", "b"], device="cpu"), GREY, threshold=0.5)


class Shown(nn.Module):
    """Remembers what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Tensor] = []

    def forward(self, pictures: Tensor) -> Tensor:
        self.pictures.append(pictures)
        return pictures.float().mean((2, 3))


SHOWN: list[Shown] = []


def shown_network() -> Shown:
    SHOWN.append(Shown())
    return SHOWN[-1]


@pytest.fixture
def module_spec(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    theirs = ModuleType("opened_networks")
    theirs.__dict__["make"] = shown_network
    monkeypatch.setitem(sys.modules, "opened_networks", theirs)
    yield "module:opened_networks:make"
    SHOWN.clear()


def test_a_module_is_shown_pictures_in_colour_at_the_size_that_is_said(module_spec: str, pictures: Path) -> None:
    opened = open_model(module_spec, question=Question.one_of(["r", "g", "b"]), size=6)
    assert opened.of_json is None
    pixels = np.zeros((12, 24, 3), np.uint8)
    pixels[..., 2] = 200
    (found,) = opened.behind.predict_each([Wanted(Image.fromarray(pixels), "blue")])
    assert found.answer is not None
    assert found.to_json()["class"] == "b"
    (shown,) = SHOWN[0].pictures
    assert (tuple(shown.shape), shown.dtype) == ((1, 3, 6, 6), torch.uint8)


def test_a_model_of_pictures_is_warmed_up_with_one_and_others_with_none(module_spec: str, student: Student) -> None:
    opened = open_model(module_spec, question=Question.one_of(3), size=6)
    warm_up(opened)
    (shown,) = SHOWN[0].pictures
    assert (tuple(shown.shape), shown.unique().tolist()) == ((1, 3, 6, 6), [128])

    class Silent:
        question, fingerprint, preparation = Question.one_of(3), "", None

        def predict_each(self, files: object) -> Iterator[Predicted]:
            raise AssertionError("it was asked")

    warm_up(Opened(Silent(), of_json=lambda said: []))
    warm_up(Opened(Silent()))


def test_what_cannot_be_opened_is_said_with_what_to_try(module_spec: str, student: Student) -> None:
    run, question = str(student("tags")), Question.one_of(3)
    for spec, more, says in (
        (run, {"size": 8}, "a run knows its own names and size"),
        (f"run:{run}", {"question": question}, "a run knows its own names and size"),
        ("nowhere", {}, "nowhere is no run .*such as tflite:FILE"),
        ("x" * 300, {}, "is no run"),
        (module_spec, {"question": question}, "does not say how large its pictures are"),
        ("modul:a:b", {"question": question, "size": 8}, "did you mean module"),
    ):
        with pytest.raises(InputError, match=says):
            open_model(spec, **more)  # type: ignore[arg-type]
    assert open_model(f"run:{run}").behind.fingerprint == open_model(run).behind.fingerprint
