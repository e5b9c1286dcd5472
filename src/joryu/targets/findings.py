"""What an audit may find in answers that become probabilities, and its thresholds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import numpy as np

from joryu.questions import Link
from joryu.questions.names import spelt
from joryu.questions.softening import TINY
from joryu.questions.value_kinds import ValueKind
from joryu.targets.correctness import ClassCorrectness, PixelCorrectness, TagCorrectness
from joryu.targets.exchanged import Exchange
from joryu.targets.finding import ENOUGH_LABELS, Finding, Severity, fatal
from joryu.targets.soft_targets import Space
from joryu.targets.statistics import Statistics
from joryu.targets.store import Store

NO_INFORMATION = 1e-3
"""A teacher is dead if example and answer share less information than this, in nats. A *perfect* teacher of a class
with one example in ten thousand gives exactly this much; a good teacher of ten equally frequent classes gives 2.3."""

UNIFORM = 0.999
"""Answers are uniform from this share of the largest possible entropy on. With ten classes every probability is then
within about 7 % of one tenth: the soft loss looks fine, but there is nothing to learn."""

ONE_HOT = 0.999
"""Soft targets are hard labels from this mean probability of the best class on. The other classes, which make soft
targets worth having, then share less than a thousandth."""

NO_AGREEMENT = 0.02
"""Answers have nothing to do with the labels below this kappa of Cohen: the classes are in another order, or the
network never learned. Chance alone gives kappa 0, with a standard error of about 0.03 on `ENOUGH_LABELS` examples of
ten classes."""

ENOUGH_MASKS = 20
"""The fewest masks from which anything is concluded: each has thousands of pixels, but neighbours have like answers."""

RARE = 0.01
"""A class is dead if it is never the best and its mean probability is below ``RARE / C``, this share of an even one."""

MISCALIBRATED = 0.1
"""The expected calibration error that is worth a note; modern networks have 0.02 to 0.1 (Guo et al. 2017)."""

ENOUGH_SIGMOIDS = 32
"""The fewest answers, all between 0 and 1, that are said to look like a sigmoid's. Logits are on both sides of zero,
and those of a network that knows anything soon leave the unit interval."""

NO_SCALE = ("probabilities-as-logits", "percentages-as-logits", "sigmoids-as-logits")
"""Findings that make calibration meaningless, because confidence was computed from values that are not logits."""

NAMES = 40
"""The most classes whose order is typed out in the hint; a longer order is in the JSON, to be put into a file."""


def about_likeness(statistics: Statistics) -> Iterator[Finding]:
    """Findings about answers that are given as logits and look like probabilities, percentages or sigmoids."""
    if statistics.likeness is ValueKind.PROBABILITIES and statistics.rows > 1:
        message = "these logits are probabilities: every answer lies between 0 and 1 and sums to 1"
        hint = "end the teacher's spec in ,output=probs (in Python: Network(…, output='probs')) and label anew"
        yield fatal("probabilities-as-logits", message, hint)
    elif statistics.likeness is ValueKind.PERCENTAGES and statistics.rows > 1:
        message = "these logits are percentages: every answer lies between 0 and 100 and sums to 100"
        hint = (
            "let the teacher divide them by 100, end its spec in ,output=probs (in Python: Network(…, output='probs'))"
            " and label anew"
        )
        yield fatal("percentages-as-logits", message, hint)
    elif statistics.likeness is ValueKind.SIGMOIDS and statistics.rows >= ENOUGH_SIGMOIDS:
        message = "every logit lies between 0 and 1, as what comes out of a sigmoid does"
        hint = "if the teacher ends in one, let it return what it has before, and label anew"
        yield Finding("sigmoids-as-logits", Severity.WARNING, message, hint)


def about_answers(store: Store, statistics: Statistics, temperature: float, look_at: str) -> Iterator[Finding]:
    """Findings about answers without looking at labels: uniform, always the same, too hard, too even, dead classes.

    ``temperature`` is the one that a training would use; ``look_at`` is the hint of what to check in the teacher.
    """
    if statistics.normalised_entropy >= UNIFORM:
        message = f"the teacher is uniform: {statistics.normalised_entropy:.2%} of the largest possible entropy"
        yield fatal("uniform", message, look_at)
    elif statistics.rows > 1 and statistics.information < NO_INFORMATION:
        best = store.manifest.classes[int(np.argmax(statistics.mean_probs))]
        most = "" if store.manifest.question.link.independent else f", most often {best!r}"
        message = (
            f"the teacher says the same whatever it is shown: {statistics.information:.1e} nats of information"
            f" (at least {NO_INFORMATION:g} expected){most}"
        )
        yield fatal("constant", message, look_at)
    else:
        yield from about_softness(store, statistics, temperature)
        yield from about_classes(store, statistics)


def about_softness(store: Store, statistics: Statistics, temperature: float) -> Iterator[Finding]:
    """Findings about answers that are hard labels, or nearly uniform, at the ``temperature`` of a training."""
    if store.form.space is not Space.LOGITS and statistics.hard_share > ONE_HOT:
        single = store.manifest.question.nouns[0]
        message = f"{statistics.hard_share:.1%} of the answers name one {single} and nothing else"
        hint = "no temperature can soften them; ask the teacher for probabilities, or use several teachers"
        yield Finding("hard-answers", Severity.WARNING, message, hint)
    elif statistics.softened_top > ONE_HOT and store.manifest.question.link is Link.SOFTMAX:
        message = f"at temperature {temperature:g} the likeliest class has {statistics.softened_top:.3%} on average"
        yield Finding("near-one-hot", Severity.WARNING, message, "these are hard labels; try a higher temperature")
    if statistics.softened_normalised_entropy > UNIFORM:
        message = f"at temperature {temperature:g} the answers are nearly uniform"
        yield Finding("near-uniform", Severity.WARNING, message, "try a lower temperature, and float32 logits")


def about_classes(store: Store, statistics: Statistics) -> Iterator[Finding]:
    """Findings about classes or tags that hardly occur, and about one class that is named for every example."""
    classes, n = store.manifest.classes, len(store.manifest.classes)
    columns = zip(classes, statistics.top_counts, statistics.mean_probs, strict=True)
    dead = [name for name, top, mean in columns if top == 0 and mean < RARE / n]
    one_of_many, many = store.manifest.question.link is Link.SOFTMAX, store.manifest.question.nouns[1]
    if one_of_many and statistics.rows > 1 and max(statistics.top_counts) == sum(statistics.top_counts):
        message = f"the likeliest class is {classes[int(np.argmax(statistics.top_counts))]!r} for every example"
        yield Finding("one-class", Severity.WARNING, message, "check the examples; look at the teacher's accuracy")
    if dead:
        named = f"{', '.join(dead[:6])}{', …' if len(dead) > 6 else ''}"
        verbs = "is never the answer and has" if len(dead) == 1 else "are never the answer and have"
        message = f"{len(dead)} of {n} {many} {verbs} hardly any probability: {named}"
        yield Finding("dead-classes", Severity.WARNING, message, f"add examples of them, or leave the {many} out")


def about_agreement(agreement: ClassCorrectness, classes: tuple[str, ...], look_at: str) -> Iterator[Finding]:
    """Findings from labels about answers that name one of many classes: another order, no agreement, calibration."""
    if agreement.exchange is not None:
        yield about_exchange(agreement, agreement.exchange, classes)
    elif agreement.labelled >= ENOUGH_LABELS and agreement.kappa < NO_AGREEMENT:
        message = (
            f"the teacher does not agree with the labels: {agreement.accuracy:.1%} right on {agreement.labelled}"
            f" labelled examples, kappa {agreement.kappa:.3f}"
        )
        yield fatal("disagrees", message, f"check the order of the classes, and {look_at}")
    elif agreement.calibration_error > MISCALIBRATED:
        message = f"confidence and accuracy differ by {agreement.calibration_error:.1%} on average"
        yield Finding(
            "miscalibrated", Severity.NOTE, message, "a temperature chosen on validation data mends most of it"
        )


def about_tags(agreement: TagCorrectness, look_at: str) -> Iterator[Finding]:
    """Findings from labels about tags: whether macro average precision is better than by chance."""
    lift = (agreement.macro_ap - agreement.by_chance) / max(1 - agreement.by_chance, TINY)
    if agreement.labelled >= ENOUGH_LABELS and lift < NO_AGREEMENT:
        message = (
            f"the teacher does not agree with the labels: macro average precision {agreement.macro_ap:.3f} over"
            f" {agreement.tags} tags on {agreement.labelled} labelled examples, {agreement.by_chance:.3f} by chance"
        )
        yield fatal("disagrees", message, f"check the order of the tags, and {look_at}")


def about_masks(agreement: PixelCorrectness, look_at: str) -> Iterator[Finding]:
    """Findings from masks about the classes of pixels: whether kappa is better than chance."""
    if agreement.labelled >= ENOUGH_MASKS and agreement.kappa < NO_AGREEMENT:
        message = (
            f"the teacher does not agree with the masks: mean IoU {agreement.mean_iou:.3f} on {agreement.labelled}"
            f" masks, kappa of the pixels {agreement.kappa:.3f}"
        )
        yield fatal("disagrees", message, f"check that masks and pictures belong together, and {look_at}")


def about_exchange(agreement: ClassCorrectness, exchange: Exchange, classes: tuple[str, ...]) -> Finding:
    """The finding that a teacher's classes stand in another order than the examples', with the order to type."""
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
    order = teacher_order(exchange, classes) or classes
    if len(order) <= NAMES:
        typed = f"--classes {shlex.quote(spelt(order))}"
    else:
        typed = "--classes and a file of the names, one a line, that joryu audit --json gives as teacher_order"
    # The way to train all the same is not told here: the answers are good, and the order is found.
    return Finding("exchanged", Severity.FATAL, message, f"label anew into another folder with {typed}")


def teacher_order(exchange: Exchange | None, classes: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names of the classes in the order of the teacher's answers; ``None`` where no exchange was found."""
    return None if exchange is None else tuple(classes[at] for at in exchange.order)
