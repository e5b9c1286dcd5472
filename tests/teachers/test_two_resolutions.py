"""A teacher at 96 pixels, a student at 32, one folder and one store, views included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from joryu.cli import main
from joryu.errors import MismatchError
from joryu.examples import Examples, load_examples, parse_views, prepared
from joryu.examples.preparation import PicturePreparation
from joryu.examples.views import require_same_views
from joryu.questions import PICTURE, Question
from joryu.report.data import ModelCard, Role
from joryu.report.models import cards_of, find_models
from joryu.students.blueprint import Blueprint, read_blueprint, save_student
from joryu.targets import SoftTargets, Space, Store
from joryu.targets.manifest import Cost
from joryu.teachers import Network, find_teacher
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.teachers.spec import describe_inputs
from joryu.teachers.teacher import Reply, TeacherBatch
from joryu.teachers.trained import as_taught
from joryu.training import Replayed, TrainingData

N, N_VIEWS, LARGE, SMALL = 24, 3, 96, 32
VIEWS = "shift:25%,flip"
QUESTION = Question.one_of(["a", "b"])


class WhereIsIt(nn.Module):
    """Says where the bright spot of a picture is, in shares of its side: what a teacher says depends on the motion."""

    def forward(self, pictures: Tensor) -> Tensor:
        light = pictures[:, 0].float()
        total = light.sum((1, 2)).clamp_min(1)
        places = [
            (light.sum(axis) * torch.linspace(0, 1, light.shape[axis % 2 + 1])).sum(1) / total
            for axis in (2, 1)  # summed over the columns: how far down; over the rows: how far right
        ]
        return torch.stack(places, dim=1)


@pytest.fixture
def spec(tmp_path: Path) -> str:
    """Photographs of 120×96 and other sizes, a bright spot somewhere near the middle of each."""
    rng = np.random.default_rng(0)
    for at in range(N):
        pixels = np.zeros((96, 96 + at % 3 * 12), dtype=np.uint8)
        down, right = rng.integers(30, 55, 2)
        pixels[down : down + 12, right : right + 12] = 255
        path = tmp_path / "set" / "ab"[at % 2] / f"{at:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).convert("RGB").save(path)
    return f"folder:{tmp_path / 'set'}"


def test_the_student_is_shown_the_motions_that_the_teacher_answered_about(spec: str, tmp_path: Path) -> None:
    small = load_examples(spec, size=SMALL)
    large = prepared(small, PicturePreparation(channels=3, height=LARGE, width=LARGE))
    assert torch.equal(large.inputs, load_examples(spec, size=LARGE).inputs)
    teacher = Network(WhereIsIt(), large.classes)
    store = label_examples(teacher, large, tmp_path / "targets", views=parse_views(VIEWS), n_views=N_VIEWS)
    assert store.manifest.examples.shape == (3, LARGE, LARGE)
    assert store.manifest.keys == "bytes"
    store.require_about(small)
    require_same_views(parse_views(store.manifest.views), store.manifest.examples.shape, small.inputs.shape[1:])

    data = TrainingData(small, Replayed(store))
    data.require_answers(N_VIEWS)
    student, seen = WhereIsIt(), []
    for epoch in range(N_VIEWS):
        showings = data.showings(epoch, seed=0)
        for batch in data.batches(showings, epoch=epoch, batch_size=7):
            assert batch.inputs.shape[1:] == (3, SMALL, SMALL)
            assert batch.soft_targets is not None
            said, found = batch.soft_targets.values.float(), student(batch.inputs)
            # Half a pixel of either size, and what resizing blurs; other pictures and motions are much farther apart.
            assert (said - found).abs().max() < 0.5 / SMALL + 0.5 / LARGE + 0.005
            seen.append(said)
    every = torch.cat(seen)
    assert every.std(0).min() > 0.05
    assert float((every.roll(1, 0) - every).abs().mean()) > 0.05


def test_views_by_pixels_are_refused_by_name(spec: str, tmp_path: Path) -> None:
    large, small = (load_examples(spec, size=size) for size in (LARGE, SMALL))
    teacher = Network(WhereIsIt(), large.classes)
    store = label_examples(teacher, large, tmp_path / "targets", views=parse_views("shift:3"), n_views=1)
    with pytest.raises(MismatchError, match=r"shift:3 moves by pixels: at 32×32 .*label with --views shift:0\.031"):
        require_same_views(parse_views(store.manifest.views), store.manifest.examples.shape, small.inputs.shape[1:])
    with pytest.raises(MismatchError, match="shift:3 moves by pixels"):
        TrainingData(small, Replayed(store))
    TrainingData(large, Replayed(store)).require_answers(1)


class Reader:
    """A teacher that is sent the files themselves, as one behind an API is."""

    question = QUESTION
    fingerprint = "reader"

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def answer(self, batch: TeacherBatch) -> Reply:
        contents = batch.encoded()
        self.sent += contents
        sizes = torch.tensor([[float(len(content)), 1.0] for content in contents])
        return Reply(SoftTargets(values=sizes.log(), space=Space.LOGITS, question=QUESTION), cost=Cost(requests=1))


def test_a_teacher_may_be_sent_the_files(spec: str, tmp_path: Path) -> None:
    examples: Examples = load_examples(spec, size=SMALL)
    reader = Reader()
    store = label_examples(reader, examples, tmp_path / "targets")
    assert sorted(reader.sent) == sorted(path.read_bytes() for path in (tmp_path / "set").rglob("*.png"))
    said = store.gather(store.rows(examples.ids, 0)).values[:, 0]
    lengths = torch.tensor([float(len(content)) for content in examples.encoded(range(N))])
    assert torch.allclose(said.float(), lengths.log(), atol=1e-2)
    assert len(Store.open(tmp_path / "targets")) == N


def test_a_run_is_shown_pictures_at_the_size_it_learned_from(spec: str, tmp_path: Path) -> None:
    large, small = load_examples(spec, size=LARGE), load_examples(spec, size=SMALL)
    plan = Blueprint.fitted("cnn:4x2", large.inputs, large.asked_question, preparation=large.preparation)
    save_student(tmp_path / "run", plan.build(), plan)
    # A network of convolutions would take 32 pixels too, and say something else of them.
    teacher, known = find_teacher(f"run:{tmp_path / 'run'}", small)
    assert torch.equal(known.inputs, large.inputs)
    assert np.array_equal(known.ids, small.ids)
    origin = LabelOrigin(teacher=f"run:{tmp_path / 'run'}", examples=spec, split="train", size=SMALL)
    store = label_examples(teacher, known, tmp_path / "targets", options=LabelOptions(origin=origin))
    assert store.manifest.examples.size == LARGE
    assert store.manifest.examples.shape == (3, LARGE, LARGE)
    assert describe_inputs(origin.teacher or "", known, small) == (
        "the teacher is shown uint8 [B, 3, 96, 96], values 0 to 255, as it learned"
    )
    assert describe_inputs(origin.teacher or "", known, large) is None
    again, _ = find_teacher(f"run:{tmp_path / 'run'}", large)
    found = store.gather(store.rows(small.ids, 0)).values
    assert torch.allclose(found.float(), again.answer(TeacherBatch.of(large)).whole(N).values.float(), atol=1e-2)
    tensors = Examples.of(large.inputs, large.labels, question=large.question)
    assert find_teacher(f"run:{tmp_path / 'run'}", tensors)[1].inputs is not None
    assert as_taught("module:pkg.mod:factory", small) is small


@pytest.mark.parametrize("command", [("distill", "--student", "mlp:4x1"), ("label",)])
def test_pictures_of_many_sizes_are_to_be_as_large_as_the_teacher_learned_them(
    command: tuple[str, ...], spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = load_examples(spec, size=88).inputs
    plan = Blueprint.fitted("cnn:4x2", inputs, Question.one_of(["a", "b"]))
    save_student(tmp_path / "teacher", plan.build(), plan)
    for teacher, hint in (
        (f"run:{tmp_path / 'teacher'}", "try --size 88, at which the teacher learned"),
        ("module:pkg.mod:factory", "try --size 96"),  # the middle of the pictures' shorter sides
    ):
        with pytest.raises(SystemExit, match="2"):
            main([*command, "--teacher", teacher, "--examples", spec, "--out", str(tmp_path / "out")])
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("joryu: pictures differ in size")
        assert said.endswith(f"; {hint}")


@pytest.mark.parametrize(("height", "width", "at"), [(16, 16, "16×16"), (16, 24, "24×16")])
def test_a_teacher_of_pixels_is_told_of_when_it_is_asked_at_another_size(
    height: int, width: int, at: str, tmp_path: Path
) -> None:
    """It is asked as the masks are, and a network of convolutions takes any size."""
    question = Question.tags(["salt"], grid=PICTURE)

    def pictures(*shape: int) -> Examples:
        return Examples.of(torch.zeros(2, 1, *shape, dtype=torch.uint8), question=question)

    plan = Blueprint.fitted("unet:2x1", pictures(height, width).inputs, question)
    save_student(tmp_path, plan.build(), plan)
    other = f"the teacher learned at {at} and is asked at 40×32, where it may answer worse"
    there = "; --size 16 asks it at its own" if height == width else ""
    assert describe_inputs(f"run:{tmp_path}", pictures(32, 40)) == other + there
    assert describe_inputs(f"run:{tmp_path}", pictures(height, width)) is None


@pytest.mark.parametrize("network", ["cnn:4x2", "mlp:4x1"])
def test_from_the_shell(network: str, spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: object) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        said = capsys.readouterr().err
        assert int(stopped.value.code or 0) == 0, said
        return said

    few = ("--epochs", 1, "--batch-size", 4)
    run("train", "--network", network, "--examples", spec, "--size", LARGE, "--out", tmp_path / "teacher", *few)
    views = ("--views", "shift:10%,flip", "--n-views", 2)
    label = ("label", "--teacher", f"run:{tmp_path / 'teacher'}", "--examples", spec, "--out", tmp_path / "targets")
    said = run(*label, "--size", SMALL, *views)
    assert "the teacher is shown uint8 [B, 3, 96, 96]" in said
    distil = ("distill", "--student", "mlp:4x1", "--examples", spec, "--targets", tmp_path / "targets")
    run(*distil, "--size", SMALL, "--out", tmp_path / "run", "--allow-dead-teacher", *few)
    student = read_blueprint(tmp_path / "run")
    assert student.input_shape == (3, SMALL, SMALL)
    assert student.preparation == PicturePreparation(channels=3, height=SMALL, width=SMALL)
    assert read_blueprint(tmp_path / "teacher").input_shape == (3, LARGE, LARGE)
    run("report", tmp_path / "run")
    small, large = (load_examples(spec, size=size) for size in (SMALL, LARGE))
    found = find_models(tmp_path / "run").with_teacher(Store.open(tmp_path / "targets"), small).teacher
    assert found is not None
    assert torch.equal(found.shown(small).inputs, large.inputs)
    card = next(one for one in cards(tmp_path / "run", small) if one.role == Role.TEACHER)
    teacher, _ = find_teacher(f"run:{tmp_path / 'teacher'}", large)
    assert card.replies is not None
    said = card.replies.about(torch.arange(N)).soft_targets
    assert torch.equal(said.values, teacher.answer(TeacherBatch.of(large)).whole(N).values)


def cards(run: Path, examples: Examples) -> list[ModelCard]:
    store = Store.open(run.parent / "targets")
    return cards_of(find_models(run).with_teacher(store, examples), store, examples, targets=None)
