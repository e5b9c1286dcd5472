"""From a run folder to its page: judged by what it never saw, or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from joryu.errors import InputError, MismatchError
from joryu.examples import load_examples
from joryu.report.assemble import assemble
from joryu.report.data import Role
from joryu.report.evaluation_set import EvaluationSet
from joryu.report.summary import summary_lines
from joryu.report.writing import evaluate_run, report_run
from joryu.students import load_student
from joryu.teachers import Network
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.training import Recipe, Run
from joryu.training.distill import distill
from joryu.training.on_labels import train_on_labels
from joryu.training.setup import DistillationSetup
from joryu.training.trainer import content_of

RECIPE = Recipe(epochs=1, batch_size=8, precision="32-true")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in class folders, and a run that held a fifth of them out."""
    root = tmp_path_factory.mktemp("made")
    noise = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        folder = root / "pictures" / ("even", "odd")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    spec = f"folder:{root / 'pictures'}"
    examples = load_examples(spec)
    run = Run(root / "teacher", notes={"examples": spec})
    taught = train_on_labels("mlp:4x1", examples, validation=0.2, recipe=RECIPE, run=run)
    teacher = Network(taught.module, examples.classes)
    origin = LabelOrigin(teacher=f"run:{root / 'teacher'}", examples=spec)
    store = label_examples(teacher, examples, root / "targets", options=LabelOptions(origin=origin))
    setup = DistillationSetup(student="cnn:4x1", test=0.2, allow_dead_teacher=True)
    distill(examples, store, setup=setup, recipe=RECIPE, run=Run(root / "run", notes={"examples": spec}))
    return root


@pytest.fixture
def job(made: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt; its records still name the folders it was made in."""
    shutil.copytree(made, tmp_path / "job")
    for name in ("run/run.json", "targets/manifest.json", "teacher/run.json"):
        record = tmp_path / "job" / name
        record.write_text(record.read_text().replace(str(made), str(tmp_path / "job")))
    return tmp_path / "job"


def test_the_part_held_out_judges_and_nothing_of_it_was_taught(job: Path) -> None:
    data = assemble(job / "run", EvaluationSet())
    record = json.loads((job / "run" / "run.json").read_text())
    assert len(data.examples) == 12
    assert record["request"]["examples"]["n"] + record["request"]["validation"]["n"] == 48
    assert data.teacher is not None and data.teacher.replies is not None


def test_the_first_lines_say_what_judged_and_what_was_taught(job: Path) -> None:
    page, _ = report_run(job / "run")
    said = (
        "Judged by 12 examples of pictures, the 20 % of its train split that were held out. "
        "The student learned from 42 examples with the labels they have; temperature 4, hard weight 0.1, seed 0."
    )
    assert assemble(job / "run", EvaluationSet()).lesson.replace("\u00a0", " ") == said
    text = page.read_text().replace("\u00a0", " ")
    assert text.index(said) < text.index("</header>") < text.index("<main>")
    assert json.loads((job / "run" / "evaluation.json").read_text())["lesson"].replace("\u00a0", " ") == said
    record = json.loads((job / "run" / "run.json").read_text())
    record["notes"]["lesson"]["labelled"] = 0.025
    (job / "run" / "run.json").write_text(json.dumps(record))
    named = EvaluationSet(examples=f"folder:{job / 'pictures'}", split="train")
    other = assemble(job / "run", named).lesson.replace("\u00a0", " ")
    assert other.startswith("Judged by 60 examples of pictures, its train split. ")
    assert "with 2.5 % of their labels" in other
    assert record["notes"]["labels"] == 42
    record["notes"]["labels"] = 0
    (job / "run" / "run.json").write_text(json.dumps(record))
    assert "learned from 42 examples without a label;" in assemble(job / "run", named).lesson.replace("\u00a0", " ")


def test_the_curves_know_which_epoch_was_kept(job: Path) -> None:
    data = assemble(job / "run", EvaluationSet())
    assert data.student.best_epoch == json.loads((job / "run" / "run.json").read_text())["best_epoch"] == 1


def teach_again(job: Path, *, test: float, seed: int = 0) -> None:
    """Another teacher in the folder of the first, its soft targets, and a student of the same name."""
    spec, recipe = f"folder:{job / 'pictures'}", RECIPE.model_copy(update={"seed": seed})
    examples = load_examples(spec)
    for name in ("teacher", "targets", "run"):
        shutil.rmtree(job / name)
    run = Run(job / "teacher", notes={"examples": spec})
    taught = train_on_labels("mlp:4x1", examples, validation=0.2, test=test, recipe=recipe, run=run)
    origin = LabelOrigin(teacher=f"run:{job / 'teacher'}", examples=spec)
    teacher = Network(taught.module, examples.classes)
    store = label_examples(teacher, examples, job / "targets", options=LabelOptions(origin=origin))
    setup = DistillationSetup(student="cnn:4x1", test=0.2, allow_dead_teacher=True)
    distill(examples, store, setup=setup, recipe=RECIPE, run=Run(job / "run", notes={"examples": spec}))


def test_a_teacher_that_was_taught_on_what_judges_it_is_warned_of(job: Path) -> None:
    said: list[str] = []
    page, _ = report_run(job / "run", warn=said.append)
    assert len(said) == 1
    assert "was trained on 12 of the 12 examples that judge it" in said[0]
    assert "--test 0.2 --seed 0" in said[0]
    assert "12 of the 12 examples" in page.read_text()
    assert json.loads((job / "run" / "evaluation.json").read_text())["warnings"] == said


def test_a_teacher_that_held_out_the_same_part_is_not(job: Path) -> None:
    teach_again(job, test=0.2)
    assert assemble(job / "run", EvaluationSet()).warnings == ()


def test_a_teacher_that_held_out_another_part_is_warned_of(job: Path) -> None:
    teach_again(job, test=0.2, seed=3)
    (warning,) = assemble(job / "run", EvaluationSet()).warnings
    seen = int(warning.split("trained on ")[1].split(" of the 12")[0])
    assert 0 < seen < 12


def test_a_teacher_from_before_runs_said_what_they_held_out(job: Path) -> None:
    teach_again(job, test=0.0)
    record = json.loads((job / "teacher" / "run.json").read_text())
    del record["notes"]["held_out"]
    (job / "teacher" / "run.json").write_text(json.dumps(record))
    assert "12 of the 12" in assemble(job / "run", EvaluationSet()).warnings[0]
    del record["notes"]["examples"]
    (job / "teacher" / "run.json").write_text(json.dumps(record))
    assert assemble(job / "run", EvaluationSet()).warnings == ()


def test_a_student_that_is_judged_by_what_it_was_taught_is_warned_of(job: Path) -> None:
    warnings = assemble(job / "run", EvaluationSet(examples=f"folder:{job / 'pictures'}", split="all")).warnings
    assert len(warnings) == 2
    assert "the student was trained on 48 of the 60 examples that judge it" in warnings[0]
    assert "leave out --examples" in warnings[0]
    assert "the teacher" in warnings[1] and "on 60 of the 60" in warnings[1]


def test_a_student_that_is_judged_by_others_is_not(job: Path) -> None:
    shutil.copytree(job / "pictures", job / "others")
    for number, path in enumerate(sorted((job / "others").rglob("*.png"))):
        Image.fromarray(np.full((6, 6), number, dtype=np.uint8)).save(path)
    assert assemble(job / "run", EvaluationSet(examples=f"folder:{job / 'others'}", split="all")).warnings == ()


def test_a_run_that_only_learned_labels_is_warned_of_too(job: Path) -> None:
    (warning,) = assemble(job / "teacher", EvaluationSet(examples=f"folder:{job / 'pictures'}", split="all")).warnings
    assert "the student was trained on 60 of the 60" in warning
    assert "--examples" not in warning  # without them such a run has nothing to be judged by


def test_a_held_out_part_of_a_run_that_only_learned_labels_was_not_taught(job: Path) -> None:
    teach_again(job, test=0.2)
    (warning,) = assemble(job / "teacher", EvaluationSet(examples=f"folder:{job / 'pictures'}", split="all")).warnings
    assert "the student was trained on 48 of the 60" in warning
    assert "leave out --examples" in warning


def test_the_part_that_a_run_of_labels_held_out_judges_it_and_nothing_else_passes_for_it(job: Path) -> None:
    teach_again(job, test=0.2)
    data = assemble(job / "teacher", EvaluationSet())
    assert len(data.examples) == 12 and data.warnings == ()
    assert data.lesson.replace("\u00a0", " ").startswith("Judged by 12 examples of pictures, the 20 % of its train")
    record = json.loads((job / "teacher" / "run.json").read_text())
    assert record["notes"]["held_out"]["content"] == content_of(data.examples)
    with pytest.raises(InputError, match=r"that it held out .*name --examples"):
        assemble(job / "teacher", EvaluationSet(split="train"))
    for path in sorted((job / "pictures" / "even").iterdir())[:15]:
        path.rename(job / "pictures" / "odd" / path.name)  # another label, the same ids
    with pytest.raises(MismatchError, match=r"held out cannot be found again"):
        assemble(job / "teacher", EvaluationSet())


def test_a_run_of_labels_from_before_it_said_what_its_part_held(job: Path) -> None:
    teach_again(job, test=0.2)
    record = json.loads((job / "teacher" / "run.json").read_text())
    del record["notes"]["held_out"]["content"]
    (job / "teacher" / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"does not say what was in the part .*train it again"):
        assemble(job / "teacher", EvaluationSet())


def test_nothing_is_said_of_a_set_that_has_changed(job: Path) -> None:
    shutil.copytree(job / "pictures", job / "others")
    for path in sorted((job / "pictures").rglob("*.png"))[:58]:
        path.unlink()
    assert assemble(job / "run", EvaluationSet(examples=f"folder:{job / 'others'}", split="all")).warnings == ()


def test_examples_that_have_changed_do_not_pass_for_the_part_held_out(job: Path) -> None:
    (job / "pictures" / "even" / "00.png").unlink()
    with pytest.raises(MismatchError, match=r"held out cannot be found again .*changed since"):
        assemble(job / "run", EvaluationSet())
    named = assemble(job / "run", EvaluationSet(examples=f"folder:{job / 'pictures'}", split="train"))
    assert len(named.examples) == 59


@pytest.mark.parametrize("evaluation_set", [EvaluationSet(split="train"), EvaluationSet(size=12)])
def test_a_split_or_a_size_of_the_part_held_out_is_refused(job: Path, evaluation_set: EvaluationSet) -> None:
    with pytest.raises(InputError, match=r"that it held out .*name --examples"):
        assemble(job / "run", evaluation_set)


def test_examples_of_a_shape_that_the_student_does_not_take(job: Path) -> None:
    _, blueprint = load_student(job / "teacher")
    assert blueprint.input_shape == (1, 6, 6)
    with pytest.raises(MismatchError, match=r"mlp:4x1 does not take .*try --size 6"):
        assemble(job / "teacher", EvaluationSet(examples=f"folder:{job / 'pictures'}", split="train", size=9))


def test_a_store_that_is_gone_is_said(job: Path) -> None:
    shutil.rmtree(job / "targets")
    data = assemble(job / "run", EvaluationSet())
    assert data.cards[Role.TEACHER].replies is None
    assert "not found again" in data.cards[Role.TEACHER].description
    assert any("not found again" in line for line in summary_lines(evaluate_run(job / "run")))


def test_a_page_has_a_place_or_is_refused_and_an_earlier_one_is_kept(job: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (job / "run").iterdir()}
    page, _ = report_run(job / "run", out=job / "new" / "page.html")
    assert {path: path.stat().st_mtime_ns for path in (job / "run").iterdir()} == before
    assert json.loads(page.with_name("page-numbers.json").read_text())["models"]
    assert page.read_text().startswith("<!doctype html>")
    (job / "file").write_text("")
    with pytest.raises(InputError, match="is a folder"):
        report_run(job / "run", out=job / "new")
    with pytest.raises(InputError, match="cannot make the folder"):
        report_run(job / "run", out=job / "file" / "page.html")
