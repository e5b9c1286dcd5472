"""What every family of students keeps, whatever its shape: one row a spec, and a new family adds its own."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.examples.tabular.preparation import CategoryColumn, NumberColumn, TablePreparation
from joryu.questions import PICTURE, Question
from joryu.students import Blueprint, build_architecture, fingerprint, load_student, save_student
from joryu.students.architecture import require_architecture

FACTORY = """
from torch import nn

def small(n_classes, input_shape):
    channels = input_shape[0]
    return nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4, n_classes))
"""


class Case(NamedTuple):
    spec: str
    shape: tuple[int, ...]
    question: Question
    preparation: TablePreparation | None = None


GREY, COLOUR, ROW = (1, 16, 16), (3, 12, 20), (7,)
TOWNS = TablePreparation(
    columns=(
        CategoryColumn(name="town", values=("bern", "oslo", "rome"), missing=True),
        NumberColumn(name="age"),
        CategoryColumn(name="floor", values=("1", "2")),
    )
)
CASES = {
    "mlp of pictures": Case("mlp:16x2", GREY, Question.one_of(3)),
    "mlp of a table": Case("mlp:16x1", ROW, Question.numbers(2)),
    "mlp without what it drops": Case("mlp:16x2,dropout=0.2/0.5", ROW, Question.tags(4)),
    "mlp that embeds categories": Case("mlp:16x1,embed=3", ROW, Question.numbers(2), TOWNS),
    "cnn": Case("cnn:8x4", COLOUR, Question.one_of(3)),
    "cnn that drops": Case("cnn:8x2,dropout=0.4", GREY, Question.tags(4)),
    "unet": Case("unet:4x2", COLOUR, Question.one_of(3, grid=PICTURE)),
    "unet that drops": Case("unet:4x1,dropout=0.4", GREY, Question.tags(["salt"], grid=PICTURE)),
    "separable unet": Case("separable-unet:4x2", GREY, Question.tags(["salt"], grid=PICTURE)),
    "smp": Case("smp:unet/tu-test_resnet", COLOUR, Question.one_of(3, grid=PICTURE)),
    "timm": Case("timm:test_resnet", (3, 32, 32), Question.one_of(3)),
    "timm with a head of tags": Case("timm:test_resnet,head=pooled/8,dropout=0.3", (3, 32, 32), Question.tags(5)),
    "timm with frozen layers": Case("timm:test_resnet,frozen=3,head=flat", (3, 32, 32), Question.tags(5)),
    "keras": Case("keras:net.keras", GREY, Question.one_of(3)),
    "a factory": Case("module:contract_networks:small", COLOUR, Question.one_of(3)),
}


def save_keras(path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="keras is in the extra keras")
    layers = keras.layers
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dropout(0.3), layers.Dense(3, "softmax")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras, about copies
        keras.Sequential([keras.Input((16, 16, 1)), *parts]).save(path)


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    if request.param.startswith("timm"):
        pytest.importorskip("timm", reason="timm is in the extra vision")
    if request.param == "smp":
        pytest.importorskip("segmentation_models_pytorch", reason="it is in the extra segmentation")
    if request.param == "keras":
        monkeypatch.chdir(tmp_path)
        save_keras(Path("net.keras"))
    (tmp_path / "contract_networks.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    return CASES[request.param]


def built(case: Case, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    categories = () if case.preparation is None else case.preparation.categories
    return build_architecture(case.spec, case.shape, len(case.question), categories=categories)


def inputs_of(case: Case, n: int = 4) -> Tensor:
    return torch.randn(n, *case.shape, generator=torch.Generator().manual_seed(1))


def planned(case: Case) -> Blueprint:
    return Blueprint(
        architecture=case.spec, input_shape=case.shape, question=case.question, preparation=case.preparation
    )


def test_one_output_for_each_name_at_each_site(case: Case) -> None:
    outputs = built(case)(inputs_of(case))
    sites = case.shape[1:] if case.question.grid else ()
    assert outputs.shape == (4, len(case.question), *sites)
    assert outputs.dtype == torch.float32
    assert outputs.isfinite().all()


def test_its_outputs_stay_float32_where_the_rest_is_bf16(case: Case) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = built(case).eval()(inputs_of(case))
    assert outputs.dtype == torch.float32
    assert torch.allclose(outputs, built(case).eval()(inputs_of(case)), atol=0.1)


def test_every_parameter_learns(case: Case) -> None:
    network = built(case).train()
    network(inputs_of(case)).square().sum().backward()
    assert ("frozen=" in case.spec) is any(not one.requires_grad for one in network.parameters())
    assert not [name for name, one in network.named_parameters() if one.requires_grad and one.grad is None]
    moved = [name for name, one in network.named_parameters() if one.grad is not None and one.grad.any()]
    assert moved, "nothing learns"


def test_an_answer_depends_neither_on_its_neighbours_nor_on_chance(case: Case) -> None:
    network, inputs = built(case).eval(), inputs_of(case)
    together = network(inputs)
    assert torch.equal(network(inputs), together)
    for row in range(len(inputs)):
        assert torch.allclose(network(inputs[row : row + 1])[0], together[row], atol=1e-5)


def test_the_same_seed_is_the_same_student_and_another_is_another(case: Case) -> None:
    assert fingerprint(built(case, 3)) == fingerprint(built(case, 3))
    assert fingerprint(built(case, 3)) != fingerprint(built(case, 4))


def test_from_disk_it_answers_to_the_bit_what_it_answered_before(case: Case, tmp_path: Path) -> None:
    torch.manual_seed(5)
    student = planned(case).build().eval()
    save_student(tmp_path / "run", student, planned(case))
    loaded, plan = load_student(tmp_path / "run")
    with torch.no_grad():
        assert torch.equal(loaded(inputs_of(case)), student(inputs_of(case)))
    assert plan == planned(case)
    assert not loaded.training
    assert fingerprint(loaded) == fingerprint(student)


def test_a_plan_costs_no_random_numbers_of_the_caller_when_it_is_loaded(case: Case, tmp_path: Path) -> None:
    save_student(tmp_path / "run", planned(case).build(), planned(case))
    torch.manual_seed(6)
    before = torch.get_rng_state()
    load_student(tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), before)


def test_its_weights_are_refused_by_a_wider_one(case: Case, tmp_path: Path) -> None:
    """Another number of outputs: nothing is filled up and nothing is left over in silence."""
    more = Question(names=[*case.question.names, "another"], link=case.question.link, grid=case.question.grid)
    other = planned(case._replace(question=more))
    save_student(tmp_path / "one", planned(case).build(), planned(case))
    save_student(tmp_path / "other", other.build(), other)
    (tmp_path / "other" / "student.safetensors").write_bytes((tmp_path / "one" / "student.safetensors").read_bytes())
    with pytest.raises(MismatchError, match="do not fit the network") as refused:
        load_student(tmp_path / "other")
    assert "\n" not in str(refused.value)


def test_a_good_spec_is_found_good_before_it_is_built(case: Case) -> None:
    require_architecture(case.spec)
    family = case.spec.partition(":")[0]
    with pytest.raises(InputError, match="unknown architecture"):
        require_architecture(f"{family}:")


@pytest.mark.parametrize("family", ["mlp", "cnn", "unet", "separable-unet"])
@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("8", "WIDTHxDEPTH"),
        ("8x0", "WIDTHxDEPTH"),
        ("8x2,width=3", "options dropout"),
        ("8x2,dropout=2", r"a rate in \[0, 1\)"),
        ("8x2,dropout=0.1/0.1/0.1", r"a rate in \[0, 1\)"),
        ("8x2,dropout=0.1,dropout=0.5", "an option of .* comes twice"),  # the last once held, and nobody was told
    ],
)
def test_a_bad_one_is_refused_before_it_is_built_by_the_same_words(family: str, rest: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as early:
        require_architecture(f"{family}:{rest}")
    with pytest.raises(InputError, match=says) as late:
        build_architecture(f"{family}:{rest}", (1, 8, 8), 2)
    assert str(early.value) == str(late.value)
