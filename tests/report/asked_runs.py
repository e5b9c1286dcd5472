"""Made-up runs of every question, with numbers that can be found by hand."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from joryu.evaluation import KeptReplies
from joryu.examples import Examples
from joryu.questions import PICTURE, LabelKind, Link, Question
from joryu.report import ModelCard, ReportData, Role


def report_of(examples: Examples, outputs: Mapping[Role, Mapping[str, Tensor]]) -> ReportData:
    cards = [
        ModelCard(role=role, description=f"the {role}", replies=KeptReplies.of(examples.asked_question, found))
        for role, found in outputs.items()
    ]
    return ReportData(name="made up", command="joryu distill", examples=examples, models=cards)


def noisy(truth: Tensor, noise: Mapping[Role, float]) -> dict[Role, dict[str, Tensor]]:
    draw = torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    return {role: {"main": truth + share * draw} for role, share in noise.items()}


NOISE = {Role.TEACHER: 0.5, Role.STUDENT: 1.0, Role.TWIN: 3.0}


def tags_run(n: int = 60, n_tags: int = 4) -> ReportData:
    """The last tag holds nowhere."""
    labels = (torch.rand(n, n_tags, generator=torch.Generator().manual_seed(0)) < 0.5).to(torch.int8)
    labels[:, -1] = 0
    question = Question.tags([f"tag {at}" for at in range(n_tags)])
    examples = Examples.of(torch.rand(n, 3), labels, question=question, name="tagged")
    return report_of(examples, noisy(4.0 * labels - 2.0, NOISE))


def numbers_run(n: int = 80, *, sure: bool = True) -> ReportData:
    labels = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 50.0])
    labels[0, 0] = float("nan")
    examples = Examples.of(torch.rand(n, 3), labels, question=Question.numbers(["height", "price"]), name="measured")
    outputs = noisy(labels.nan_to_num(), NOISE)
    if sure:
        for role in (Role.STUDENT, Role.TWIN):
            outputs[role]["log_variance"] = torch.full((n, 2), 2 * torch.tensor(NOISE[role]).log().item())
    return report_of(examples, outputs)


def masks_run(n: int = 12, *, pictures: bool = True) -> ReportData:
    """One tag for each pixel; the left half of picture ``i`` up to row ``i`` holds. The student answers nothing there
    in picture 3, and is right elsewhere; the twin never answers anything."""
    labels = torch.zeros(n, 12, 10, 1, dtype=torch.int8)
    for row in range(n):
        labels[row, : row + 1, :5] = 1
    labels[:, -1] = -1  # nobody knows the last row
    question = Question.tags(["salt"], grid=PICTURE)
    inputs = torch.randint(0, 256, (n, 1, 12, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    examples = Examples.of(inputs if pictures else inputs.float(), labels, question=question, name="masked")
    right = labels.float() * 8 - 4
    student = right.clone()
    student[3] = -4.0
    nothing = torch.full_like(right, -4.0)
    outputs = {Role.TEACHER: right, Role.STUDENT: student, Role.TWIN: nothing}
    return report_of(examples, {role: {"main": values} for role, values in outputs.items()})


def classes_of_pixels_run(n: int = 8) -> ReportData:
    labels = torch.arange(n * 48).view(n, 6, 8) % 3
    question = Question.one_of(["ground", "circle", "<b>square</b>"], grid=PICTURE)
    inputs = torch.randint(0, 256, (n, 3, 6, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    examples = Examples.of(inputs, labels, question=question, name="shapes")
    return report_of(examples, noisy(3.0 * torch.nn.functional.one_hot(labels, 3), NOISE))


def graded_run(n: int = 40) -> ReportData:
    labels = torch.rand(n, 3, generator=torch.Generator().manual_seed(0)).softmax(-1)
    question = Question(names=("a", "b", "c"), link=Link.SOFTMAX, labels=LabelKind.DISTRIBUTION)
    examples = Examples.of(torch.rand(n, 2), labels, question=question, name="graded")
    return report_of(examples, noisy(5 * labels.log(), NOISE))


def number_maps_run(n: int = 6) -> ReportData:
    labels = torch.rand(n, 5, 4, 1, generator=torch.Generator().manual_seed(0))
    examples = Examples.of(torch.rand(n, 1, 5, 4), labels, question=Question.numbers(["depth"], grid=PICTURE))
    return report_of(examples, noisy(labels, NOISE))


RUNS = {
    "tags": tags_run, "numbers": numbers_run, "masks": masks_run, "classes of pixels": classes_of_pixels_run,
    "graded labels": graded_run, "maps of numbers": number_maps_run,
}  # fmt: skip


def unlabelled(run: ReportData) -> ReportData:
    """The same without a label and without a twin."""
    bare = run.examples.hide_labels(torch.arange(len(run.examples)))
    cards = [card for card in run.models if card.role is not Role.TWIN]
    return ReportData(name=run.name, command=run.command, examples=bare, models=cards)
