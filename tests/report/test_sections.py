"""What a page shows of each question: found by the type of the evaluation, and right."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from asked_runs import RUNS, masks_run, numbers_run, report_of, tags_run, unlabelled
from page_reader import read
from PIL import Image

from joryu.evaluation import KeptReplies, PixelEvaluation, ScoreComparison, TagEvaluation
from joryu.examples import Examples
from joryu.questions import LabelKind, Link, Question
from joryu.report import ReportData, Role, find, render_report, report_numbers
from joryu.report.facts import facts, first_words
from joryu.report.rows import model_rows
from joryu.report.sections import SECTIONS
from joryu.report.sections.numbers import coverage_rows
from joryu.report.sections.overlays import MISSED, RIGHT, STRENGTH, UNSURE, overlays
from joryu.report.sections.scatter import frame_of, predicted_chart
from joryu.report.sections.tags import tag_rows
from joryu.report.summary import summary_lines


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split("base64,")[1]))).convert("RGB"))


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "unlabelled"])
def test_every_question_has_a_page(name: str, labelled: bool) -> None:
    run = RUNS[name]() if labelled else unlabelled(RUNS[name]())
    page = render_report(run)
    reader = read(page)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(attributes.get("alt") for tag, attributes in reader.elements if tag == "img")
    assert "<b>square</b>" not in page
    assert ("Nobody labelled these examples" in page) is not labelled
    numbers = json.loads(json.dumps(report_numbers(run), allow_nan=False))
    assert numbers["question"] == run.question.to_json()
    assert json.loads(reader.text["script"]) == numbers


@pytest.mark.parametrize("name", RUNS)
def test_every_model_has_a_loss_and_measures(name: str) -> None:
    numbers = report_numbers(RUNS[name]())
    for model in json.loads(json.dumps(numbers["models"])).values():
        assert isinstance(model["evaluation"]["loss"], float)
        assert {"name", "value", "better", "unit"} <= set(model["evaluation"]["measures"][0])


def test_every_type_of_evaluation_has_a_section() -> None:
    seen = {type(find(make()).of_student) for make in RUNS.values()}
    seen |= {type(find(unlabelled(make())).of_student) for make in (tags_run, numbers_run)}
    assert {found.__name__ for found in seen} == {found.__name__ for found in SECTIONS} - {"ClassEvaluation"}


def test_the_first_lines_name_the_score_and_its_direction() -> None:
    found = first_words(find(masks_run()))
    # the twin's mean IoU is that of no answer at all: 0 in each of the twelve; the student's is 11 of 12
    assert found.title.replace("\u00a0", " ").startswith("Distilling raised mean IoU by 0.917 (95 % interval 0.")
    assert found.tone == "good"
    numbers = first_words(find(numbers_run()))
    assert numbers.title.startswith("Distilling lowered mean squared error by ")
    assert "average precision per example" in first_words(find(tags_run())).title


def test_a_student_worse_than_its_twin_is_said_to_be() -> None:
    run = masks_run()
    turned = {Role.STUDENT: Role.TWIN, Role.TWIN: Role.STUDENT, Role.TEACHER: Role.TEACHER}
    found = first_words(find(replace(run, models=[replace(card, role=turned[card.role]) for card in run.models])))
    assert found.title.startswith("Distilling hurt: it lowered mean IoU by 0.917")
    assert found.tone == "bad"


def test_equal_models_show_no_difference() -> None:
    run = masks_run()
    student = run.student
    found = first_words(find(replace(run, models=[student, replace(student, role=Role.TWIN)])))
    assert found.title == "No difference shown between the student and its twin"
    assert "between 0 worse and 0 better" in found.detail


def test_without_a_twin_nothing_is_claimed() -> None:
    run = masks_run()
    found = first_words(find(replace(run, models=[run.student])))
    assert found.title == "The student’s mean IoU is 0.917 on 12 examples"
    assert "there is no twin" in found.detail


def test_too_few_scores_to_compare_are_said() -> None:
    question = Question.tags(["a", "b"])
    examples = Examples.of(torch.rand(1, 2), torch.tensor([[1, 0]], dtype=torch.int8), question=question)
    outputs = {role: {"main": torch.tensor([[1.0, 0.0]])} for role in (Role.STUDENT, Role.TWIN)}
    run = report_of(examples, outputs)
    assert "fewer than two examples have a score" in first_words(find(run)).detail
    assert "A twin is missing" not in render_report(run)


def test_the_gap_to_the_teacher_goes_by_the_first_measure() -> None:
    run = masks_run()
    captions = {fact.caption: fact.value.replace("\u00a0", " ") for fact in facts(run, find(run))}
    assert captions["of the gap between twin and teacher is closed"] == "92 %"  # 11 of 12
    assert captions["mean IoU of the student’s masks with the teacher’s"] == "0.917"


def test_the_table_has_a_row_for_every_measure() -> None:
    run = numbers_run()
    rows = {row.name: row for row in model_rows(run, find(run))}
    assert list(rows)[:3] == ["RMSE", "MAE", "R²"]
    assert rows["RMSE"].better == "↓"
    assert rows["R²"].better == "↑"
    assert Role.TEACHER not in rows["RMSE to the teacher"].cells


def overlaid(run: ReportData) -> dict[str, dict[str, np.ndarray]]:
    found = find(run)
    strips = overlays(run, {role: one.scores for role, one in found.evaluations.items()})
    return {strip.name: {panel.name: pixels(panel.picture) for panel in strip.panels} for strip in strips}


def blended(ground: int, colour: tuple[int, int, int]) -> list[int]:
    paint = torch.tensor(colour, dtype=torch.float32)
    return (ground * (1 - STRENGTH) + paint * STRENGTH).to(torch.uint8).tolist()


def test_overlays_by_hand() -> None:
    run = masks_run()
    strips = overlaid(run)
    assert next(iter(strips)) == "example 3"  # the only one that the student gets wrong
    worst = strips["example 3"]
    assert list(worst) == ["picture", "label", "teacher", "student", "twin", "difference"]
    ground = run.examples.inputs[3, 0]
    assert worst["picture"][0, 0].tolist() == [int(ground[0, 0])] * 3
    assert worst["label"][0, 0].tolist() == blended(int(ground[0, 0]), RIGHT)
    assert worst["student"][0, 0].tolist() == worst["picture"][0, 0].tolist()  # it answers nothing
    assert worst["label"][11, 9].tolist() == blended(int(ground[11, 9]), UNSURE)
    faded = int(ground[0, 0] * 0.5 + 127)
    assert worst["difference"][0, 0].tolist() == blended(faded, MISSED)
    found = overlays(run, {role: one.scores for role, one in find(run).evaluations.items()})[0].panels[-1]
    assert found.text.replace("\u00a0", " ") == "the student beside the label, missed 18.2 %, added 0.0 %"  # 20 of 110
    other = next(strips[name] for name in strips if name != "example 3")
    assert (other["label"] == other["teacher"])[:11].all()


def test_pictures_without_a_score_are_not_chosen() -> None:
    """A label of exactly 0.5 says nothing on either side of it."""
    examples = Examples.of(
        torch.zeros(3, 1, 4, 4, dtype=torch.uint8), torch.full((3, 4, 4, 1), 0.5),
        question=Question.tags(["salt"], grid=("height", "width")),
    )  # fmt: skip
    outputs = {role: {"main": torch.zeros(3, 4, 4, 1)} for role in (Role.STUDENT, Role.TWIN)}
    run = report_of(examples, outputs)
    assert overlaid(run) == {}
    assert "fewer than two examples have a score" in render_report(run)


def test_inputs_that_are_no_pictures_have_masks_alone() -> None:
    panels = next(iter(overlaid(masks_run(pictures=False)).values()))
    assert "picture" not in panels
    assert (panels["twin"][:11] == 200).all()


def test_tags_in_their_order_and_the_better_of_two() -> None:
    evaluations = {
        role: found for role, found in find(tags_run()).evaluations.items() if isinstance(found, TagEvaluation)
    }
    rows = tag_rows(evaluations)
    assert [row.name for row in rows][-1] == "tag 3"
    assert rows[-1].positives == "0"
    assert rows[-1].precision[Role.STUDENT] == "–"
    assert rows[0].best is Role.STUDENT
    assert len(tag_rows(evaluations, limit=2)) == 2
    assert "1 tag cannot be ranked" in render_report(tags_run())


def test_coverage_by_hand() -> None:
    labels = torch.tensor([[0.0], [1.0], [float("nan")], [3.0]])
    outputs = {"main": torch.zeros(4, 1), "log_variance": torch.zeros(4, 1)}  # σ = 1: ± 0.67, 1.28, 1.64, 1.96
    held = {row.level: row.held[Role.STUDENT] for row in coverage_rows(labels, {Role.STUDENT: outputs})}
    assert list(held.values()) == ["33.3\u00a0%", "66.7\u00a0%", "66.7\u00a0%", "66.7\u00a0%"]
    assert coverage_rows(labels, {Role.STUDENT: {"main": torch.zeros(4, 1)}}) == []
    assert "Do they know how far off they are?" in render_report(numbers_run())
    assert "Do they know how far off they are?" not in render_report(numbers_run(sure=False))


def test_dots_lie_where_they_should() -> None:
    frame = frame_of([0.0, 10.0], [[0.0, 10.0]])
    chart = predicted_chart([0.0, 10.0], [0.0, 0.0], "price", frame)
    first, second = (dot.removesuffix("h0").split() for dot in chart.dots.split("M")[1:])
    assert first[1] == second[1]
    assert float(first[0]) < float(second[0])


def test_the_terminal_gets_a_row_for_every_measure() -> None:
    for make in (masks_run, tags_run, numbers_run):
        run = make()
        found = find(run)
        numbers = {"headline": first_words(found).title} | json.loads(json.dumps(report_numbers(run, found)))
        said, head, *rows = summary_lines(numbers)
        assert said == numbers["headline"]
        assert head.split() == ["teacher", "student", "twin"]
        assert len(rows) == len(found.of_student.measures)
        assert len({len(row) for row in (head, *rows)}) == 1
    bare = unlabelled(masks_run())
    numbers = {"headline": ""} | json.loads(json.dumps(report_numbers(bare)))
    assert summary_lines(numbers) == [
        "no label to judge by: IoU with the teacher 0.917, KL to the teacher "
        f"{numbers['student_like_teacher']['kl']:.3g}, on 12 examples"
    ]


def test_a_comparison_of_scores_is_in_the_numbers() -> None:
    run = masks_run()
    found = find(run)
    assert isinstance(found.against_twin, ScoreComparison)
    assert isinstance(found.of_student, PixelEvaluation)
    against = json.loads(json.dumps(report_numbers(run, found)))["student_against_twin"]
    assert (against["score"], against["verdict"]) == ("IoU", "better")
    assert against["difference"] == pytest.approx(11 / 12)


def test_a_teacher_that_left_tags_out_is_judged_by_what_it_said() -> None:
    """What a teacher of tags did not return has a bound, which its outputs alone would hide."""
    from joryu.targets import SoftTargets, Space

    run = tags_run()
    labels = run.labels
    answers = SoftTargets(
        values=(labels.float() * 0.8 + 0.1), space=Space.PROBS, question=run.question,
        coverage=labels == 1, bound=torch.full((len(labels),), 0.2),
    )  # fmt: skip
    teacher = replace(run.cards[Role.TEACHER], replies=KeptReplies.from_targets(answers))
    found = find(replace(run, models=[teacher, run.student]))
    measures = {one.name: one.value for one in found.of_student.measures}
    assert 0.8 < (measures["same tags as the teacher"] or 0) <= 1
    page = render_report(replace(run, models=[teacher, run.student]))
    assert "What the teacher said of each tag" in page
    assert "What the teacher said of each tag" not in render_report(tags_run())  # it said something of every tag


def test_tags_without_labels_are_shown_by_what_the_teacher_returned() -> None:
    run = unlabelled(tags_run(n_tags=6))
    page = render_report(run)
    assert "What the teacher said of each tag" in page
    assert "Does it say what the teacher says?" in page
    measures = {one.name for one in find(run).of_student.measures}
    assert {"macro average precision", "recall at 5", "nDCG at 5", "calibration error to the teacher"} <= measures


def test_graded_labels_ask_their_own_evaluator() -> None:
    run = RUNS["graded labels"]()
    assert run.question.labels is LabelKind.DISTRIBUTION
    assert run.question.link is Link.SOFTMAX
    assert [row.name for row in model_rows(run, find(run))][:2] == ["Accuracy", "KL to the labels"]
