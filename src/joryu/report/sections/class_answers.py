"""Single examples: every model's answer where the student was wrong, and one answer at several temperatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from joryu.report.data import ReportData, Role
from joryu.report.pictures import are_pictures, data_uri

SHOWN = 24  #: the most pictures that the student got wrong
CLASSES_SHOWN = 4  #: classes per picture
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 20.0)
LADDER_CLASSES = 10  #: classes in the temperature table; the others are summed


class ClassBars(NamedTuple):
    """Every model's probability of one class for one example."""

    name: str
    is_label: bool
    probs: dict[Role, float]


class WrongPicture(NamedTuple):
    """A picture that the student got wrong, with its label and every model's answer."""

    picture: str
    source: str | None
    label: str
    answers: dict[Role, str]
    bars: list[ClassBars]


class Rung(NamedTuple):
    """The probability of one class at every temperature."""

    name: str
    is_label: bool
    probs: list[float]


class Ladder(NamedTuple):
    """One teacher's answer at several temperatures."""

    picture: str | None
    label: str
    temperatures: list[float]
    rungs: list[Rung]


def probs_of(run: ReportData) -> dict[Role, Tensor]:
    """Probabilities ``[n, C]`` at T = 1 of every model with replies."""
    rows = torch.arange(len(run.examples))
    answered = {role: card.replies for role, card in run.cards.items() if card.replies is not None}
    return {role: replies.about(rows).soft_targets.combined(1.0).probs(1.0) for role, replies in answered.items()}


def wrong_pictures(run: ReportData, probs: Mapping[Role, Tensor], *, limit: int = SHOWN) -> list[WrongPicture]:
    """The student's errors, the most confident first; none if the inputs are not pictures."""
    if not are_pictures(run.examples.inputs):
        return []
    confidence, predicted = probs[Role.STUDENT].max(-1)
    wrong = (predicted != run.labels).nonzero().flatten()
    order = wrong[confidence[wrong].argsort(descending=True, stable=True)][:limit]
    return [_wrong_picture(run, probs, row) for row in order.tolist()]


def _wrong_picture(run: ReportData, probs: Mapping[Role, Tensor], row: int) -> WrongPicture:
    classes, label = run.examples.classes, int(run.labels[row])
    of_row = {role: probs[role][row] for role in probs}
    return WrongPicture(
        picture=data_uri(run.examples.inputs[row]),
        source=None if run.examples.sources is None else run.examples.sources[row],
        label=classes[label],
        answers={role: classes[int(values.argmax())] for role, values in of_row.items()},
        bars=[
            ClassBars(classes[c], c == label, {role: values[c].item() for role, values in of_row.items()})
            for c in _telling_classes(of_row, label)
        ],
    )


def _telling_classes(probs: Mapping[Role, Tensor], label: int) -> list[int]:
    """The classes to show: the label, the student's answer, the other models' answers, then the next most probable."""
    answers = {role: int(values.argmax()) for role, values in probs.items()}
    likeliest = torch.stack(list(probs.values())).amax(0).argsort(descending=True, stable=True).tolist()
    must = dict.fromkeys([label, answers[Role.STUDENT], *answers.values()])
    return list(dict.fromkeys([*must, *likeliest]))[: max(CLASSES_SHOWN, len(must))]


def temperature_ladder(run: ReportData, probs: Mapping[Role, Tensor]) -> Ladder | None:
    """One answer of the teacher at several temperatures, including the run's; ``None`` without a teacher's replies.

    The example is one that the teacher gets right with about 90 % confidence, so that the other classes have visible
    probabilities at low temperatures too.
    """
    teacher = run.teacher
    if teacher is None or teacher.replies is None:
        return None
    confidence, predicted = probs[Role.TEACHER].max(-1)
    distance = (confidence - 0.9).abs() + 10 * (predicted != run.labels)
    row = int(distance.argmin())
    temperatures = sorted({*TEMPERATURES, run.temperature})
    answer = teacher.replies.about(torch.tensor([row])).soft_targets
    step_probs = [answer.combined(t).probs(t)[0] for t in temperatures]
    pictures = are_pictures(run.examples.inputs)
    return Ladder(
        picture=data_uri(run.examples.inputs[row]) if pictures else None,
        label=run.examples.classes[int(run.labels[row])],
        temperatures=temperatures,
        rungs=_rungs(step_probs, run.examples.classes, int(run.labels[row])),
    )


def _rungs(step_probs: Sequence[Tensor], classes: Sequence[str], label: int) -> list[Rung]:
    order = step_probs[0].argsort(descending=True, stable=True).tolist()
    shown = order if len(order) <= LADDER_CLASSES + 2 else order[:LADDER_CLASSES]
    rungs = [Rung(classes[c], c == label, [probs[c].item() for probs in step_probs]) for c in shown]
    if len(shown) < len(order):
        rest = [max(1 - sum(rung.probs[i] for rung in rungs), 0.0) for i in range(len(step_probs))]
        rungs.append(Rung(f"{len(order) - len(shown):,} others together", False, rest))
    return rungs
