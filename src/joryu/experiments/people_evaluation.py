"""What the experiments of B2 share: how students of people are evaluated, their tables and their figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import torch
from torch import nn

from joryu.annotations.trials import Floats, Ints
from joryu.evaluation import evaluate_logits, predict_logits
from joryu.examples import Examples
from joryu.experiments.experiment import ClaimRow, Measured
from joryu.experiments.pairs import PairedRow
from joryu.experiments.people import AskedPeople
from joryu.experiments.people_targets import divergence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Titles = Mapping[str, tuple[str, int]]
"""What `evaluate_on_people` finds: how it is called, and its digits."""


def titles(n_judging: int) -> Titles:
    """The title of each measure, for an evaluation on ``n_judging`` pictures."""
    errors = f"errors of {n_judging:,}"
    return {"kl": ("KL to ~51 people", 4), "nll": ("NLL", 4), "ece": ("ECE", 4), "errors": (errors, 0)}


class HeldOutPeople(NamedTuple):
    """Pictures that no student is trained on, and the distribution of people's answers about them, ``[n, C]``."""

    examples: Examples
    people: Floats

    @classmethod
    def of(cls, asked: AskedPeople, rows: Ints) -> Self:
        """The pictures in these rows of the examples."""
        return cls(asked.examples.select(rows.tolist()), asked.people[rows])


def evaluate_on_people(module: nn.Module, evaluation_set: HeldOutPeople) -> dict[str, float]:
    """Errors, NLL and ECE against the set's labels; KL(people ‖ student) in nats."""
    logits = predict_logits(module, evaluation_set.examples)
    found = evaluate_logits(logits, evaluation_set.examples.labels_or_empty)
    probs = torch.log_softmax(logits.double(), dim=-1).exp().numpy()
    kl = float(divergence(evaluation_set.people, probs).mean())
    return {"errors": found.errors, "nll": found.nll, "ece": found.ece, "kl": kl}


def student_rows(students: Mapping[str, str], judged: Titles) -> tuple[ClaimRow, ...]:
    """The table's rows for each measure of each student; the twin is the student of one person's hard labels."""
    return tuple(
        ClaimRow(label=f"student of {label}: {title}", metric=f"{name}_{what}", twin=f"one_{what}", digits=digits)
        for what, (title, digits) in judged.items()
        for name, label in students.items()
    )


def student_pairs(compared: Mapping[str, tuple[str, str]], judged: Titles) -> tuple[PairedRow, ...]:
    """Comparisons by each measure: a student of the first kind of target minus one of the second."""
    return tuple(
        PairedRow(
            label=f"{label}: {title}", metric=f"{first}_{what}", against=f"{second}_{what}", digits=max(digits, 1)
        )
        for what, (title, digits) in judged.items()
        for label, (first, second) in compared.items()
    )


def drawing(students: Mapping[str, str]) -> Callable[[Sequence[Measured]], Figure]:
    """A function that draws the students' KL to the people, one dot per seed."""

    def draw(measured: Sequence[Measured]) -> Figure:
        from joryu.report.plots import dots

        return dots(
            {label: [one[f"{name}_kl"] for one in measured] for name, label in students.items()},
            published={},
            axis="KL(people ‖ student), nats",
        )

    return draw
