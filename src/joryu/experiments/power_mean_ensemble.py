"""E1 `power-mean-ensemble`: soft, hard and power-mean ensembles of weak learners, and one learner that knows as much.

Claim (slides of seed 003): five learners of seven convolutions and one dense layer, each right about 73.6 to 74.5 % of
CIFAR-10, are right about 79.1 % by the mean of their probabilities, 78.3 % by vote, and 79.3 % by the power mean
``(Σ p^u / 5)^(1/u)`` at u = 0.1. All u between 0.0001 and 0.5 lie within 17 of 12,500 pictures there, two runs of the
slides disagree about the order, and u was chosen on the pictures that judge. So this experiment asks what a single run
cannot tell:

* A *pool* of ten learners that differ in first weights and order, and all 252 ensembles of five. They share members, so
  intervals resample the learners, and the pictures too (`joryu.experiments.subsets`).
* The exponent of each ensemble is chosen on 10,000 validation pictures, of a grid that holds that of the slides and
  goes beyond it on both sides. The test pictures judge.

Then ensembles are distilled. Each seed draws five of the nine other learners; a student starts from the seed's first
weights and sees the pictures in the seed's order for as long as each of them did, and learns their stored answers,
combined by their chosen exponent. Its *twin* is the pool's own learner of that seed: the same start, order and steps on
hard labels. *Longer* (seeds 0 and 1; with ``--full`` all): three times the steps, with shifted and mirrored pictures;
half of the student's loss is on hard labels, or (seed 0 alone) none. *Quarter*: a quarter of the width. The temperature
is the power of 2 from ½ to 8 at which the student of a quarter is best on validation pictures; the one seed that took ½
was as good at ¼ (two pictures in 10,000).

*Recovered* is the share of the ensemble's gain over the mean of its members that a student shows.

Command: ``JORYU_DATA=... joryu experiment run power-mean-ensemble --seeds 3``. Smoke size (scikit-learn's digits, all
ensembles of five out of six): seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from torch import Tensor

from joryu.examples import parse_views
from joryu.experiments.costs import training_seconds
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.grid import tried_until_inside
from joryu.experiments.pairs import PairedRow, recovered
from joryu.experiments.subsets import VOTE, Floats, best_rules, estimate, right_answers, subsets_of
from joryu.experiments.weak_learners import (
    DATA,
    FOLDER,
    LEARNER,
    QUARTER,
    LearnerParts,
    accuracy,
    cifar_parts,
    learner,
    members,
    pool_log_probs,
    pool_store,
    teach,
)
from joryu.objectives import Distillation, HardLabels
from joryu.targets import Store
from joryu.targets.combination import Combination
from joryu.targets.recombining import RecombineOptions, recombine
from joryu.training import CarriedOver, LabelsAlone, Replayed, Trained, TrainingData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE: Final = 5  #: members of an ensemble
SLIDES: Final = {
    0.0001: 79.24, 0.001: 79.24, 0.01: 79.248, 0.05: 79.264, 0.1: 79.272, 0.2: 79.264, 0.3: 79.248, 0.5: 79.2,
    0.8: 79.152, 1: 79.136, 2: 78.992, 3: 78.8, 4: 78.696, 5: 78.592,
}  # fmt: skip
#: exponents that each ensemble chooses among: those of the slides, and beyond
EXPONENTS: Final = (-2.0, -1.0, -0.5, -0.2, 0.0, *map(float, SLIDES), 8.0)
TEMPERATURES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
TRIED_FIRST: Final = slice(1, 4)  #: of the temperatures
VIEWS: Final = {False: "shift:3,flip", True: "shift:1"}
LONGER: Final = 3
LONGER_SEEDS: Final = (0, 1)  #: that measure those which learn longer, half an hour of a core each
HALF_HARD: Final = 0.5
POOL_SEED: Final = 0  #: the seed that measures the pool, which is the same for all


def measure(setting: Setting) -> Measured:
    """Measure one seed: an ensemble and its students; the seed 0 measures all ensembles of the pool too."""
    parts = cifar_parts(setting)
    chosen_by, judged_by = (pool_log_probs(setting, parts, part) for part in (parts.validation, parts.test))
    found = whole_pool(chosen_by, judged_by, parts) if setting.seed == POOL_SEED else {}
    found |= one_ensemble(setting, parts, chosen_by, judged_by)
    return found | {"seconds": seconds(setting)}


def seconds(setting: Setting) -> float:
    """Those of this seed's trainings; the shared learners count for the seed that measures the pool."""
    own = training_seconds(setting.folder)
    return own + training_seconds(setting.shared / FOLDER) if setting.seed == POOL_SEED else own


def whole_pool(chosen_by: Tensor, judged_by: Tensor, parts: LearnerParts) -> Measured:
    """Accuracies in per cent of single learners and of all ensembles of five by every rule, with intervals."""
    subsets = subsets_of(len(judged_by), SIZE)
    labels, validation = parts.test.labels_or_empty, parts.validation.labels_or_empty
    rules: tuple[float | str, ...] = (VOTE, *EXPONENTS)
    right = {rule: right_answers(judged_by, labels, subsets, rule).numpy() for rule in rules}
    single = (judged_by.argmax(-1) == labels).double().mean(1).numpy() * 100
    tried = np.stack([right_answers(chosen_by, validation, subsets, u).double().mean(1).numpy() for u in EXPONENTS])
    chosen = best_rules(tried, EXPONENTS)
    by_choice = np.stack([right[u][row] for row, u in enumerate(chosen)])
    found: Measured = {"single": single.mean(), "single_least": single.min(), "single_best": single.max()}
    values = {_name(rule): 100.0 * answers for rule, answers in right.items()} | {"chosen": 100.0 * by_choice}
    found |= _with_interval(
        "ensembles_less_singles", values["u_1"] - _mean_of_members(judged_by, labels, subsets), subsets
    )
    for name, answers in values.items():
        found[name] = float(answers.mean())
        found[f"{name}_least"] = float(answers.mean(1).min())
        found |= _with_interval(f"{name}_gain", answers - values["u_1"], subsets)
    found["least_less_best"] = min(found[f"{name}_least"] for name in values) - found["single_best"]
    found["exponents_chosen"] = {f"{u:g}": chosen.count(u) for u in EXPONENTS if u in chosen}
    return found


def _mean_of_members(log_probs: Tensor, labels: Tensor, subsets: Tensor) -> Floats:
    right = (log_probs.argmax(-1) == labels).double()
    mean: Floats = (100.0 * subsets @ right / SIZE).numpy()
    return mean


def _with_interval(name: str, values: Floats, subsets: Tensor) -> Measured:
    found = estimate(values, subsets)
    return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}


def _name(rule: float | str) -> str:
    return VOTE if rule == VOTE else f"u_{rule:g}"


def one_ensemble(setting: Setting, parts: LearnerParts, chosen_by: Tensor, judged_by: Tensor) -> Measured:
    """The ensemble that the seed draws, its students and their twins."""
    drawn = drawn_members(setting)
    five = subsets_of(len(drawn), len(drawn))
    labels = parts.test.labels_or_empty
    tried = [right_answers(chosen_by[drawn], parts.validation.labels_or_empty, five, u) for u in EXPONENTS]
    [exponent] = best_rules(np.stack([one.double().mean(1).numpy() for one in tried]), EXPONENTS)
    single = 100 * (judged_by[drawn].argmax(-1) == labels).double().mean().item()
    whole = {
        name: 100 * right_answers(judged_by[drawn], labels, five, u).double().mean().item()
        for name, u in (("ensemble", exponent), ("ensemble_soft", 1.0))
    }
    found: Measured = {"exponent": exponent, "members": single, **whole}
    store = combined(setting, parts, drawn, exponent)
    temperature, tried_temperatures = best_temperature(setting, parts, store)
    found |= {"temperature": temperature, "temperatures_tried": tried_temperatures}
    for name, trained in students(setting, parts, store, temperature).items():
        right = accuracy(trained, parts.test)
        found |= {name: right, **recovered(f"{name}_recovered", right, single, whole["ensemble"])}
    return found


def drawn_members(setting: Setting) -> list[int]:
    """Five of the other learners: the one of this seed is the twin."""
    others = [member for member in range(members(setting)) if member != setting.seed]
    return sorted(np.random.default_rng(setting.seed).choice(others, SIZE, replace=False).tolist())


def combined(setting: Setting, parts: LearnerParts, drawn: Sequence[int], exponent: float) -> Store:
    """The stored answers of these members, to be combined by this exponent; nobody is asked again."""
    rule = Combination.parse(f"power={exponent:g}")
    options = RecombineOptions(members=tuple(member + 1 for member in drawn))
    return recombine([pool_store(setting, parts)], setting.folder / "targets", rule, options).store


def best_temperature(setting: Setting, parts: LearnerParts, store: Store) -> tuple[float, dict[str, float]]:
    """The temperature at which a student of a quarter of the width makes the fewest errors on validation pictures."""

    def errors(temperature: float) -> float:
        return 100 - accuracy(_quarter(setting, parts, store, temperature), parts.validation)

    tried = tried_until_inside(TEMPERATURES, errors, first=TRIED_FIRST)
    return min(tried, key=lambda one: tried[one]), {f"{one:g}": wrong for one, wrong in tried.items()}


def _quarter(setting: Setting, parts: LearnerParts, store: Store, temperature: float) -> Trained:
    data, objective = TrainingData(parts.train, Replayed(store)), Distillation(temperature=temperature)
    return teach(setting, f"quarter-T{temperature:g}", QUARTER, data, objective)


def students(setting: Setting, parts: LearnerParts, store: Store, temperature: float) -> dict[str, Trained]:
    """Every student of the ensemble, and its twin."""
    soft, hard = Distillation(temperature=temperature), HardLabels()
    found = {
        "student": teach(setting, "student", LEARNER, TrainingData(parts.train, Replayed(store)), soft),
        "twin": learner(setting, parts, setting.seed),
        "quarter": _quarter(setting, parts, store, temperature),
        "quarter_twin": learner(setting, parts, setting.seed, QUARTER),
    }
    if setting.seed not in LONGER_SEEDS and not setting.full:
        return found
    views, both = parse_views(VIEWS[setting.smoke]), replace(soft, hard_weight=HALF_HARD)
    carried = TrainingData(parts.train, CarriedOver(store, views))
    alone = TrainingData(parts.train, LabelsAlone(views))
    found |= {
        "longer": teach(setting, "longer-both", LEARNER, carried, both, longer=LONGER),
        "longer_twin": teach(setting, "longer-twin", LEARNER, alone, hard, longer=LONGER),
    }
    if setting.seed == POOL_SEED:
        found["longer_soft"] = teach(setting, "longer", LEARNER, carried, soft, longer=LONGER)
    return found


def _rule_rows() -> list[ClaimRow]:
    rows = [
        ClaimRow(label="ten learners, mean test accuracy, %", metric="single", published="73.6 to 74.5", digits=2),
        ClaimRow(label="the best of the ten, %", metric="single_best", digits=2),
        ClaimRow(label="vote of five (mean of all 252 ensembles), %", metric=VOTE, published=78.276, digits=2),
        *(
            ClaimRow(label=_title(u), metric=_name(u), published=SLIDES.get(u), digits=2) for u in EXPONENTS
        ),
        ClaimRow(label="exponent chosen for each ensemble on validation, %", metric="chosen", digits=2),
        ClaimRow(label="the worst ensemble of all, less the best single, points", metric="least_less_best", digits=2),
    ]  # fmt: skip
    return rows + [
        ClaimRow(label=label, metric=f"{name}{end}", digits=2)
        for name, what in GAINS.items()
        for end, label in (("", what), ("_low", "… lower end of its interval"), ("_high", "… upper end"))
    ]


def _title(u: float) -> str:
    known = {0.0: " (mean of logits)", 1.0: " (soft: mean of probabilities)"}
    return f"power mean, u = {u:g}{known.get(u, '')}, %"


GAINS: Final = {
    "ensembles_less_singles": "ensembles of five, soft: less their members, points",
    "vote_gain": "ensembles of five: vote less soft, points",
    "u_0_gain": "ensembles of five: u = 0 less soft, points",
    "u_0.1_gain": "ensembles of five: u = 0.1 less soft, points",
    "u_5_gain": "ensembles of five: u = 5 less soft, points",
    "chosen_gain": "ensembles of five: chosen exponent less soft, points",
}

STUDENTS: Final = {
    "student": ("student of five learners, %", "twin"),
    "longer": ("student of five learners, longer, half hard labels, %", "longer_twin"),
    "longer_soft": ("student of five learners, longer, soft alone, %", "longer_twin"),
    "quarter": ("student of a quarter of the width, %", "quarter_twin"),
}

ROWS = (
    *_rule_rows(),
    ClaimRow(label="the five of a seed: mean of the members, %", metric="members", digits=2),
    ClaimRow(label="the five of a seed: ensemble by its chosen exponent, %", metric="ensemble", digits=2),
    ClaimRow(label="… exponent", metric="exponent", digits=2),
    ClaimRow(label="… temperature chosen on validation pictures", metric="temperature", digits=2),
    *(ClaimRow(label=label, metric=name, twin=twin, digits=2) for name, (label, twin) in STUDENTS.items()),
    *(
        ClaimRow(
            label=f"{label.removesuffix(', %')}: recovered of the ensemble's gain, %",
            metric=f"{name}_recovered",
            twin=f"{twin}_recovered",
            digits=0,
        )
        for name, (label, twin) in STUDENTS.items()
        if name != "quarter"
    ),
)

PAIRS = (
    *(
        PairedRow(label=f"{label.removesuffix(', %')} less twin, points", metric=name, against=twin)
        for name, (label, twin) in STUDENTS.items()
    ),
    PairedRow(label="student less the mean of the members, points", metric="student", against="members"),
    PairedRow(label="student less ensemble, points", metric="student", against="ensemble"),
    PairedRow(label="longer, half hard labels: student less ensemble, points", metric="longer", against="ensemble"),
)


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw what each exponent gains over soft voting, with intervals and the slides' own curve."""
    from joryu.report.figures import PALETTE, house_style, new_figure

    figure, (axes,) = new_figure(width=7.2)
    pool = next((one for one in measured if "single" in one), None)
    with house_style():
        places = range(len(EXPONENTS))
        if pool is not None:
            gains = [pool[f"{_name(u)}_gain"] for u in EXPONENTS]
            low = [gain - pool[f"{_name(u)}_gain_low"] for gain, u in zip(gains, EXPONENTS, strict=True)]
            axes.errorbar(
                places, gains, yerr=low, marker="o", color=PALETTE["student"], label="ours: mean of all ensembles"
            )
            vote = pool["vote_gain"]
            axes.axhline(vote, color=PALETTE["teacher"], linestyle="--", linewidth=1, label="ours: vote")
        axes.plot(
            [place for place, u in enumerate(EXPONENTS) if u in SLIDES],
            [SLIDES[u] - SLIDES[1] for u in EXPONENTS if u in SLIDES],
            "X", color=PALETTE["twin"], label="slides: one ensemble",
        )  # fmt: skip
        axes.set_xticks(places, [f"{u:g}" for u in EXPONENTS], rotation=60)
        axes.set_xlabel("exponent u")
        axes.set_ylabel("accuracy less that of soft voting, points")
        axes.legend()
    return figure


EXPERIMENT = Experiment(
    name="power-mean-ensemble",
    claim="E1",
    summary="Soft, hard and power-mean ensembles of five weak learners, all 252 out of ten, and students of them "
    "(seed 003's slides). Every exponent near soft voting is within noise on the slides.",
    data=DATA + ", 10,000 test pictures to judge",
    chance="the rows of the pool are one pool's, measured once: their intervals resample its ten learners and the test "
    "pictures; a seed draws the five members of its ensemble, first weights and order of its students; pool and "
    "pictures are the same for all",
    rows=ROWS,
    measure=measure,
    draw=draw,
    unit="",
    twin="hard labels, the same start and steps",
    pairs=PAIRS,
    headline=("u_0.1_gain", "longer_recovered", "quarter"),
    full="the students that learn longer in every seed",
)
