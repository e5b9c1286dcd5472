"""What a teacher is shown: numbers by hand, turned back into pixels, and what looks wrong in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_onnx import write_onnx
from tiny_tflite import write_tflite
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.examples import Examples, load_examples
from joryu.students import Blueprint, Normalise
from joryu.teachers import Ensemble, Estimator, Network, find_teacher
from joryu.teachers.foreign.description import InputSaid
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Foreign, Opened
from joryu.teachers.input_audit import InputAudit, audit_inputs, spread
from joryu.teachers.input_doubts import Guesses, doubts_about, rightness
from joryu.teachers.network_inputs import NetworkInputs, Statement, network_inputs

COLOURS = torch.tensor([[[[10]], [[20]], [[30]]], [[[250]], [[128]], [[0]]]], dtype=torch.uint8)  # [2, 3, 1, 1]
ABC = ["a", "b", "c"]


def foreign(
    kind: str = "float32", quantised: tuple[float, int] = (0.0, 0), layout: str = "NHWC", **said: Any
) -> Foreign:
    shape = (1, 1, 3) if layout == "NHWC" else (3, 1, 1)
    intake = Intake.of(shape, kind, InputSaid(layout=layout, **said), model="m", quantised=quantised)  # type: ignore[arg-type]
    return Foreign(Opened(lambda values: values.reshape(len(values), -1), intake, "digest"))


@pytest.mark.parametrize(
    ("model", "first"),
    [
        (foreign("uint8"), [10, 20, 30]),
        (foreign("int8", layout="NCHW"), [-118, -108, -98]),
        (
            foreign(range=(0, 1), mean=(0.5,), std=(0.25,)),
            [(10 / 255 - 0.5) * 4, (20 / 255 - 0.5) * 4, (30 / 255 - 0.5) * 4],
        ),
        (foreign(mean=(1, 2, 3), std=(1, 2, 4), colours="BGR"), [29, 9, 1.75]),
        (foreign("uint8", quantised=(1 / 255, 10), range=(0, 1)), [20, 30, 40]),
        (foreign("int8", quantised=(2 / 255, -1), range=(-1, 1)), [-118, -108, -98]),
        (foreign(range=(1, 0)), [245 / 255, 235 / 255, 225 / 255]),
    ],
)
def test_values_are_those_that_the_model_takes_and_mean_the_same_pixels(model: Foreign, first: list[float]) -> None:
    taken = network_inputs(nn.Sequential(nn.Identity(), model), COLOURS)
    assert taken.values[0].flatten().tolist() == pytest.approx(first, abs=1e-5)
    clipped = taken.kind == "uint8" and taken.said.real_scale != 1  # 250 lies past its end
    assert torch.equal(taken.pixels()[: 1 if clipped else 2], COLOURS[: 1 if clipped else 2])
    assert str(model.intake) == taken.said.words


def test_the_real_numbers_of_a_quantised_model_are_those_described() -> None:
    taken = network_inputs(foreign("int8", quantised=(2 / 255, -1), range=(-1, 1)), COLOURS)
    wanted = COLOURS.float() / 127.5 - 1
    assert torch.allclose(taken.real(), wanted, atol=0.01)


def test_a_students_own_normalisation_is_turned_back() -> None:
    plan = Blueprint(
        architecture="mlp:4x1",
        input_shape=(3, 1, 1),
        classes=("a", "b"),
        mean=(0.1, 0.2, 0.3),
        std=(0.5,) * 3,
        scale=1 / 255,
    )
    taken = network_inputs(Network(plan.build(), question=plan.question).module, COLOURS)
    assert taken.values[1, 2].item() == pytest.approx((0 - 0.3) / 0.5)
    assert torch.equal(taken.pixels(), COLOURS)
    assert "less 0.1/0.2/0.3, divided by 0.5/0.5/0.5" in taken.said.words


def test_a_module_that_scales_for_itself_is_shown_what_it_is_given() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Normalise(0.5, 0.5)  # is not the first to be asked, as far as anyone can tell

        def forward(self, pictures: Tensor) -> Tensor:
            return pictures.flatten(1).float()

    taken = network_inputs(Network(Own(), ABC).module, COLOURS)
    assert torch.equal(taken.values, COLOURS.float())
    assert taken.kind == "uint8"
    assert "the module's own affair" in taken.said.words


def striped(n: int = 60) -> Examples:
    """Pictures whose red, green or blue is bright, and labelled by it; the rest is noise."""
    torch.manual_seed(0)
    labels = torch.arange(n) % 3
    pictures = torch.randint(0, 100, (n, 3, 4, 4), dtype=torch.uint8)
    pictures[torch.arange(n), labels] += 120
    return Examples.of(pictures, labels, classes=ABC)


class Brightest(nn.Module):
    """The mean of each channel."""

    def __init__(self, order: tuple[int, ...] = (0, 1, 2)) -> None:
        super().__init__()
        self.order = order

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.float().mean((2, 3))[:, list(self.order)]


def only(teacher: Any, examples: Examples, **settings: Any) -> InputAudit:
    (found,) = audit_inputs(teacher, examples, "t", **settings)
    return found


def test_what_is_well_is_not_complained_of_and_counted() -> None:
    seen = only(Network(Brightest(), ABC), striped(), pictures=3)
    assert (seen.doubts, seen.accuracy, seen.labelled, seen.sampled) == ((), 1.0, 60, 60)
    assert seen.rows == (10, 30, 50)
    assert [one.label for one in seen.said] == ["b", "a", "c"]
    assert [one.answers[0][0] for one in seen.said] == ["b", "a", "c"]
    pictures = striped().inputs[:].double()
    for at, (name, channel) in enumerate(zip(("red", "green", "blue"), seen.channels, strict=True)):
        values = pictures[:, at]
        assert channel == (
            name,
            values.min(),
            pytest.approx(values.mean()),
            values.max(),
            pytest.approx(values.std(correction=0)),
        )
    json.dumps(seen.to_json(), allow_nan=False)


def test_exchanged_colours_are_told() -> None:
    (doubt,) = only(Network(Brightest((2, 1, 0)), ABC), striped()).doubts
    assert doubt.startswith("with red and blue exchanged 100% of the answers are right instead of 33%")


def test_answers_that_have_nothing_to_do_with_the_labels_are_told() -> None:
    deaf = nn.Sequential(Brightest(), nn.Linear(3, 3))
    nn.init.zeros_(deaf[1].weight)
    doubts = only(Network(deaf, ABC), striped()).doubts
    assert any("33% of 60 labelled examples are answered right, no more than by chance (33%)" in one for one in doubts)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"mean": (0.485,), "std": (0.229,)}, "units of the pixels, 0 to 255, as no range is said: say range=0..1"),
        ({"range": (0, 255), "mean": (0.485,), "std": (0.229,)}, "in units of the range, 0 to 255: say range=0..1"),
        ({"range": (0, 1), "mean": (127.5,), "std": (127.5,)}, "look nearly all the same to it"),
        ({"range": (0, 1), "mean": (127.5,), "std": (127.5,)}, "units of the range, 0 to 1: leave it out"),
        ({"range": (0, 1), "mean": (0.5,), "std": (0.01,)}, "such a mean and deviation are of other pictures"),
    ],
)
def test_a_slip_of_units_is_told_with_its_reason(said: dict[str, Any], words: str) -> None:
    taken = network_inputs(foreign(**said), COLOURS)
    (doubt,) = doubts_about(taken, taken.values.movedim(1, 0).flatten(1), 60.0, None)
    assert words in doubt


@pytest.mark.parametrize(
    "said",
    [
        {"range": (0, 1)},
        {"range": (0, 255)},
        {"range": (0, 1), "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"mean": (127.5,), "std": (127.5,)},
        {"mean": (123.7, 116.8, 103.9)} | {"std": (58.4, 57.1, 57.4)},
    ],
)
def test_what_is_usual_is_not_complained_of(said: dict[str, Any]) -> None:
    taken = network_inputs(foreign(**said), COLOURS)
    assert doubts_about(taken, taken.values.movedim(1, 0).flatten(1), 60.0, None) == ()


def test_constant_pictures_values_cut_off_and_what_is_not_finite() -> None:
    said = Statement("", is_normalised=True, real_scale=0.01)
    cut = NetworkInputs(torch.zeros(1, 1, 1, 1), (1, 1, 1), "uint8", said)
    assert doubts_about(cut, torch.tensor([[0.0, 255.0, 100.0, 0.0]]), 60.0, None) == (
        "75% of the values are cut off at the ends of uint8",
    )
    plain = NetworkInputs(torch.zeros(1, 2), (2,), "float32", Statement(""))
    assert doubts_about(plain, torch.tensor([[float("nan"), 1.0]]), None, None) == ("some values are not finite",)
    (content,) = doubts_about(plain, torch.zeros(1, 4), 0.5, None)
    assert content.startswith("the pictures themselves are nearly constant: 0.5 grey levels")


def test_few_labels_or_one_class_say_nothing() -> None:
    plain = NetworkInputs(torch.zeros(1, 2), (2,), "float32", Statement(""))
    few = Guesses(torch.zeros(19).long(), torch.ones(19).long(), None)
    one = Guesses(torch.zeros(50).long(), torch.ones(50).long(), None)
    assert doubts_about(plain, torch.randn(1, 9), None, few) == doubts_about(plain, torch.randn(1, 9), None, one) == ()
    assert rightness(None) == (None, 0)


def test_a_published_normalisation_that_bytes_pass_by_is_told() -> None:
    module = Brightest()
    module.pretrained_cfg = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}  # type: ignore[assignment]
    (doubt,) = only(Network(module, ABC), striped()).doubts
    assert "published for numbers less 0.485/0.456/0.406" in doubt


def test_of_an_ensemble_each_member_is_seen_at_its_own_size() -> None:
    small = striped()
    large = Examples.of(
        small.inputs[:].repeat_interleave(2, 3).repeat_interleave(2, 2), small.labels, classes=ABC, pixel_ids=small.ids
    )
    both = Ensemble([Network(Brightest(), ABC), Network(Brightest(), ABC)], names=("x", "y"), shown=(None, large))
    found = audit_inputs(both, small, "both", pictures=2)
    assert [(one.name, one.taken.shape, one.accuracy) for one in found] == [
        ("x", (3, 4, 4), 1.0),
        ("y", (3, 8, 8), 1.0),
    ]


def test_who_is_no_network_is_refused_by_name() -> None:
    class Person:
        question, fingerprint = striped().question, "p"

    with pytest.raises(InputError, match="human:x is given no numbers that could be looked at"):
        audit_inputs(Person(), striped(), "human:x")  # type: ignore[arg-type]


def test_real_files_of_both_layouts(tmp_path: Path) -> None:
    digits = Examples.of(torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8), torch.arange(40) % 3, classes=ABC)
    for spec in (f"tflite:{write_tflite(tmp_path / 'm.tflite')}", f"onnx:{write_onnx(tmp_path / 'm.onnx')},range=0..1"):
        teacher, known = find_teacher(spec, digits)
        seen = only(teacher, known, loaded=digits)
        assert torch.equal(seen.taken.pixels(), digits.inputs[seen.rows[0] :: 5][: len(seen.rows)])
        assert [one.name for one in seen.channels] == ["grey"]


def test_rows_of_pictures_are_shown_as_pictures(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", shape=("n", 64))
    digits = Examples.of(torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8), classes=ABC)
    taken = only(find_teacher(f"onnx:{path},range=0..1", digits)[0], digits).taken
    assert taken.shape == (64,)
    assert torch.equal(taken.pixels(), digits.inputs[:])


def test_rows_are_spread_evenly() -> None:
    assert spread(1000, 4).tolist() == [125, 375, 625, 875]


def test_of_a_table_columns_stand_as_the_estimator_learned_them(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    (tmp_path / "t.csv").write_text(
        "height,age,target\n" + "".join(f"{150 + at},{at},{'ab'[at % 2]}\n" for at in range(20))
    )
    table = load_examples(f"table:{tmp_path / 't.csv'},target=target", split="all")
    fitted = LogisticRegression().fit([[at, 150 + at] for at in range(20)], ["ab"[at % 2] for at in range(20)])
    fitted.feature_names_in_ = np.array(["age", "height"], dtype=object)
    seen = only(Estimator(fitted, table), table, pictures=1)
    assert [(one.name, one.least, one.most) for one in seen.channels] == [
        ("age", pytest.approx(0, abs=1e-5), pytest.approx(19)),
        ("height", pytest.approx(150), pytest.approx(169)),
    ]
    assert seen.taken.said.words == "float64 rows, the columns age, height as they stand in the table"
    assert not seen.taken.said.is_normalised


def test_answers_that_are_no_numbers_are_told_and_not_counted_as_a_class() -> None:
    class Broken(nn.Module):
        def forward(self, rows: Tensor) -> Tensor:
            return rows.where(rows[:, :1] > 0, torch.nan)

    rows = torch.tensor([[1.0, 0.0], [2.0, 3.0], [0.0, 5.0]])
    (seen,) = audit_inputs(
        Network(Broken(), ["a", "b"]), Examples.of(rows, torch.tensor([0, 1, 0]), classes=["a", "b"]), "x"
    )
    assert (seen.accuracy, seen.labelled) == (1.0, 2)
    assert seen.doubts[0].startswith("some answers are not finite")
