"""The student card and what it is written from: it tells what a run recorded, and no more than that."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from joryu.examples import Examples
from joryu.export.card import Facts, card
from joryu.export.contents import FLOAT, INT8
from joryu.export.origin import Gain, StudentOrigin, gain_over_twin, origin_of
from joryu.export.parity import Parity
from joryu.export.source import Model
from joryu.questions import LOG_VARIANCE, Question
from joryu.students import Blueprint, save_student
from joryu.targets import Cost, Manifest
from joryu.targets.combination import Combination
from joryu.targets.ensemble_spec import write_ensemble
from joryu.targets.manifest import ExamplesRecord, Provenance, TeacherRecord

NUMBERS = Question.numbers(["price"])
CLASSES = Question.one_of(["cheap", "dear"])
RECORD = {
    "request": {
        "recipe": {"seed": 7}, "objective": {"name": "distillation", "temperature": 4.0},
        "examples": {"n": 1, "content": ""},
    },
    "notes": {}, "finished": "2026-01-01", "joryu": "9.9", "typed_in": "..",
}  # fmt: skip


def write_record(folder: Path, **notes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(RECORD | {"notes": notes}))
    return folder


def constant_student(folder: Path, question: Question, says: list[float]) -> Path:
    """A finished run of a student that says the same of everything."""
    plan = Blueprint(architecture="mlp:2x1", input_shape=(1,), question=question.answer)
    student = plan.build()
    with torch.no_grad():
        student[1][-1].weight.zero_()  # type: ignore[index, union-attr, operator]
        student[1][-1].bias.copy_(torch.tensor(says))  # type: ignore[index, union-attr, operator]
    save_student(folder, student, plan)
    return write_record(folder)


def rows(question: Question, labels: torch.Tensor | None) -> Examples:
    found = torch.arange(40.0)[:, None]
    return Examples.of(found).asked(question) if labels is None else Examples.of(found, labels, question=question)


PRICES = rows(NUMBERS, torch.linspace(-1, 1, 40)[:, None])
KINDS = rows(CLASSES, torch.tensor([0] * 30 + [1] * 10))


def gain_of(root: Path, question: Question, evaluation_set: Examples, student: list[float], twin: list[float]) -> Gain:
    constant_student(root / "run", question, student)
    constant_student(root / "run" / "twin", question, twin)
    found = gain_over_twin(root / "run", evaluation_set, question)
    assert found is not None
    return found


PARITY = Parity(n=40, batches=(1, 2, 7), largest=0.5, mean=0.1, size=8.0, agreement=0.9, iou=None)
ORIGIN = StudentOrigin(
    examples="digits", licences=None, sources=None, taught_under=None, teacher=None, teacher_run=None, answers=None,
    seconds=None, money=None, objective={"name": "distillation", "temperature": 4.0, "terms": []}, recipe={"seed": 7},
    joryu=None, finished=None,
)  # fmt: skip


def card_of(question: Question = CLASSES, *, kind: str = FLOAT, runtime: str = "onnx", **more: Any) -> str:
    plan = Blueprint(architecture="mlp:2x1", input_shape=(1,), question=question.answer, heads=more.pop("heads", {}))
    model = Model("model.onnx", kind, b"12345", lambda rows: {}, lambda rows: {}, "made by hand")
    said = {"origin": ORIGIN, "gain": None, "evaluation_set": KINDS, "parities": {"model.onnx": PARITY}} | more
    text = card(Facts(plan=plan, run=Path("run"), models=[model], **said), runtime)
    assert re.search(r"None(?! of)", text) is None
    assert (
        len({line.count("|") for line in text.splitlines() if line.startswith("| model") or "`model.onnx` | 5" in line})
        == 1
    )
    return text


# --- what student and twin differ by --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "evaluation_set", "better", "worse", "gained"),
    [(NUMBERS, PRICES, [0.0], [2.0], "RMSE"), (CLASSES, KINDS, [1.0, 0.0], [0.0, 1.0], "accuracy")],
    ids=["of an error less is better", "of a share more is better"],
)
def test_a_gain_is_positive_where_the_student_is_better_whatever_is_measured(
    question: Question, evaluation_set: Examples, better: list[float], worse: list[float], gained: str, tmp_path: Path
) -> None:
    for name, student, twin, sign, verdict in (
        ("up", better, worse, "+", "it is better"), ("down", worse, better, "-", "it is worse"),
        ("same", better, better, "+0.0000", "it may be chance"),
    ):  # fmt: skip
        gain = gain_of(tmp_path / name, question, evaluation_set, student, twin)
        assert (gain.n, gain.student.name, gain.twin.name) == (40, gained, gained)
        text = card_of(question, gain=gain, evaluation_set=evaluation_set)
        found = re.search(r"the gain by distillation is (\S+), and example by example (\S+), .*\((.*)\)\.", text)
        assert found is not None
        assert found[1].startswith(sign)
        assert found[2].startswith(sign)
        assert found[3] == verdict


def test_without_a_twin_or_a_label_there_is_no_gain(tmp_path: Path) -> None:
    run = constant_student(tmp_path / "run", CLASSES, [1.0, 0.0])
    assert gain_over_twin(run, KINDS, CLASSES) is None
    constant_student(run / "twin", CLASSES, [0.0, 1.0])
    assert gain_over_twin(run, rows(CLASSES, None), CLASSES) is None
    unknown = rows(CLASSES, torch.full((40,), -1))
    assert gain_over_twin(run, unknown, CLASSES) is None
    assert "what the teacher was worth is not known" in card_of()


# --- where it comes from --------------------------------------------------------------------------------


def store_in(folder: Path, teacher: TeacherRecord, **examples: Any) -> Path:
    folder.mkdir()
    Manifest(
        question=CLASSES, teacher=teacher, batch_size=4, cost=Cost(requests=3, seconds=61.0, money=0.5),
        examples=ExamplesRecord(fingerprint="", name="leaves", count=3, **examples),
        provenance=Provenance(typed_in=".."),
    ).write(folder)  # fmt: skip
    return folder


def teacher_of(*specs: str) -> TeacherRecord:
    members = tuple(TeacherRecord(fingerprint=spec, description="one", spec=spec) for spec in specs)
    if len(members) == 1:
        return members[0]
    spec = write_ensemble(Combination(), specs)
    return TeacherRecord(fingerprint="all", description="all", spec=spec, members=members)


def test_what_a_store_knows_is_found_from_the_run_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_in(tmp_path / "targets", teacher_of("run:teacher"), licences={"CC BY 4.0": 3}, sources={"a": 3})
    write_record(tmp_path / "teacher", licences={"MIT": 5})
    run = write_record(tmp_path / "run", targets="targets", examples="folder:leaves")
    for place in (tmp_path, run, Path("/")):
        monkeypatch.chdir(place)
        found = origin_of(run)
        assert (found.teacher, found.answers, found.seconds, found.money) == ("run:teacher", 0, 61.0, 0.5)
        assert found.teacher_run is not None
        assert found.teacher_run.resolve() == (tmp_path / "teacher").resolve()
        assert (found.licences, found.sources, found.taught_under) == ({"CC BY 4.0": 3}, {"a": 3}, {"MIT": 5})
        assert (found.examples, found.joryu, found.finished) == ("folder:leaves", "9.9", "2026-01-01")


def test_of_an_ensemble_the_most_that_a_member_saw_counts(tmp_path: Path) -> None:
    store_in(tmp_path / "targets", teacher_of("run:one", "run:two", "run:three", "run:gone"))
    for name, licences in (("one", {"MIT": 5, "CC0": 1}), ("two", {"MIT": 2, "BSD": 4}), ("three", None)):
        write_record(tmp_path / name, **({} if licences is None else {"licences": licences}))
    found = origin_of(write_record(tmp_path / "run", targets="targets", licences={"CC0": 9}))
    assert found.taught_under == {"MIT": 5, "CC0": 1, "BSD": 4}
    assert found.licences == {"CC0": 9}  # what the run recorded of its own examples


@pytest.mark.parametrize("manifest", [None, "", "{", '{"schema_version": 99}'])
def test_a_card_does_without_a_store_that_is_not_there_or_cannot_be_read(manifest: str | None, tmp_path: Path) -> None:
    run = write_record(tmp_path / "run", targets="targets")
    if manifest is not None:
        store_in(tmp_path / "targets", teacher_of("run:gone"))
        assert origin_of(run).teacher == "run:gone"
        (tmp_path / "targets" / "manifest.json").write_text(manifest)
    found = origin_of(run)
    assert (found.teacher, found.teacher_run, found.answers, found.taught_under) == (None, None, None, None)
    assert "Teacher: unknown." in card_of(origin=found)


# --- what the card says ---------------------------------------------------------------------------------


def replaced(**more: Any) -> StudentOrigin:
    return StudentOrigin(**{name: getattr(ORIGIN, name) for name in StudentOrigin.__dataclass_fields__} | more)


def test_names_that_others_wrote_are_no_markdown() -> None:
    names = {"CC`BY\n| 4.0": 1234, "": 1} | {f"licence {at}": 1 for at in range(30)}
    text = card_of(origin=replaced(licences=names, sources={"<b>x</b>": 2}, taught_under={"MIT": 5}))
    assert "`CC'BY | 4.0` 1,234," in text
    assert "and 12 more." in text
    assert "`<b>x</b>` 2." in text
    assert "Licences of what its teacher learned from: `MIT` 5." in text
    assert "nobody has recorded any" in card_of()


def test_where_it_comes_from_is_told_as_far_as_it_is_known() -> None:
    asked = replaced(teacher="google-vision", answers=1200, seconds=3661.4, money=0.25)
    assert "Teacher: `google-vision`." in card_of(origin=asked)
    assert "Its 1,200 answers took 3,661 s and 0.25 in the teacher's currency." in card_of(origin=asked)
    assert "took an unknown time." in card_of(origin=replaced(answers=3))
    assert "It learned from labels alone." in card_of(origin=replaced(objective={"name": "hard-labels"}))
    assert "Objective: name distillation, temperature 4.0. Seed 7." in card_of()
    assert "Trained with Joryu of an unknown version, unfinished." in card_of()


def test_what_was_measured_is_told_with_how_much_it_rests_on() -> None:
    measured = Parity(
        n=1200, batches=(1,), largest=0.5, mean=0.1, size=8.0, agreement=None, iou=None, measure="RMSE", student=2.0,
        exported=2.5, lost=-0.25,
    )  # fmt: skip
    text = card_of(parities={"model.onnx": measured})
    assert "RMSE 2.0000 on 1,200 examples of `examples`" in text
    assert "are few" not in text
    assert "| `model.onnx` | 5 | 1200 | 0.5 | 0.1 | – | 2.5000 | -0.2500 |" in text
    assert "of which the largest is 8; batches of 1 were tried." in text
    few = card_of()
    assert "None of the examples that were held out has a label" in few
    assert "40 examples are few" in few
    assert "batches of 1, 2 and 7 were tried" in few


def test_what_an_answer_is_and_which_limits_it_has_follow_from_question_and_model() -> None:
    many = card_of(Question.tags([f"tag {at}" for at in range(25)]))
    assert "Each of, or none of, tag 0, tag 1," in many
    assert "tag 19 and 5 more, which are in `labels.txt`." in many
    numbers = card_of(NUMBERS, heads={LOG_VARIANCE: ("price",)})
    assert "It gives `values` and `log_variance`." in numbers
    assert "Differences are those of the numbers, in their units, and of the logarithms of their variances" in numbers
    assert "logarithms" not in card_of(NUMBERS)
    assert "Differences are those of logits" in card_of()
    assert "`model.onnx`: made by hand." in card_of(kind=INT8)
    assert "asked for exact sums" in card_of(kind=INT8)
    assert "exact sums" not in card_of()
    assert "The model takes one example at a time." in card_of(runtime="litert")
