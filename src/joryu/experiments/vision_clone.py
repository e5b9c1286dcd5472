"""V1 `vision-clone`: students of an API that returns some tags and scores, by what they are taught of the rest.

Claim (the page "Vision APIをVGGで蒸留する", in words, without numbers): an API's tags are a vector of sigmoids, and a
student that learns their scores clones it; the binary cross-entropy does as well as a Kullback–Leibler loss. Joryu adds
that *not returned is not zero*: a tag that did not come is only known to lie below a bound.

The API is a foreign MobileNetV2 behind ``joryu serve`` (`joryu.experiments.cloned_api`), asked once about 16,000
pictures. The page's student, a VGG16 pretrained on ImageNet, cannot be had here; this one is a small MobileNet with
random weights (`joryu.experiments.small_mobile`), so levels are low, and differences between rows are what to read.

* *twin*: told which tags were returned, and no score.
* *BCE*: a tag that was not returned is a 0 (``zero-filled``), as on the page.
* *KL*: scores are divided by their sum (``normalised-kl``).
* *bounded*: a tag that was not returned is held below its bound and no more (``bounded``).
* *bounded with prior*: and pulled towards what can be expected of it there (``bounded-prior``).

All five have the same first weights, order, views and steps. They are judged on other pictures by the probabilities
that the network had before they were rounded and cut, of which the API never said anything; a tag is relevant from
0.02 on. That is where the API's list ends, so which tags were returned *is* the relevance, but for the cut after ten:
the twin is taught the very question that its average precision asks, and the scores tell the others more than is asked.
``held`` asks about tags that the network is sure of, calibration and KL about the probabilities themselves.

With a floor of 0.02 an unreturned tag can hardly be anything but 0. What a bound is worth shows where less is returned:
the same answers cut at 0.5, as Google cuts them, teach four more students.

The recipe is the same for all, and the last epoch is kept. Its four epochs are what a published run has time for. A
first course, of seven, began at one half for every tag and taught the soft students nothing but how frequent tags are;
that all begin at the rates of the tags (`joryu.training.first_rates`) was tried on pictures that choose, with another
seed.

Command: ``JORYU_DATA=... joryu experiment run vision-clone --seeds 3``; ``--full`` trains four times as long. Smoke
size (digits, and a small network behind the same API): seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from joryu.evaluation import count_parameters, measure_latency, state_bytes
from joryu.examples.inputs import Inputs
from joryu.experiments.cloned_api import PRICE, ask, cloned_parts, cut_at, untruncated
from joryu.experiments.cloned_students import ARMS, FULL, HARD, HELD, SCORES, api_answers, quality, student_probs, teach
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.pairs import PairedRow
from joryu.training import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIGH: Final = "high_"  #: before the names of students that learned from answers cut at one half
HIGH_ARMS: Final = (HARD, "bce", "bounded", "prior")


def measure(setting: Setting) -> Measured:
    """Measure one seed: the students of both floors, each kept as it ends."""
    parts = cloned_parts(setting)
    truth = untruncated(setting, parts.judge)
    ledger = ask(setting, parts.learn)
    everybody = replace(setting, folder=setting.shared)
    lesson = api_answers(everybody, ledger, parts.learn, "cloned-answers")
    high = api_answers(everybody, cut_at(ledger, HELD), parts.learn, "cloned-answers-high")
    found: Measured = {
        "answers": len(parts.learn),
        "dollars": len(parts.learn) / 1000 * PRICE,
        "tags": len(lesson.examples.classes),
        "high_tags": len(high.examples.classes),
        "relevant": truth.relevant.sum(1).double().mean().item(),
        "judged_tags": int(truth.frequent.sum()),
    }
    of_seed = setting.of_seed
    for name, divergence in ARMS.items():
        student = teach(of_seed, f"clone-{name}", lesson, divergence)
        found |= quality(name, student_probs(student, parts.judge, truth.names), truth)
        if name == HARD:
            found |= costs(student, parts.judge.inputs)
    for name in HIGH_ARMS:
        student = teach(of_seed, f"clone-{HIGH}{name}", high, ARMS[name])
        found |= quality(HIGH + name, student_probs(student, parts.judge, truth.names), truth)
    return found


def costs(student: Trained, inputs: Inputs) -> Measured:
    """Parameters, megabytes and milliseconds for one picture of a student; all students have the same."""
    latency = measure_latency({"student": student.module}, inputs[:1], repeats=101, threads=1)["student"]
    return {
        "parameters": count_parameters(student.module),
        "mb": state_bytes(student.module) / 1e6,
        "ms": latency.milliseconds,
    }


TITLES = {
    "hard": "hard tags",
    "bce": "BCE, unreturned = 0",
    "kl": "KL of normalised scores",
    "bounded": "bounded",
    "prior": "bounded with prior",
}

ROWS = (
    *(
        ClaimRow(label=f"{TITLES[name]}: {what}", metric=f"{name}_{score}", twin=f"{HARD}_{score}", digits=digits)
        for score, what, digits in SCORES
        for name in ARMS
        if name != HARD
    ),
    *(
        ClaimRow(
            label=f"floor 0.5: {TITLES[name]}: {what}",
            metric=f"{HIGH}{name}_{score}",
            twin=f"{HIGH}{HARD}_{score}",
            digits=digits,
        )
        for score, what, digits in SCORES
        for name in HIGH_ARMS
        if name != HARD
    ),
    ClaimRow(label="pictures that the API was asked about", metric="answers", digits=0),
    ClaimRow(label="… dollars, at 1.5 for 1,000", metric="dollars", digits=2),
    ClaimRow(label="tags that came back", metric="tags", digits=0),
    ClaimRow(label="… from 0.5 on", metric="high_tags", digits=0),
    ClaimRow(label="relevant tags of a picture that judges", metric="relevant", digits=2),
    ClaimRow(label="tags in the macro average precision", metric="judged_tags", digits=0),
    ClaimRow(label="student: parameters", metric="parameters", digits=0),
    ClaimRow(label="student: weights, MB", metric="mb", digits=2),
    ClaimRow(label="student: one picture, ms", metric="ms", digits=2),
)

#: what is compared seed by seed, with the prefix of its floor
COMPARED = (
    *(("", name, HARD) for name in ARMS if name != HARD),
    ("", "prior", "bce"),
    ("", "prior", "bounded"),
    *((HIGH, name, HARD) for name in HIGH_ARMS if name != HARD),
    (HIGH, "prior", "bce"),
    (HIGH, "prior", "bounded"),
)
PAIRS = [
    PairedRow(
        label=f"{'floor 0.5: ' if floor else ''}{TITLES[name]} less {TITLES[other]}: {what}",
        metric=f"{floor}{name}_{score}",
        against=f"{floor}{other}_{score}",
        digits=digits,
    )
    for floor, name, other in COMPARED
    for score, what, digits in SCORES
    if score in {"macro", "micro", "held", "gap", "kl"}
]


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw the macro average precision of every student, one dot a seed."""
    from joryu.report.plots import dots

    shown = {TITLES[name]: name for name in ARMS}
    shown |= {f"floor 0.5: {TITLES[name]}": HIGH + name for name in HIGH_ARMS}
    values = {title: [one[f"{name}_macro"] for one in measured] for title, name in shown.items()}
    return dots(values, published={}, axis="macro average precision, %")


EXPERIMENT = Experiment(
    name="vision-clone",
    claim="V1",
    summary="Students of a tagging API: what to make of the tags that it did not return.",
    data="Tiny ImageNet, 64 × 64, without its labels: 16,000 pictures to learn from, of each of which the API (a "
    "foreign MobileNetV2) gave its ten best of 1,001 tags from 0.02 on; 4,000 to choose settings by; 5,000 to judge, "
    "by the network's own probabilities",
    chance="a seed draws first weights, order and views, the same for all its students; pictures and answers are the "
    "same for all",
    rows=ROWS,
    measure=measure,
    draw=draw,
    unit="",
    twin="hard tags",
    pairs=PAIRS,
    full=FULL,
    headline=("prior_macro", "bce_macro"),
)
