"""`audit`: is there anything to learn from these soft targets? Asked before a student is trained, not after.

Every threshold stands at the top with its reason. Only what makes training pointless is fatal; the rest is said aloud.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from joryu.errors import DeadTeacherError, InputError
from joryu.examples import UNLABELLED, Examples, Ids, distinct_rows
from joryu.examples.shown import shown_as
from joryu.questions import Link
from joryu.targets.exchanged import Exchange
from joryu.targets.likeness import Likeness
from joryu.targets.soft_targets import Space
from joryu.targets.statistics import Agreement, Statistics, finite_rows, gather_agreement, gather_statistics
from joryu.targets.store import Store

NO_INFORMATION = 1e-3
"""Nats of information between example and answer under which a teacher is dead. A *perfect* teacher of a class that one
example in ten thousand belongs to gives exactly this much; a good teacher of ten even classes gives 2.3."""

UNIFORM = 0.999
"""Share of the largest possible entropy from which answers count as uniform. For ten classes every probability then
lies within about 7 % of one tenth: the soft loss looks small and fine, and there is nothing in it."""

ONE_HOT = 0.999
"""Mean probability of the best class from which soft targets are hard labels: what is left for the other classes, the
part that makes a soft target worth having, is under a thousandth."""

NO_AGREEMENT = 0.02
"""Cohen's kappa under which answers have nothing to do with the labels: classes in another order, or a network that
never learned. Chance alone gives kappa 0 with a standard error of about 0.03 on `ENOUGH_LABELS` examples of ten
classes."""

ENOUGH_LABELS = 100
"""Labelled examples under which agreement is reported but nothing is concluded from it."""

GLANCE = 10_000
"""Answers that are looked at in passing, where nobody asked for an audit: their statistics take a few tenths of a
second."""

ENOUGH_ROWS = 100_000
"""Answers after which entropies and accuracies are known to a thousandth; of a larger store so many, spread evenly."""

RARE = 0.01
"""A class is dead if it is never the best and its mean probability is under this share of an even one, ``RARE / C``."""

MISCALIBRATED = 0.1
"""Expected calibration error worth a note; modern networks lie between 0.02 and 0.1 (Guo et al. 2017)."""

ENOUGH_SIGMOIDS = 32
"""Answers, all between 0 and 1, from which they are said to look like a sigmoid's: logits lie on both sides of zero,
and those of a network that knows anything soon leave the unit interval."""

NAMES = 40
"""Classes up to which the order to type stands in the hint; a longer one is in the JSON, for a file."""

OVERRIDE = "--allow-dead-teacher"


class Severity(StrEnum):
    """How bad a finding is."""

    FATAL = "fatal"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the audit noticed, and what to try."""

    code: str
    severity: Severity
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The findings, and the numbers they rest on."""

    findings: tuple[Finding, ...]
    answered: int
    missing: int
    duplicates: int
    failures: int
    temperature: float
    statistics: Statistics | None
    agreement: Agreement | None
    teacher_order: tuple[str, ...] | None = None  #: what ``joryu label --classes`` should be told, if not what it was

    @property
    def fatal(self) -> bool:
        """Whether there is nothing to learn here."""
        return any(finding.severity is Severity.FATAL for finding in self.findings)

    def refuse_if_fatal(self) -> None:
        """Raise for the first fatal finding.

        Raises:
            DeadTeacherError: there is one.
        """
        for finding in self.findings:
            if finding.severity is Severity.FATAL:
                raise DeadTeacherError(finding.message, hint=finding.hint)

    def to_json(self) -> dict[str, Any]:
        """As plain dictionaries, lists and numbers."""
        return {"fatal": self.fatal, **asdict(self)}


def audit(store: Store, examples: Examples | None = None, *, temperature: float = 1.0) -> Audit:
    """Look at the answers about the examples themselves (view 0), and at what is missing.

    Args:
        store: the soft targets.
        examples: what they are about; with labels on some, accuracy and calibration are measured on those.
        temperature: the one a student would be trained at.

    Raises:
        InputError: a damaged shard, or a temperature that is not a positive number.
    """
    if not 0 < temperature < math.inf:
        raise InputError(
            "is not usable",
            setting="temperature",
            expected="a number > 0",
            received=temperature,
            hint="try --temperature 4",
        )
    store.require_sound()
    rows, labels, findings = _rows(store, examples)
    statistics = agreement = None
    if len(rows):
        finite = finite_rows(store, rows)
        if len(finite) < len(rows):
            findings.append(_fatal("not-finite", f"{len(rows) - len(finite)} answers are not finite", "label again"))
        elif store.manifest.question.link.has_probs:
            statistics = gather_statistics(store, _some(rows), temperature)
            findings += _about_likeness(statistics)
            findings += _about_answers(store, statistics, temperature, _look_at(examples))
            agreement = _agreement(store, rows, labels)
            findings += _about_agreement(agreement, store.manifest.classes, _look_at(examples))
    distinct = None if examples is None else examples.ids[distinct_rows(examples.ids)]
    n_examples = store.manifest.examples.count if distinct is None else len(distinct)
    missing = _missing(store, distinct, n_examples)
    findings += _about_bookkeeping(store, missing, n_examples)
    rank = list(Severity)
    return Audit(
        findings=tuple(sorted(findings, key=lambda finding: rank.index(finding.severity))),
        answered=len(store),
        missing=missing,
        duplicates=store.duplicates,
        failures=len(store.failures()),
        temperature=temperature,
        statistics=statistics,
        agreement=agreement,
        teacher_order=None if agreement is None else _teacher_order(agreement.exchange, store.manifest.classes),
    )


def glance(store: Store, examples: Examples) -> tuple[list[Finding], Agreement | None]:
    """What `audit` would find fatal of the answers, and what it would say of a sigmoid, in passing; and how far the
    labels agree, where there are any.

    For whoever has just labelled and trusts the store: of its rows `GLANCE` are looked at, and nothing is counted.
    """
    rows, labels, _ = _rows(store, examples)
    if not len(rows) or not store.manifest.question.link.has_probs:
        return [], None
    statistics = gather_statistics(store, _some(rows, GLANCE), 1.0)
    agreement = _agreement(store, rows, labels, GLANCE)
    findings = [
        *_about_likeness(statistics),
        *_about_answers(store, statistics, 1.0, _look_at(examples)),
        *_about_agreement(agreement, store.manifest.classes, _look_at(examples)),
    ]
    told = [one for one in findings if one.severity is Severity.FATAL or one.code == "sigmoids-as-logits"]
    return told, agreement


def _look_at(examples: Examples | None) -> str:
    """What to do about a teacher that seems to see nothing: most often it is shown pictures of another range."""
    shown = "pictures as they are read, values 0 to 255" if examples is None else shown_as(examples.inputs)
    return f"look at its weights and its input normalisation (a module: is shown {shown}, and must scale them itself)"


def _rows(store: Store, examples: Examples | None) -> tuple[Tensor, Tensor | None, list[Finding]]:
    """The rows of the examples themselves, their labels, and what was noticed while looking for them."""
    if examples is None:
        every = torch.arange(store.n_rows)
        if not len(every):
            return every, None, []
        _, seeds = store.keys(every)
        first = torch.ones(store.n_rows, dtype=torch.bool)
        first[torch.from_numpy(store.index.redundant)] = False
        return every[first & torch.from_numpy(seeds == 0)], None, []
    distinct = distinct_rows(examples.ids)
    found = store.find(examples.ids[distinct], 0)
    answered = found >= 0
    findings = []
    if len(distinct) < len(examples):
        copies = f"{len(examples) - len(distinct)} of {len(examples)} examples are copies of others"
        findings.append(Finding("copies", Severity.NOTE, copies, "they share one answer; remove them if unintended"))
    labels = None if examples.labels is None else examples.labels[torch.from_numpy(distinct)][answered]
    if labels is not None and examples.classes != store.manifest.classes:
        other = "the examples' labels speak of other classes than the teacher; they were not compared"
        findings.append(Finding("other-classes", Severity.WARNING, other, "name the same classes in the same order"))
        labels = None
    return found[answered], labels, findings


def _agreement(store: Store, rows: Tensor, labels: Tensor | None, most: int | None = None) -> Agreement | None:
    if labels is None or store.manifest.question.link is not Link.SOFTMAX or store.manifest.question.grid:
        return None
    known = _some((labels != UNLABELLED).nonzero().flatten(), most)
    return gather_agreement(store, rows[known], labels[known]) if len(known) else None


def _some(rows: Tensor, most: int | None = None) -> Tensor:
    """All rows, or so many (`ENOUGH_ROWS`) of them spread evenly."""
    most = ENOUGH_ROWS if most is None else most
    if len(rows) <= most:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, most, dtype=torch.float64).long()]


def _missing(store: Store, distinct: Ids | None, n_examples: int) -> int:
    seeds = range(store.manifest.n_views + 1)
    if distinct is None:
        return max(0, n_examples * len(seeds) - (len(store) - store.manifest.strangers))
    return sum(int(store.missing(distinct, seed).sum()) for seed in seeds)


def _about_likeness(statistics: Statistics) -> Iterator[Finding]:
    if statistics.likeness is Likeness.PROBABILITIES and statistics.rows > 1:
        message = "these logits are probabilities: every answer lies between 0 and 1 and sums to 1"
        hint = "end the teacher's spec in ,output=probs (in Python: Network(…, output='probs')) and label anew"
        yield _fatal("probabilities-as-logits", message, hint)
    elif statistics.likeness is Likeness.SIGMOIDS and statistics.rows >= ENOUGH_SIGMOIDS:
        message = "every logit lies between 0 and 1, as what comes out of a sigmoid does"
        hint = "if the teacher ends in one, let it return what it has before, and label anew"
        yield Finding("sigmoids-as-logits", Severity.WARNING, message, hint)


def _about_answers(store: Store, statistics: Statistics, temperature: float, look_at: str) -> Iterator[Finding]:
    if statistics.normalised_entropy >= UNIFORM:
        message = f"the teacher is uniform: {statistics.normalised_entropy:.2%} of the largest possible entropy"
        yield _fatal("uniform", message, look_at)
    elif statistics.rows > 1 and statistics.information < NO_INFORMATION:
        best = store.manifest.classes[int(np.argmax(statistics.mean_probs))]
        message = (
            f"the teacher says the same whatever it is shown: {statistics.information:.1e} nats of information"
            f" (at least {NO_INFORMATION:g} expected), most often {best!r}"
        )
        yield _fatal("constant", message, look_at)
    else:
        yield from _about_softness(store, statistics, temperature)
        yield from _about_classes(store, statistics)


def _about_softness(store: Store, statistics: Statistics, temperature: float) -> Iterator[Finding]:
    if store.form.space is not Space.LOGITS and statistics.hard_share > ONE_HOT:
        message = f"{statistics.hard_share:.1%} of the answers name one class and nothing else"
        hint = "no temperature can soften them; ask the teacher for probabilities, or use several teachers"
        yield Finding("hard-answers", Severity.WARNING, message, hint)
    elif statistics.softened_top > ONE_HOT and store.manifest.question.link is Link.SOFTMAX:
        message = f"at temperature {temperature:g} the best class has {statistics.softened_top:.3%} on average"
        yield Finding("near-one-hot", Severity.WARNING, message, "these are hard labels; try a higher temperature")
    if statistics.softened_normalised_entropy > UNIFORM:
        message = f"at temperature {temperature:g} the answers are nearly uniform"
        yield Finding("near-uniform", Severity.WARNING, message, "try a lower temperature, and float32 logits")


def _about_classes(store: Store, statistics: Statistics) -> Iterator[Finding]:
    classes, n = store.manifest.classes, len(store.manifest.classes)
    if store.manifest.question.link is Link.SIGMOID:
        dead = [name for name, mean in zip(classes, statistics.mean_probs, strict=True) if mean < RARE / n]
    else:
        columns = zip(classes, statistics.top_counts, statistics.mean_probs, strict=True)
        dead = [name for name, top, mean in columns if top == 0 and mean < RARE / n]
        if max(statistics.top_counts) == sum(statistics.top_counts) and statistics.rows > 1:
            message = f"the best class is {classes[int(np.argmax(statistics.top_counts))]!r} for every example"
            yield Finding("one-class", Severity.WARNING, message, "check the examples; look at the teacher's accuracy")
    if dead:
        message = f"{len(dead)} of {n} classes are never named: {', '.join(dead[:6])}{', …' if len(dead) > 6 else ''}"
        yield Finding("dead-classes", Severity.WARNING, message, "add examples of them, or leave the classes out")


def _about_agreement(agreement: Agreement | None, classes: tuple[str, ...], look_at: str) -> Iterator[Finding]:
    if agreement is None:
        return
    if agreement.exchange is not None:
        yield _about_exchange(agreement, agreement.exchange, classes)
    elif agreement.labelled >= ENOUGH_LABELS and agreement.kappa < NO_AGREEMENT:
        message = (
            f"the teacher does not agree with the labels: {agreement.accuracy:.1%} right on {agreement.labelled}"
            f" labelled examples, kappa {agreement.kappa:.3f}"
        )
        yield _fatal("disagrees", message, f"check the order of the classes, and {look_at}")
    elif agreement.calibration_error > MISCALIBRATED:
        message = f"confidence and accuracy differ by {agreement.calibration_error:.1%} on average"
        yield Finding(
            "miscalibrated", Severity.NOTE, message, "a temperature chosen on validation data mends most of it"
        )


def _about_exchange(agreement: Agreement, exchange: Exchange, classes: tuple[str, ...]) -> Finding:
    pairs = [
        f"{classes[one]!r} is answered {classes[other]!r} ({hits} of {n} times)"
        for (one, other), (hits, n) in zip(exchange.moved, exchange.counts, strict=True)
    ]
    cut = ", …" if len(pairs) > 4 else ""
    message = (
        f"the teacher names its classes in another order than the examples: {', '.join(pairs[:4])}{cut};"
        f" {len(pairs)} of {len(classes)} classes, {agreement.accuracy:.1%} of the labels agree and"
        f" {exchange.accuracy:.1%} would in the order found"
    )
    order = _teacher_order(exchange, classes) or classes
    if len(order) <= NAMES and not any("," in name for name in order):
        typed = f"--classes {shlex.quote(','.join(order))}"
    else:
        typed = "--classes and a file of the names, one a line, that joryu audit --json gives as teacher_order"
    return _fatal("exchanged", message, f"label anew into another folder with {typed}")


def _teacher_order(exchange: Exchange | None, classes: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names of the classes as they really stand in the teacher's answers."""
    return None if exchange is None else tuple(classes[at] for at in exchange.order)


def _about_bookkeeping(store: Store, missing: int, n_examples: int) -> Iterator[Finding]:
    expected = n_examples * (store.manifest.n_views + 1)
    if missing == expected:
        message = f"none of {n_examples} examples has an answer"  # and nothing can override that
        yield Finding("no-answers", Severity.FATAL, message, "run joryu label with these examples")
    elif missing:
        message = f"{missing} of {expected} examples and views have no answer"
        yield Finding("missing", Severity.WARNING, message, "run joryu label again: only they are asked")
    if failures := store.failures():
        reason, times = Counter(failure.reason for failure in failures).most_common(1)[0]
        message = f"the teacher failed on {len(failures)}; most often ({times}): {reason}"
        yield Finding("failures", Severity.WARNING, message, f"see failures.jsonl in {store.path}")
    if store.duplicates:
        message = f"{store.duplicates} rows repeat the key of an earlier row and are never read"
        yield Finding("duplicates", Severity.NOTE, message, "harmless; joryu label drops them when it merges shards")


def _fatal(code: str, message: str, hint: str) -> Finding:
    return Finding(code, Severity.FATAL, message, f"{hint}; {OVERRIDE} trains all the same")
