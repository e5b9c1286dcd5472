"""How labels are learned: by a student, its twin and a teacher alike, and told in what a run keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scenes import SETUP, digits, label, recipe

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.objectives import Distillation
from joryu.questions import PICTURE, LabelKind, Question
from joryu.targets import Store
from joryu.teachers import Network
from joryu.teachers.labelling import label_examples
from joryu.training import Run
from joryu.training.distill import distill
from joryu.training.label_loss import LabelLoss, balanced_weights
from joryu.training.on_labels import train_on_labels
from joryu.training.run import read_run
from joryu.training.setup import DistillationSetup, setup_of

MASKS = Question.tags(["salt"], grid=PICTURE)


def masks(n: int = 24) -> Examples:
    """Bright squares on a dark ground; a quarter of a picture's known pixels are salt."""
    labels = torch.zeros(n, 8, 8, 1, dtype=torch.int8)
    labels[:, 2:6, 2:6] = 1
    noise = torch.randint(0, 60, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Examples.of(noise + 150 * labels.movedim(-1, 1).to(torch.uint8), labels, question=MASKS, name="squares")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return label(tmp_path_factory.mktemp("targets"))


def objective_of(folder: Path) -> dict[str, object]:
    return dict(read_run(folder)["request"]["objective"])


def test_balanced_weights_by_hand() -> None:
    grid = torch.tensor([[[0, 0, 0], [0, 1, -1]]], dtype=torch.int16)
    assert balanced_weights(Question.one_of(3, grid=PICTURE), grid) == pytest.approx((5 / 8, 5 / 2, 1))
    tags = torch.tensor([[1, 0, 1], [0, 0, 1], [-1, 0, 1], [0, 0, 1]], dtype=torch.int8)
    assert balanced_weights(Question.tags(3), tags) == pytest.approx((2, 1, 1))
    shares = Question(names=("a", "b"), labels=LabelKind.DISTRIBUTION)
    assert balanced_weights(shares, torch.tensor([[0.5, 0.5], [1, 0], [0, 0]])) == pytest.approx((2 / 3, 2))
    assert balanced_weights(MASKS, masks().labels_or_empty) == pytest.approx((3,))


def test_a_teacher_learns_masks_by_their_overlap_and_its_run_tells(tmp_path: Path) -> None:
    loss = LabelLoss(hard_loss="dice+cross-entropy", class_weights="balanced")
    run, settings = Run(tmp_path), recipe(epochs=2, batch_size=8)
    trained = train_on_labels("unet:2x1", masks(), validation=0.25, label_loss=loss, recipe=settings, run=run)
    assert trained.history[-1]["train_loss"] < trained.history[0]["train_loss"]
    told = objective_of(tmp_path)
    assert (told["hard_loss"], told["class_weights"]) == ("cross-entropy+dice", [pytest.approx(3)])


def test_student_and_twin_learn_labels_alike(store: Store, tmp_path: Path) -> None:
    """The weights are those of the labels that are taught: the hidden, held out and judging ones say nothing."""
    setup = replace(SETUP, twin=True, class_weights="balanced", labelled=0.5)
    done = distill(digits(), store, setup=setup, recipe=recipe(epochs=1), run=Run(tmp_path))
    weights = balanced_weights(store.manifest.question, done.parts.teaching.labels_or_empty)
    assert objective_of(tmp_path)["class_weights"] == list(weights)
    assert objective_of(tmp_path / "twin")["class_weights"] == list(weights)
    kept = setup_of(tmp_path)
    assert kept is not None
    assert (kept.class_weights, kept.objective) == ("balanced", setup.objective)


def test_typed_weights_and_those_of_an_objective_are_kept(store: Store, tmp_path: Path) -> None:
    typed, of_objective = ",".join(["2"] * 10), Distillation(hard_weight=0.1, class_weights=(2.0,) * 10)
    for at, setup in enumerate([replace(SETUP, class_weights=typed), replace(SETUP, objective=of_objective)]):
        distill(digits(), store, setup=setup, recipe=recipe(epochs=1), run=Run(tmp_path / str(at)))
        assert objective_of(tmp_path / str(at))["class_weights"] == [2.0] * 10


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        ({"objective": Distillation(hard_weight=0.1, hard_loss="dice")}, "dice compares masks"),
        ({"class_weights": "1,2"}, r"class_weights do not fit the outputs \(expected 10; received 2\)"),
        ({"class_weights": "balance"}, r"class_weights are not usable \(expected balanced, or a number"),
        ({"class_weights": ",".join(["0"] * 10)}, "class_weights are not usable .*> 0"),
        ({"objective": Distillation(), "class_weights": "balanced"}, "class_weights means nothing where nothing"),
        (
            {"objective": Distillation(hard_weight=0.1, class_weights=(1.0,) * 10), "class_weights": "balanced"},
            "given twice",
        ),
    ],
)
def test_what_a_question_cannot_learn_by_is_refused_before_anything_is_trained(
    store: Store, setup: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        distill(digits(), store, setup=DistillationSetup(**setup), recipe=recipe(), run=Run(tmp_path / "run"))  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_classes_has_no_masks_to_overlap(tmp_path: Path) -> None:
    loss = LabelLoss(hard_loss="cross-entropy+boundary")
    with pytest.raises(InputError, match="boundary compares masks"):
        train_on_labels("mlp:4x1", digits(), validation=0.2, label_loss=loss, recipe=recipe(), run=Run(tmp_path))


def test_there_must_be_labels_to_balance_by() -> None:
    nobody = digits().hide_labels(torch.arange(320))
    with pytest.raises(InputError, match="class_weights needs labels to balance by"):
        LabelLoss(class_weights="balanced").weights(nobody.asked_question, nobody)


def test_shares_of_classes_are_balanced_as_shares_though_the_teacher_answers_one_class(tmp_path: Path) -> None:
    shares = torch.tensor([[0.7, 0.2, 0.1]] * 30 + [[0.1, 0.1, 0.8]] * 30)
    graded = Question(names=("a", "b", "c"), labels=LabelKind.DISTRIBUTION)
    examples = Examples.of(torch.randn(60, 4, generator=torch.Generator().manual_seed(0)), shares, question=graded)
    teacher = Network(torch.nn.Linear(4, 3), question=graded.answer, device="cpu")
    setup = replace(SETUP, class_weights="balanced")
    parts = distill(
        examples, label_examples(teacher, examples, tmp_path / "targets"), setup=setup, recipe=recipe(epochs=1),
        run=Run(tmp_path / "run"),
    ).parts  # fmt: skip
    expected = balanced_weights(graded, parts.teaching.labels_or_empty)
    assert objective_of(tmp_path / "run")["class_weights"] == pytest.approx(expected)
    assert expected[1] > 2 * max(expected[0], expected[2])
