"""The audit of a store of numbers: their statistics, their agreement with labels, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from joryu.questions import Question
from joryu.targets.finding import ENOUGH_LABELS, Finding, Severity, fatal
from joryu.targets.moments import Moments
from joryu.targets.statistics import in_parts
from joryu.targets.store import Store

STILL = 1e-5
"""Answers are the same for every example if their range is less than this share of their size: float16 rounds by
more."""

ALIKE = 0.5
"""The correlation from which answers follow the labels. If they are far off nevertheless, their unit is another."""

NO_CORRELATION = 0.1
"""The correlation below which answers have nothing to do with the labels. Chance alone gives 0, with a standard error
of 0.1 on `ENOUGH_LABELS` examples."""

WORSE = -0.05
"""The R² below which answers are reported as far off. A teacher that always answers the mean of the labels has 0, or a
little less on labels that it has not seen."""

HALF_WIDTH = 1.6448536269514722  #: the normal's 95th percentile: nine in ten labels should be within so many σ
INTERVAL = 0.9  #: the share of labels that should be in the interval ``z ± 1.645 σ``
UNSURE = 0.2
"""How far from `INTERVAL` the share of labels in the interval may be before it is worth a note."""


@dataclass(frozen=True, slots=True)
class NumberStatistics:
    """Mean and standard deviation of the answers of each output, over ``rows`` rows."""

    rows: int
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    still: tuple[str, ...]  #: outputs that are the same for every example

    def words(self, temperature: float, question: Question) -> str:
        """The statistics as one line of text; numbers do not depend on a temperature."""
        del temperature, question
        shown = [f"{mean:.4g} ± {off:.3g}" for mean, off in zip(self.means[:4], self.deviations[:4], strict=True)]
        return f"the answers are {', '.join(shown)}{', …' if len(self.means) > 4 else ''} (mean and spread)"


@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """The agreement of one output with its labels; R² and correlation are ``None`` if the labels are constant."""

    name: str
    r2: float | None  #: ``1 - Σ (z - y)² / Σ (y - ȳ)²``
    correlation: float | None
    mean: float  #: of the labels
    deviation: float  #: the standard deviation of the labels


@dataclass(frozen=True, slots=True)
class NumberAgreement:
    """The agreement of numbers with labels, in total and for each output."""

    labelled: int
    outputs: tuple[OutputAgreement, ...]
    coverage: float | None  #: share of labels within ``z ± 1.645 σ``, where a variance is known

    @property
    def score(self) -> float:
        """The mean R² of the outputs for which it is defined; 0 if there are none."""
        found = [output.r2 for output in self.outputs if output.r2 is not None]
        return sum(found) / len(found) if found else 0.0

    def words(self) -> str:
        """The agreement as one line of text."""
        shown = [f"R² {output.r2:.4f} of {output.name}" for output in self.outputs if output.r2 is not None]
        covered = "" if self.coverage is None else f"; {self.coverage:.1%} of them within the 90 % interval"
        return f"{', '.join(shown[:4]) or 'no R²'}{', …' if len(shown) > 4 else ''} on {self.labelled} labels{covered}"


def gather_numbers(store: Store, rows: Tensor) -> NumberStatistics:
    """The statistics of the answers in some rows, which must be finite."""
    names = store.manifest.question.names
    spread, low, high = Moments(len(names)), torch.full((len(names),), torch.inf), torch.full((len(names),), -torch.inf)
    for part in in_parts(store, rows):
        numbers = _numbers(store, part).flatten(0, -2)
        spread.add(numbers, numbers)
        low, high = torch.minimum(low, numbers.amin(0)), torch.maximum(high, numbers.amax(0))
    size = torch.maximum(low.abs(), high.abs())
    still = ((high - low) <= STILL * size).tolist()
    means, deviations = spread.of_answers()
    return NumberStatistics(
        rows=len(rows),
        means=means,
        deviations=deviations,
        still=tuple(name for name, same in zip(names, still, strict=True) if same),
    )


def number_agreement(store: Store, rows: Tensor, labels: Tensor) -> NumberAgreement | None:
    """The agreement of the answers in some rows with ``labels [n, (height, width,) C]``; ``None`` if shapes differ."""
    names = store.manifest.question.names
    shape = store.form.shape[1:] if store.form.members else store.form.shape
    if tuple(labels.shape[1:]) != tuple(shape):
        return None
    moments, within, known = Moments(len(names)), 0, 0
    start = 0
    for part in in_parts(store, rows):
        truth, answers = labels[start : start + len(part)], store.gather(part).combined()
        start += len(part)
        numbers = answers.numbers()
        moments.add(truth, numbers)
        if answers.variance is not None:
            sure = (truth - numbers).abs() <= HALF_WIDTH * answers.variance.float().sqrt()
            within, known = within + int(sure.sum()), known + int((~truth.isnan()).sum())
    means, deviations = moments.of_labels()
    outputs = zip(names, moments.r2(), moments.correlation(), means, deviations, strict=True)
    return NumberAgreement(
        labelled=len(rows),
        outputs=tuple(OutputAgreement(*output) for output in outputs),
        coverage=within / known if known else None,
    )


def about_numbers(statistics: NumberStatistics) -> Iterator[Finding]:
    """Findings about answers without looking at labels: all outputs are constant, or some are."""
    if statistics.rows < 2 or not statistics.still:
        return
    if len(statistics.still) == len(statistics.means):
        message = f"the teacher says the same whatever it is shown: {statistics.means[0]:.6g}"
        yield fatal("constant", message, "look at its weights and its input normalisation")
        return
    names = ", ".join(statistics.still[:6]) + (", …" if len(statistics.still) > 6 else "")
    message = f"{len(statistics.still)} of {len(statistics.means)} outputs never change: {names}"
    yield Finding("constant-outputs", Severity.WARNING, message, "leave them out, or look at the teacher's head")


def about_errors(statistics: NumberStatistics, agreement: NumberAgreement) -> Iterator[Finding]:
    """Findings from labels: which outputs are far off, whether another unit explains it, and whether σ is right."""
    if agreement.labelled < ENOUGH_LABELS:
        return
    scored = [output for output in agreement.outputs if output.r2 is not None]
    off = [output for output in scored if output.r2 is not None and output.r2 < WORSE]
    scaled = [output for output in off if (output.correlation or 0.0) >= ALIKE]
    lost = [output for output in off if (output.correlation or 0.0) < NO_CORRELATION]
    if scaled:
        yield _about_unit(scaled[0], statistics, agreement, every=len(scaled) == len(scored))
    if lost:
        message = f"the teacher does not agree with the labels: {_described(lost)}"
        hint = "look at its weights, its input normalisation and the order of its outputs"
        severe = fatal("disagrees", message, hint)
        yield severe if len(lost) == len(scored) else Finding("disagrees", Severity.WARNING, message, hint)
    elif rest := [output for output in off if output not in scaled]:
        message = f"the labels' own mean would be nearer than the answers: {_described(rest)}"
        yield Finding("worse-than-the-mean", Severity.WARNING, message, "look at the teacher's training and its units")
    if agreement.coverage is not None and abs(agreement.coverage - INTERVAL) > UNSURE:
        message = f"{agreement.coverage:.1%} of the labels lie within the teacher's 90 % interval"
        yield Finding("miscalibrated", Severity.NOTE, message, "its variances are too small or too large")


def _about_unit(
    output: OutputAgreement, statistics: NumberStatistics, agreement: NumberAgreement, every: bool
) -> Finding:
    at = agreement.outputs.index(output)
    message = (
        f"the teacher's {output.name} goes with the labels (correlation {output.correlation:.2f}) and lies elsewhere"
        f" (R² {output.r2:.3g}): its answers are {statistics.means[at]:.4g} ± {statistics.deviations[at]:.3g}, the"
        f" labels {output.mean:.4g} ± {output.deviation:.3g}"
    )
    hint = "another unit, or standardised? let it answer in the labels' unit and label anew"
    return fatal("another-unit", message, hint) if every else Finding("another-unit", Severity.WARNING, message, hint)


def _described(outputs: list[OutputAgreement]) -> str:
    shown = [f"R² {one.r2:.3g}, correlation {one.correlation or 0.0:.2f} of {one.name}" for one in outputs[:4]]
    return "; ".join(shown) + ("; …" if len(outputs) > 4 else "")


def _numbers(store: Store, rows: Tensor) -> Tensor:
    return store.gather(rows).combined().numbers()
