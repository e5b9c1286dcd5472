"""What comes out of a network: probabilities are not taken for logits, classes come in the order of the examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples import Examples
from joryu.questions import PICTURE, Link, Question
from joryu.students import Blueprint, save_student
from joryu.targets import Space
from joryu.teachers import Network, TeacherBatch, find_teacher, load_teacher
from joryu.teachers.labelling import label_examples
from joryu.teachers.outputs import FromProbs, InOrder
from joryu.teachers.spec import describe_inputs

CLASSES = ("0", "1", "10", "2")  #: as folders are sorted
COUNTED = ("0", "1", "2", "10")  #: as a network counts
FACTORY = """
import torch
from torch import nn

class Floats(nn.Module):
    def forward(self, pictures):
        return pictures.float() / 255

def logits(n_classes, input_shape):
    torch.manual_seed(0)
    return nn.Sequential(Floats(), nn.Flatten(), nn.Linear(64, n_classes))

def probs(n_classes, input_shape):
    return nn.Sequential(logits(n_classes, input_shape), nn.Softmax(1))
"""


def logits(n: int = 20) -> torch.Tensor:
    return 3 * torch.randn(n, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "an_outputs_module.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    return "module:an_outputs_module"


@pytest.mark.parametrize("batch", [20, 2, 1], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_softmax_taken_for_logits_is_refused(batch: int, dtype: torch.dtype) -> None:
    teacher = Network(nn.Softmax(dim=1), CLASSES)
    with pytest.raises(InputError, match=r"are probabilities, and were taken for logits.*,output=probs"):
        for part in logits().to(dtype).split(batch):
            teacher.label(part)


def test_a_softmax_of_many_classes_too() -> None:
    values = torch.randn(8, 1000, generator=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="are probabilities"):
        Network(nn.Softmax(dim=1).bfloat16(), [str(at) for at in range(1000)]).label(values.bfloat16())


def test_one_row_that_is_not_finite_hides_nothing() -> None:
    values = logits()
    values[3] = torch.nan
    with pytest.raises(InputError, match="are probabilities"):
        Network(nn.Softmax(dim=1), CLASSES).label(values)


def test_answers_that_are_not_finite_are_not_taken_for_probabilities(tmp_path: Path) -> None:
    values = logits()
    broken = nn.Linear(4, 4)
    nn.init.constant_(broken.weight, torch.nan)
    teacher = Network(broken, CLASSES)
    assert teacher.label(values).values.isnan().all()
    examples = Examples.of(values, torch.arange(20) % 4, classes=CLASSES)
    with pytest.raises(JoryuError, match="not finite"):
        label_examples(teacher, examples, tmp_path / "targets")
    later = Network(nn.Softmax(dim=1), CLASSES)
    later.label(values * torch.nan)
    with pytest.raises(InputError, match="are probabilities"):
        later.label(values)


@pytest.mark.parametrize(
    "module", [nn.Identity(), nn.LogSoftmax(dim=1), nn.Sigmoid()], ids=lambda module: type(module).__name__
)
def test_what_is_no_softmax_is_let_through(module: nn.Module) -> None:
    assert Network(module, CLASSES).label(logits()).values.shape == (20, 4)


def test_whoever_insists_is_believed_and_tags_may_sum_to_one() -> None:
    probs = logits().softmax(-1)
    assert torch.equal(Network(nn.Identity(), CLASSES, output="logits").label(probs).values, probs)
    assert torch.equal(Network(nn.Identity(), question=Question.tags(CLASSES)).label(probs).values, probs)


def test_probabilities_that_are_called_so_say_what_the_logits_would() -> None:
    teacher = Network(nn.Softmax(dim=1), CLASSES, output="probs")
    answers, plain = teacher.label(logits()), Network(nn.Identity(), CLASSES).label(logits())
    assert answers.space is Space.LOGITS
    for temperature in (1.0, 4.0, 20.0):
        assert torch.allclose(answers.probs(temperature), plain.probs(temperature), atol=1e-6)
    assert torch.equal(teacher.module(logits()), answers.values)  # whoever asks the module gets logits too
    assert teacher.fingerprint != Network(nn.Softmax(dim=1), CLASSES).fingerprint
    sure = Network(nn.Identity(), CLASSES, output="probs").label(torch.eye(4))
    assert sure.values.isfinite().all() and torch.allclose(sure.probs(), torch.eye(4))


def test_scores_of_tags_are_read_as_such() -> None:
    teacher = Network(nn.Sigmoid(), question=Question.tags(CLASSES), output="probs")
    assert torch.allclose(teacher.label(logits()).values, logits(), atol=1e-3)
    with pytest.raises(InputError, match=r"no probabilities \(expected numbers between 0 and 1; received"):
        Network(nn.Identity(), question=Question.tags(CLASSES), output="probs").label(logits())


def test_logits_that_are_called_probabilities_are_refused() -> None:
    for module in (nn.Identity(), nn.Sigmoid()):
        with pytest.raises(InputError, match=r"are no probabilities .*sums .*leave ,output=probs out"):
            Network(module, CLASSES, output="probs").label(logits())
    with pytest.raises(InputError, match="unknown output of a network"):
        Network(nn.Identity(), CLASSES, output="scores")  # type: ignore[arg-type]


def test_by_its_spec(factory: str) -> None:
    pictures = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    known = {"classes": CLASSES, "input_shape": (1, 8, 8)}
    plain = load_teacher(f"{factory}:logits", **known)  # type: ignore[arg-type]
    read = load_teacher(f"{factory}:probs,output=probs", **known)  # type: ignore[arg-type]
    assert torch.allclose(read.label(pictures).probs(), plain.label(pictures).probs(), atol=1e-6)
    with pytest.raises(InputError, match="taken for logits"):
        load_teacher(f"{factory}:probs", **known).label(pictures)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"has no output scores \(expected one of 0, or its number\)"):
        load_teacher(f"{factory}:probs,output=scores", **known).label(pictures)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"unknown output of a network .*received nothing"):
        load_teacher(f"{factory}:probs,output=", **known)  # type: ignore[arg-type]


def test_the_first_batch_decides_and_no_example_is_blamed(factory: str, tmp_path: Path) -> None:
    pictures = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    examples = Examples.of(pictures, classes=CLASSES)
    teacher, known = find_teacher(f"{factory}:probs", examples)
    with pytest.raises(InputError, match="taken for logits"):
        label_examples(teacher, known, tmp_path / "targets")
    assert not (tmp_path / "targets" / "failures.jsonl").exists()


class Answering(nn.Module):
    def __init__(self, wrap: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, inputs: torch.Tensor) -> object:
        return self.wrap(inputs)


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (
            lambda rows: (rows, rows),
            r"received tuple\); let the module return one row .* of several outputs the one that holds the answers",
        ),
        (lambda rows: {"logits": rows}, r"received a dict of 'logits'\); let the module return one row"),
        (lambda rows: rows[:, None, None].expand(-1, 2, 2, -1), r"\[60, 2, 2, 4\]\).*average"),
        (lambda rows: rows[:, :3], r"received \[60, 3\]\); name as many classes as it has outputs"),
    ],
    ids=["tuple", "dictionary", "extra axes", "too few classes"],
)
@pytest.mark.parametrize("order", [None, COUNTED], ids=["in order", "reordered"])
def test_answers_of_another_form_are_one_line_and_no_failures(
    wrap: Callable[[torch.Tensor], object], said: str, order: tuple[str, ...] | None, tmp_path: Path
) -> None:
    module = Answering(wrap) if order is None else nn.Sequential(Answering(wrap), InOrder(order, CLASSES))
    examples = Examples.of(logits(60), classes=CLASSES)
    with pytest.raises(MismatchError, match=said.replace("60", "60" if order is None else "(60|B)")) as caught:
        label_examples(Network(module, CLASSES), examples, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "failures.jsonl").exists()


def test_a_network_that_counts_answers_in_the_order_of_the_folders(factory: str) -> None:
    pictures = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    examples = Examples.of(pictures, torch.arange(20) % 4, classes=CLASSES)
    as_it_is = load_teacher(f"{factory}:logits", classes=CLASSES, input_shape=(1, 8, 8))
    reordered, known = find_teacher(f"{factory}:logits", examples, order=COUNTED)
    assert reordered.question.names == known.classes == CLASSES
    given = reordered.answer(TeacherBatch.of(examples)).whole(20).values
    own = as_it_is.label(pictures).values
    for at, name in enumerate(CLASSES):
        assert torch.equal(given[:, at], own[:, COUNTED.index(name)])
    assert reordered.fingerprint != as_it_is.fingerprint
    same, _ = find_teacher(f"{factory}:logits", examples, order=CLASSES)
    assert same.fingerprint == as_it_is.fingerprint


def test_an_order_of_other_names_is_refused(factory: str) -> None:
    for other in (("0", "1", "2", "3"), ("0", "1", "2"), (*COUNTED, "11")):
        with pytest.raises(MismatchError, match="name their own classes"):
            load_teacher(f"{factory}:logits", classes=CLASSES, input_shape=(1, 8, 8), order=other)


def test_a_run_in_another_order_says_how_to_name_it(tmp_path: Path) -> None:
    plan = Blueprint(architecture="mlp:4x1", input_shape=(1, 8, 8), classes=COUNTED, scale=1 / 255)
    save_student(tmp_path, plan.build(), plan)
    with pytest.raises(MismatchError, match=r"by the order alone .*try|name .*--classes 0,1,2,10"):
        load_teacher(f"run:{tmp_path}", classes=CLASSES)
    teacher = load_teacher(f"run:{tmp_path}", classes=CLASSES, order=COUNTED)
    pictures = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    assert teacher.question.names == CLASSES
    own = load_teacher(f"run:{tmp_path}").label(pictures).values
    assert torch.equal(teacher.label(pictures).values, own[:, [0, 1, 3, 2]])


def test_what_a_network_is_shown() -> None:
    pictures = Examples.of(torch.zeros(2, 3, 96, 96, dtype=torch.uint8), classes=CLASSES)
    assert "uint8 [B, 3, 96, 96], values 0 to 255" in (describe_inputs("module:a:b", pictures) or "")
    assert "resized" in (describe_inputs("timm:resnet18", pictures) or "")
    assert describe_inputs("run:teacher", pictures) is None


def test_zero_is_a_probability_too() -> None:
    assert FromProbs(Link.SOFTMAX)(torch.tensor([[0.0, 1.0]])).isfinite().all()


# --- pixels -----------------------------------------------------------------------------------------------------------

AREAS = Question.one_of(["sky", "sea", "land"], grid=PICTURE)


def grids(n: int = 6) -> torch.Tensor:
    return 3 * torch.randn(n, 3, 4, 5, generator=torch.Generator().manual_seed(0))


def test_a_softmax_over_the_classes_of_each_pixel_is_not_taken_for_logits() -> None:
    with pytest.raises(InputError, match=r"are probabilities, and were taken for logits.*,output=probs"):
        Network(nn.Softmax(dim=1), question=AREAS).label(grids())
    assert Network(nn.Identity(), question=AREAS).label(grids().softmax(3)).values.shape == (6, 4, 5, 3)


def test_probabilities_of_each_pixel_that_are_called_so_say_what_the_logits_would() -> None:
    said = Network(nn.Softmax(dim=1), question=AREAS, output="probs").label(grids())
    assert torch.allclose(said.probs(), grids().softmax(1).movedim(1, -1), atol=1e-6)
    with pytest.raises(InputError, match="are no probabilities"):
        Network(nn.Softmax(dim=3), question=AREAS, output="probs").label(grids())
