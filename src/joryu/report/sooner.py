"""How much sooner the student reached its twin's lowest validation loss (same seed, same validation part)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joryu.report.data import ModelCard, ReportData
from joryu.report.wording import plural

PREFIX = "validation_"  #: prefix of the validation measures in a history
LOSS = f"{PREFIX}loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An epoch (counted from 1), and the steps and seconds until its end; ``None`` where they were not recorded."""

    epoch: int
    steps: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sooner:
    """When student and twin first had a validation loss as low as the twin's lowest."""

    loss: float  #: the twin's lowest validation loss
    twin: Reached
    student: Reached | None  #: ``None``: the student never reached it
    student_best: float  #: the student's own lowest validation loss

    @property
    def time_share(self) -> float | None:
        """The student's time as a share of the twin's; ``None`` if it never got there or a time is not known."""
        if self.student is None or self.student.seconds is None or not self.twin.seconds:
            return None
        return self.student.seconds / self.twin.seconds


def find_sooner(run: ReportData) -> Sooner | None:
    """Find when the student first reached its twin's lowest validation loss.

    Returns ``None`` without a twin, without losses of both, or where the two losses cannot be compared because one was
    validated by a teacher's answers and the other by labels.
    """
    if run.twin is None:
        return None
    of_twin, of_student = _losses(run.twin), _losses(run.student)
    if not of_twin or not of_student or _validated_by(run.twin) != _validated_by(run.student):
        return None
    loss = min(of_twin.values())
    reached = {
        card.role: next((epoch for epoch, value in losses.items() if value <= loss), None)
        for card, losses in ((run.twin, of_twin), (run.student, of_student))
    }
    twin, student = (_reached(card, reached[card.role]) for card in (run.twin, run.student))
    if twin is None:
        return None
    return Sooner(loss=loss, twin=twin, student=student, student_best=min(of_student.values()))


def sooner_in_words(found: Sooner) -> str:
    """The finding as one sentence.

    >>> twin = Reached(epoch=31, steps=620, seconds=10.0)
    >>> student = Reached(epoch=9, steps=180, seconds=3.0)
    >>> said = sooner_in_words(Sooner(loss=0.3, twin=twin, student=student, student_best=0.2))
    >>> said.removeprefix("The student reached its twin’s best validation loss ")
    'after 9 epochs instead of 31 (180 steps instead of 620; 0.3 of the time).'
    """
    if found.student is None:
        return (
            f"The student never reached its twin’s best validation loss: {found.student_best:.4g} at best, its twin"
            f" {found.loss:.4g} after {plural(found.twin.epoch, 'epoch')}."
        )
    instead = ", as the twin itself did"
    if found.student.epoch != found.twin.epoch:
        instead = f" instead of {found.twin.epoch:,}"
    costs = "; ".join(_costs(found, found.student))
    return (
        f"The student reached its twin’s best validation loss after {plural(found.student.epoch, 'epoch')}{instead}"
        f"{f' ({costs})' if costs else ''}."
    )


def _costs(found: Sooner, student: Reached) -> list[str]:
    costs = []
    if student.steps is not None and found.twin.steps is not None:
        costs.append(f"{plural(student.steps, 'step')} instead of {found.twin.steps:,}")
    if found.time_share is not None:
        costs.append(f"{found.time_share:.2g} of the time")
    return costs


def _losses(card: ModelCard) -> dict[int, float]:
    """The validation loss of each epoch that recorded a finite one."""
    found = {}
    for line in card.history or ():
        epoch, value = line.get("epoch"), line.get(LOSS)
        if isinstance(epoch, int) and isinstance(value, int | float) and math.isfinite(value):
            found[epoch] = float(value)
    return found


def _validated_by(card: ModelCard) -> frozenset[str]:
    """The validation measures that a training recorded; they show what it was validated by."""
    lines: Sequence[Mapping[str, object]] = card.history or ()
    return frozenset(name for line in lines for name in line if name.startswith(PREFIX))


def _reached(card: ModelCard, epoch: int | None) -> Reached | None:
    if epoch is None:
        return None
    line = next(line for line in card.history or () if line.get("epoch") == epoch)
    seconds = line.get("seconds")
    return Reached(
        epoch=epoch,
        steps=None if card.steps_per_epoch is None else epoch * card.steps_per_epoch,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
    )
