"""V2 `api-budget`: how well an API is cloned by the number of answers that are paid for.

Claim (the page "Vision APIをVGGで蒸留する", in words): 100,000 pictures were not nearly enough, a million were.

The API and its pictures are those of `vision-clone`. The seed draws 500 to 8,000 of the 16,000 answered pictures, each
set a part of the next, and all of them; the vocabulary are the tags that came in these answers. A student learns them
by ``bounded-prior``, its twin which tags were returned. Both are judged as there, over all tags: one that never came is
ranked last.

A set of ``n`` of the ``N`` pictures is shown ``sqrt(n N)`` at a time for an epoch: 500 pictures in as many steps as
16,000 would be learned by heart, and with a thirty-second of the steps nothing would be learned.

What is missing to 100 % is fitted with ``c + a n^-b`` to the five smaller sizes of each seed. The largest is held out:
what the curve says of it stands beside what was measured. That curve, fitted to all six, is then asked about the
article's 100,000 and million, 6 and 62 times as far as anything measured: an extrapolation for *this* student, whose
limit is its own size.

Command: ``JORYU_DATA=... joryu experiment run api-budget --seeds 3``, beside ``vision-clone``, with which it shares the
answers and the largest size. Smoke size: seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import nnls

from joryu.examples import Examples
from joryu.experiments.cloned_api import PRICE, ask, cloned_parts, untruncated
from joryu.experiments.cloned_students import ARMS, HARD, SCORES, api_answers, quality, student_probs, teach
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.pairs import PairedRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES: Final = (500, 1000, 2000, 4000, 8000, 16000)
SIZES_SMOKE: Final = (25, 50, 75, 100, 150, 200)
TAUGHT: Final = ("prior", HARD)
FITTED: Final = ("macro", "micro")  #: average precisions that a curve is fitted to
FURTHER: Final = (100_000, 1_000_000)  #: answers that the article had
_EXPONENTS = np.geomspace(0.001, 2, 400)  #: at the smallest the law is a logarithm, as far as can be seen


class PowerLaw(NamedTuple):
    """``c + a n^-b``."""

    a: float
    b: float
    c: float

    def at(self, n: float) -> float:
        """Its value."""
        return float(self.c + self.a * n**-self.b)


def power_law(points: Mapping[float, float]) -> PowerLaw:
    """Fit ``c + a n^-b`` with ``a, c >= 0`` by least squares; ``b`` is the best of a grid from 0.001 to 2.

    For each exponent the other two are linear (non-negative least squares).

    >>> law = power_law({n: 10 + 300 * n**-0.5 for n in (100, 400, 1600)})
    >>> round(law.b, 2), round(law.c)
    (0.5, 10)
    """
    n, value = (np.array(part, dtype=float) for part in zip(*sorted(points.items()), strict=True))
    found = []
    for b in _EXPONENTS:
        (a, c), residual = nnls(np.stack([(n / n[0]) ** -b, np.ones_like(n)], axis=1), value)
        found.append((residual, PowerLaw(float(a) * float(n[0]) ** float(b), float(b), float(c))))
    return min(found, key=lambda one: one[0])[1]


def measure(setting: Setting) -> Measured:
    """Measure one seed: student and twin of every number of answers, and the curves through them."""
    parts = cloned_parts(setting)
    truth = untruncated(setting, parts.judge)
    ledger = ask(setting, parts.learn)
    drawn = np.random.default_rng(setting.seed).permutation(len(parts.learn))
    found: Measured = {}
    for size in _sizes(setting):
        whole = size == max(_sizes(setting))
        pictures = parts.learn if whole else part_of(parts.learn, drawn, size)
        everybody = replace(setting, folder=setting.shared)
        lesson = api_answers(
            everybody if whole else setting, ledger, pictures, _named("answers", None if whole else size)
        )
        showings = round((len(pictures) * len(parts.learn)) ** 0.5)
        for name in TAUGHT:
            place = setting.of_seed if whole else setting
            shown = None if whole else showings
            student = teach(place, _named(name, None if whole else size), lesson, ARMS[name], showings=shown)
            found |= quality(f"{name}_{size}", student_probs(student, parts.judge, truth.names), truth)
        found[f"tags_{size}"] = len(lesson.examples.classes)
        found[f"dollars_{size}"] = size / 1000 * PRICE
    return found | curves(found, _sizes(setting))


def _sizes(setting: Setting) -> tuple[int, ...]:
    return SIZES_SMOKE if setting.smoke else SIZES


def _named(what: str, size: int | None) -> str:
    """The folder of a size; that of all pictures is `vision-clone`'s."""
    if size is None:
        return "cloned-answers" if what == "answers" else f"clone-{what}"
    return f"{what}-{size}"


def part_of(pictures: Examples, drawn: npt.NDArray[np.int64], size: int) -> Examples:
    """The first ``size`` pictures of those drawn, in the order of the set."""
    return pictures.select(torch.from_numpy(np.sort(drawn[:size])))


def curves(measured: Measured, sizes: Sequence[int]) -> Measured:
    """The exponents, what the curve through the smaller sizes says of the largest, and that through all further on."""
    found: Measured = {}
    for name in TAUGHT:
        for score in FITTED:
            missing = {float(size): 100 - measured[f"{name}_{size}_{score}"] for size in sizes}
            largest = max(missing)
            law = power_law({size: value for size, value in missing.items() if size < largest})
            found[f"{name}_{score}_exponent"] = law.b
            found[f"{name}_{score}_expected"] = 100 - law.at(largest)
            found[f"{name}_{score}_measured"] = 100 - missing[largest]
            beyond = power_law(missing)
            found |= {f"{name}_{score}_at_{n}": 100 - beyond.at(n) for n in FURTHER}
    return found


ROWS = (
    *(
        ClaimRow(
            label=f"{size:,} answers, {size / 1000 * PRICE:.2f} dollars: {what}",
            metric=f"prior_{size}_{score}",
            twin=f"{HARD}_{size}_{score}",
            digits=digits,
        )
        for score, what, digits in SCORES
        if score in {"macro", "micro", "held", "p1", "kl"}
        for size in SIZES
    ),
    *(ClaimRow(label=f"{size:,} answers: tags that came back", metric=f"tags_{size}", digits=0) for size in SIZES),
    *(
        ClaimRow(
            label=f"{score} AP: {what}", metric=f"prior_{score}_{part}", twin=f"{HARD}_{score}_{part}", digits=digits
        )
        for score in FITTED
        for part, what, digits in (
            ("exponent", "exponent b of c + a n^-b, through 500 to 8,000", 2),
            ("expected", "that curve at 16,000, %", 2),
            ("measured", "measured at 16,000, %", 2),
            *((f"at_{n}", f"the curve through all, at {n:,} ({n / 1000 * PRICE:,.0f} dollars), %", 1) for n in FURTHER),
        )
    ),
)

PAIRS = [
    *(
        PairedRow(
            label=f"{size:,} answers: student less twin, {score} AP",
            metric=f"prior_{size}_{score}",
            against=f"{HARD}_{size}_{score}",
        )
        for score in FITTED
        for size in SIZES
    ),
    *(
        PairedRow(
            label=f"16,000 answers: curve less measured, {score} AP of the {who}",
            metric=f"{name}_{score}_expected",
            against=f"{name}_{score}_measured",
        )
        for score in FITTED
        for name, who in (("prior", "student"), (HARD, "twin"))
    ),
]


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw the macro average precision against what the answers cost, with the range over seeds."""
    from joryu.report.plots import lines

    sizes = [int(name.removeprefix("dollars_")) for name in measured[0] if name.startswith("dollars_")]
    series = {
        title: {one / 1000 * PRICE: [seed[f"{name}_{one}_macro"] for seed in measured] for one in sizes}
        for title, name in (("bounded with prior", "prior"), ("hard tags", HARD))
    }
    labels = ("dollars for answers, at 1.5 for 1,000", "macro average precision, %")
    return lines(series, levels={}, axes_labels=labels, log_x=True)


EXPERIMENT = Experiment(
    name="api-budget",
    claim="V2",
    summary="How well a tagging API is cloned by the number of answers that are paid for.",
    data="as vision-clone: 500 to 16,000 answered pictures of Tiny ImageNet to learn from, 5,000 others to judge",
    chance="a seed draws which pictures are paid for, each set a part of the next, and first weights, order and views",
    rows=ROWS,
    measure=measure,
    draw=draw,
    unit="",
    twin="hard tags, as many answers",
    pairs=PAIRS,
    headline=("prior_16000_macro", "prior_500_macro", "prior_macro_exponent"),
)
