"""From a run folder of another question to its page, and from several runs to one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from page_reader import read
from PIL import Image

from joryu.errors import InputError, MismatchError
from joryu.evaluation import PixelEvaluation
from joryu.examples import load_examples
from joryu.report.assemble import assemble
from joryu.report.data import Role
from joryu.report.evaluation_set import EvaluationSet
from joryu.report.findings import find
from joryu.report.summary import summary_lines
from joryu.report.writing import evaluate_run, report_runs
from joryu.teachers import Network
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.training import Recipe, Run
from joryu.training.distill import distill
from joryu.training.on_labels import train_on_labels
from joryu.training.setup import DistillationSetup

RECIPE = Recipe(epochs=2, batch_size=8, precision="32-true")
pytestmark = pytest.mark.slow


def taught(root: Path, spec: str, networks: tuple[str, ...]) -> Path:
    """A teacher that held out what judges, its soft targets, and a run with a twin for each further network."""
    examples = load_examples(spec)
    origin = LabelOrigin(teacher=f"run:{root / 'teacher'}", examples=spec)
    run = Run(root / "teacher", notes={"examples": spec})
    teacher = train_on_labels(networks[0], examples, validation=0.2, test=0.25, recipe=RECIPE, run=run)
    network = Network(teacher.module, question=examples.asked_question)
    store = label_examples(network, examples, root / "targets", options=LabelOptions(origin=origin))
    for at, student in enumerate(networks[1:]):
        setup = DistillationSetup(student=student, test=0.25, validation=0.2, twin=True, allow_dead_teacher=True)
        distill(examples, store, setup=setup, recipe=RECIPE, run=Run(root / f"run{at}", notes={"examples": spec}))
    return root


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("masks")
    generator = torch.Generator().manual_seed(0)
    for folder in ("images", "masks"):
        (root / "set" / folder).mkdir(parents=True)
    for row in range(40):
        picture = torch.randint(0, 100, (8, 8), dtype=torch.uint8, generator=generator)
        mask = torch.zeros(8, 8, dtype=torch.uint8)
        mask[: row % 9, :4] = 255
        picture[mask > 0] += 120
        Image.fromarray(picture.numpy()).save(root / "set" / "images" / f"{row:02}.png")
        Image.fromarray(mask.numpy()).save(root / "set" / "masks" / f"{row:02}.png")
    return taught(root, f"pairs:{root / 'set'}", ("unet:4x1", "unet:2x1", "unet:3x1"))


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("numbers")
    drawn = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)).tolist()
    lines = [f"{a:.4f},{b:.4f},{100 + 20 * a - 5 * b:.4f}" for a, b in drawn]
    (root / "table.csv").write_text("\n".join(["a,b,price", *lines]) + "\n")
    return taught(root, f"table:{root / 'table.csv'},target=price", ("mlp:8x1", "mlp:3x1"))


def test_masks_are_judged_by_the_part_held_out(masks: Path) -> None:
    data = assemble(masks / "run0", EvaluationSet())
    assert len(data.examples) == 10
    assert list(data.cards) == [Role.TEACHER, Role.STUDENT, Role.TWIN]
    assert data.warnings == ()
    found = find(data)
    student = found.of_student
    assert isinstance(student, PixelEvaluation)
    assert data.student.replies is not None
    said = data.student.replies.about(torch.arange(10)).outputs["main"] > 0
    known = torch.as_tensor(data.examples.labels) == 1
    union = (said | known).flatten(1).sum(1)
    ious = torch.where(union == 0, 1.0, (said & known).flatten(1).sum(1) / union.clamp_min(1))
    assert student.iou == pytest.approx(ious.mean().item())
    n = json.loads((masks / "run0" / "run.json").read_text())["request"]["examples"]["n"]
    assert data.student.steps_per_epoch == n // 8


@pytest.mark.parametrize("name", ["masks", "numbers"])
def test_numbers_and_page_are_written(name: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(name)
    found = evaluate_run(root / "run0")
    assert json.loads((root / "run0" / "evaluation.json").read_text()) == json.loads(json.dumps(found))
    steps = json.loads((root / "run0" / "run.json").read_text())["request"]["examples"]["n"] // 8
    twin = found["student_sooner_than_twin"]["twin"]
    assert twin["steps"] == steps * twin["epoch"]
    first = found["models"]["student"]["evaluation"]["measures"][0]["name"]
    assert any(line.startswith(first) for line in summary_lines(found))
    page, headline = report_runs([root / "run0"])
    assert page == root / "run0" / "report.html"
    assert headline == found["headline"]
    assert read(page.read_text()).open == []


def test_a_student_of_masks_is_not_judged_by_classes(masks: Path) -> None:
    with pytest.raises(MismatchError, match="the student and the examples do not ask the same question"):
        assemble(masks / "run0", EvaluationSet(examples="digits"))


def test_two_runs_share_a_page(masks: Path, tmp_path: Path) -> None:
    page, title = report_runs([masks / "run0", masks / "run1"], out=tmp_path / "both.html")
    assert title == "2 runs on 10 examples of set"
    written = json.loads((tmp_path / "both-numbers.json").read_text())
    assert [run["run"] for run in written["runs"]] == ["run0", "run1"]
    assert page.read_text().count("run:") >= 1
    assert not (masks / "run1" / "report.html").exists()


def test_two_runs_need_a_place_and_a_name_each(masks: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a place of its own.*try --out comparison.html"):
        report_runs([masks / "run0", masks / "run1"])
    with pytest.raises(InputError, match="a run is named twice"):
        report_runs([masks / "run0", masks / "run0"], out=tmp_path / "both.html")
    shutil.copytree(masks / "run0", tmp_path / "run0")
    shutil.copytree(masks / "targets", tmp_path / "targets")
    _, title = report_runs([masks / "run0", tmp_path / "run0"], out=tmp_path / "both.html")
    assert title.startswith("2 runs")


def test_runs_of_numbers_share_the_units_of_the_first(numbers: Path, tmp_path: Path) -> None:
    """Errors are paired across runs, so those of a run that was taught on other rows are in the first run's units."""
    other = tmp_path / "other"
    shutil.copytree(numbers / "run0", other)
    plan = json.loads((other / "student.json").read_text())
    plan["output_std"] = [2 * plan["output_std"][0]]
    (other / "student.json").write_text(json.dumps(plan))
    report_runs([numbers / "run0", other], out=tmp_path / "both.html")
    runs = json.loads((tmp_path / "both-numbers.json").read_text())["runs"]
    units = [run["models"]["student"]["evaluation"]["units"] for run in runs]
    assert units[0] == units[1] == json.loads((numbers / "run0" / "student.json").read_text())["output_std"]


def test_runs_of_two_questions_are_refused(masks: Path, numbers: Path, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="run0 do not ask the same question"):
        report_runs([masks / "run0", numbers / "run0"], out=tmp_path / "both.html")
    assert not (tmp_path / "both.html").exists()
