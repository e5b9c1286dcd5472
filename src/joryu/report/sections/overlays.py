"""Masks drawn over a few pictures: the label's, each model's, and where the two differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from joryu.evaluation import Scores
from joryu.questions import UNKNOWN, Link, Question, decided
from joryu.report.data import ReportData, Role
from joryu.report.pictures import are_pictures, data_uri, thumbnail_uri
from joryu.report.wording import number, percent

WORST, SEEDED = 4, 4  #: examples shown: the student's worst, and some chosen at random with a fixed seed
SIDE = 160  #: a panel's longer side, in pixels
SMALL = 64  #: panels up to this side are stored without loss
STRENGTH = 0.6  #: opacity of a mask's colour

COLOURS = (
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66),
    (136, 86, 167), (102, 166, 30), (166, 118, 29),
)  # fmt: skip
"""Okabe & Ito's, which most people can tell apart, and three more; used again from the first where they run out."""
RIGHT, MISSED, EXTRA, UNSURE = (0, 114, 178), (230, 159, 0), (204, 50, 20), (128, 128, 128)
"""At least ΔE 25 (CIE 1976) from one another and from the faded picture, for protan, deutan and tritan eyes too."""


class Panel(NamedTuple):
    """One picture of a strip."""

    name: str  #: ``picture``, ``label``, a role or ``difference``
    picture: str
    text: str  #: alternative text, for screen readers
    note: str = ""


class Strip(NamedTuple):
    """The panels of one example, side by side."""

    name: str
    chosen: str  #: why this example is shown
    panels: list[Panel]


class Map(NamedTuple):
    """Which outputs hold at each pixel, and where that is known: both bool ``[C, height, width]``."""

    holds: Tensor
    known: Tensor


class Difference(NamedTuple):
    """Where answer and label agree on what is drawn, and where only one of them has it: bool ``[height, width]``.

    A pixel that the answer gives to another class than the label has been both missed and added; it counts as both, and
    is drawn as added.
    """

    right: Tensor
    missed: Tensor
    added: Tensor
    known: Tensor

    @classmethod
    def of(cls, label: Map, answer: Map, question: Question) -> Difference:
        """Compare an answer with the label."""
        shown = list(shown_outputs(question))
        known, true, said = label.known[shown], label.holds[shown], answer.holds[shown]
        right, missed, added = ((part & known).any(0) for part in (true & said, true & ~said, said & ~true))
        return cls(right, missed, added, label.known.any(0))

    def in_words(self) -> str:
        """How much is missed and added, in shares of the known pixels."""
        known = max(int(self.known.sum()), 1)
        missed, added = (percent(int(part.sum()) / known) for part in (self.missed, self.added))
        return f"missed {missed}, added {added}"

    def over(self, ground: Tensor) -> Tensor:
        """The three, over a faded picture."""
        drawn = (ground.float() * 0.5 + 127).to(torch.uint8)
        for where, colour in ((self.right, RIGHT), (self.missed, MISSED), (self.added, EXTRA), (~self.known, UNSURE)):
            drawn = _painted(drawn, where, colour)
        return drawn


def overlays(run: ReportData, scores: Mapping[Role, Scores]) -> list[Strip]:
    """Strips of the student's worst examples, and of some drawn at random (seed 0)."""
    worst, lot = chosen_rows(scores[Role.STUDENT])
    rows = torch.tensor([*worst, *lot], dtype=torch.int64)
    if not len(rows):  # no picture has a score, as where every mask is half certain
        return []
    replies = {
        role: card.replies.about(rows).outputs["main"] for role, card in run.cards.items() if card.replies is not None
    }
    strips = []
    for at, row in enumerate(rows.tolist()):
        why = "one of the student’s worst" if at < len(worst) else "drawn by lot"
        strips.append(_strip(run, row, why, {role: (found[at], scores[role]) for role, found in replies.items()}))
    return strips


def chosen_rows(scores: Scores, *, worst: int = WORST, seeded: int = SEEDED) -> tuple[list[int], list[int]]:
    """The rows with the lowest scores, and others drawn with a fixed seed; rows without a score (NaN) are left out.

    >>> chosen_rows(Scores("IoU", torch.tensor([0.9, 0.1, 0.5, float("nan")])), worst=1, seeded=1)[0]
    [1]
    """
    order = [row for row in scores.values.argsort(stable=True).tolist() if not scores.values[row].isnan()]
    first, rest = order[:worst], sorted(order[worst:])
    lot = torch.randperm(len(rest), generator=torch.Generator().manual_seed(0))[:seeded].tolist()
    return first, sorted(rest[at] for at in lot)


def _strip(run: ReportData, row: int, why: str, answers: Mapping[Role, tuple[Tensor, Scores]]) -> Strip:
    question = run.question
    label = _map_of_label(run.labels[row], question)
    ground = _ground(run.examples.inputs[row], label)
    maps = {role: _map_of_answer(outputs, question) for role, (outputs, _) in answers.items()}
    panels = []
    if are_pictures(run.examples.inputs):
        panels.append(Panel("picture", _uri(ground), "the picture"))
    panels.append(Panel("label", _uri(_coloured(ground, label, question)), "the label over the picture"))
    for role, found in maps.items():
        score = answers[role][1]
        value = score.values[row].item()
        note = f"{score.name} {number(value)}"
        panels.append(Panel(role, _uri(_coloured(ground, found, question)), f"the {role}’s answer, {note}", note))
    differing = Difference.of(label, maps[Role.STUDENT], question)
    words = differing.in_words()
    panels.append(Panel("difference", _uri(differing.over(ground)), f"the student beside the label, {words}", words))
    name = run.examples.sources[row] if run.examples.sources else f"example {row}"
    return Strip(name, why, panels)


def _ground(picture: Tensor, label: Map) -> Tensor:
    """The picture in colour, uint8 ``[3, height, width]``; plain grey if the inputs are not pictures."""
    if picture.dtype != torch.uint8 or picture.ndim != 3 or picture.shape[0] not in (1, 3):
        return torch.full((3, *label.holds.shape[1:]), 200, dtype=torch.uint8)
    return picture.expand(3, -1, -1).cpu()


def _map_of_label(label: Tensor, question: Question) -> Map:
    if question.link is Link.SIGMOID:
        return Map(*decided(label.movedim(-1, 0)))
    return Map(_one_hot(label, len(question)), (label != UNKNOWN).expand(len(question), *label.shape))


def _map_of_answer(outputs: Tensor, question: Question) -> Map:
    sigmoid = question.link is Link.SIGMOID
    holds = outputs.movedim(-1, 0) > 0 if sigmoid else _one_hot(outputs.argmax(-1), len(question))
    return Map(holds, torch.ones_like(holds))


def _one_hot(classes: Tensor, n: int) -> Tensor:
    return torch.arange(n).reshape(-1, 1, 1) == classes


def shown_outputs(question: Question) -> range:
    """The outputs that are drawn in colour: all tags; all classes but the first, usually the background."""
    return range(0 if question.link is Link.SIGMOID else 1, len(question))


def colour_of(output: int, question: Question) -> tuple[int, int, int]:
    """The colour of an output's pixels."""
    return COLOURS[(output - shown_outputs(question).start) % len(COLOURS)]


def _coloured(ground: Tensor, found: Map, question: Question) -> Tensor:
    drawn = ground.clone()
    for output in shown_outputs(question):
        drawn = _painted(drawn, found.holds[output] & found.known[output], colour_of(output, question))
    return _painted(drawn, ~found.known.any(0), UNSURE)


def _painted(picture: Tensor, where: Tensor, colour: tuple[int, int, int]) -> Tensor:
    paint = torch.tensor(colour, dtype=torch.float32).reshape(3, 1, 1)
    mixed = (picture.float() * (1 - STRENGTH) + paint * STRENGTH).to(torch.uint8)
    return torch.where(where, mixed, picture)


def _uri(picture: Tensor) -> str:
    # Small masks keep their sharp edges: JPEG's artefacts would look like uncertainty of the model.
    return data_uri(picture) if max(picture.shape[1:]) <= SMALL else thumbnail_uri(picture, SIDE)
