"""V3 `screening`: a source whose pictures all get one tag spoils a clone, until `joryu screen` leaves it out.

Claim (the page "Vision APIをVGGで蒸留する", in words): pictures that were pulled to a certain tag at a certain rate
spoiled the clone, and it got much better once they were screened out.

The API and the pictures are those of `vision-clone`. The 16,000 pictures to learn from are said to come from five
sites, drawn by lot and the same for every seed. One site's are *planted*: enlarged to 256 pixels and printed with a
fine raster, as a site's scans or watermarks may be. The API sees the raster and calls nearly all of them ``window
screen``; the student reads pictures at 64 pixels, where a period of the raster is one pixel and hardly shows
(`joryu.experiments.planted_source`). So it learns that any picture may be a window screen, and nothing of what is on a
fifth of them.

* *spoiled*: learns from all five sites.
* *screened*: learns from what the filter of `joryu.targets.screening` leaves, for as many steps.
* *clean*: learns from the same 16,000 pictures with nothing planted, the upper line: it has a fifth more pictures than
  any screening can leave.

Each beside its twin, which is told the returned tags and no score. All are judged as in `vision-clone`, by pictures
without a raster.

Command: ``JORYU_DATA=... joryu experiment run screening --seeds 3``, beside ``vision-clone``, with which it shares
answers and clean students. Smoke size (one site sends the same digit over and over): seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from torch import Tensor

from joryu.examples import Examples
from joryu.examples.screened import Filter
from joryu.experiments.cloned_api import ask, cloned_parts, untruncated
from joryu.experiments.cloned_students import ARMS, HARD, SCORES, ApiAnswers, api_answers, quality, student_probs, teach
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.pairs import PairedRow
from joryu.experiments.planted_source import PLANTED, sites
from joryu.targets.screening import Screening, left_out_ids, screen, sources_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TAUGHT: Final = ("prior", HARD)
LESSONS: Final = ("spoiled", "screened", "clean")


def measure(setting: Setting) -> Measured:
    """Measure one seed: what screening finds, and the students of all three lessons with their twins."""
    parts = cloned_parts(setting)
    truth = untruncated(setting, parts.judge)
    everybody = replace(setting, folder=setting.shared)
    clean = api_answers(everybody, ask(setting, parts.learn), parts.learn, "cloned-answers")
    pictures = sites(setting, parts.learn)
    spoiled = api_answers(everybody, ask(setting, pictures), pictures, "site-answers")
    found = screen(spoiled.store, spoiled.examples, sources_of(spoiled.examples))
    screened = ApiAnswers(without(spoiled.examples, found), spoiled.store)
    tag = constant_tag(found)
    at = truth.names.index(tag)
    measured: Measured = screened_out(found, spoiled.examples)
    for lesson_name, lesson in zip(LESSONS, (spoiled, screened, clean), strict=True):
        place = setting.of_seed if lesson is clean else setting
        showings = len(pictures) if lesson is screened else None
        for name in TAUGHT:
            called = f"clone-{name}" if lesson is clean else f"{lesson_name}-{name}"
            student = teach(place, called, lesson, ARMS[name], showings=showings)
            of = f"{lesson_name}_{name}"
            probs = student_probs(student, parts.judge, truth.names)
            measured |= quality(of, probs, truth) | leaked(of, probs, at)
    measured["black_box_share"] = 100 * (truth.probs.argmax(1) == at).double().mean().item()
    measured["black_box_prob"] = 100 * truth.probs[:, at].double().mean().item()
    return measured | {"tag": tag}


def without(examples: Examples, found: Screening) -> Examples:
    """The examples that the filter of a screening leaves, as ``screened:FILE`` reads it."""
    ids = left_out_ids(examples, found)
    return Filter(examples=examples.name, typed_in=None, left_out=ids.left_out, once=ids.once).applied(
        examples, Path("filter.json")
    )


def constant_tag(found: Screening) -> str:
    """The tag for which a source was left out; of none, the commonest tag of the source that was planted."""
    planted = next(source for source in found.sources if source.name.endswith(PLANTED))
    return (planted.constant or planted.common)[0].tag


def screened_out(found: Screening, examples: Examples) -> Measured:
    """How much was left out, and of what."""
    planted = [str(PurePosixPath(name).parent).endswith(PLANTED) for name in examples.sources or ()]
    left_out = [planted[row] for row in found.left_out]
    site = next(source for source in found.sources if source.name.endswith(PLANTED))
    tag = constant_tag(found)
    share = next(one for one in (*site.constant, *site.common) if one.tag == tag)
    return {
        "planted": sum(planted),
        "planted_share": 100 * share.share,
        "elsewhere_share": 100 * share.elsewhere,
        "suspicious": len(found.suspicious),
        "left_out": len(left_out),
        "left_out_planted": sum(left_out),
    }


def leaked(name: str, probs: Tensor, at: int) -> Measured:
    """Of pictures that judge, in per cent: the mean probability of the planted tag ``at``, and where it is the best."""
    return {
        f"{name}_planted": 100 * probs[:, at].mean().item(),
        f"{name}_first": 100 * (probs.argmax(1) == at).double().mean().item(),
    }


LEAKS = (
    ("first", "pictures whose best tag is the planted one, %", 2),
    ("planted", "mean probability of the planted tag, %", 2),
)
ROWS = (
    *(
        ClaimRow(
            label=f"{lesson}: {what}", metric=f"{lesson}_prior_{score}", twin=f"{lesson}_{HARD}_{score}", digits=digits
        )
        for score, what, digits in (*SCORES, *LEAKS)
        for lesson in LESSONS
    ),
    ClaimRow(
        label="the network itself: pictures whose best tag is the planted one, %", metric="black_box_share", digits=2
    ),
    ClaimRow(label="the network itself: mean probability of the planted tag, %", metric="black_box_prob", digits=2),
    ClaimRow(label="pictures of the planted site", metric="planted", digits=0),
    ClaimRow(label="… with the planted tag from 0.5 on, %", metric="planted_share"),
    ClaimRow(label="pictures of other sites with it, %", metric="elsewhere_share", digits=2),
    ClaimRow(label="sites that screening found suspicious", metric="suspicious", digits=0),
    ClaimRow(label="pictures left out, copies among them", metric="left_out", digits=0),
    ClaimRow(label="… of the planted site", metric="left_out_planted", digits=0),
)

PAIRS = [
    PairedRow(
        label=f"{lesson} less {other}: {what}{'' if name == 'prior' else ', of the twins'}",
        metric=f"{lesson}_{name}_{score}",
        against=f"{other}_{name}_{score}",
        digits=digits,
    )
    for name in TAUGHT
    for lesson, other in (("screened", "spoiled"), ("screened", "clean"), ("spoiled", "clean"))
    for score, what, digits in SCORES
    if score in {"macro", "micro", "p1", "gap", "kl"}
] + [
    PairedRow(
        label=f"{lesson}: student less twin, {what}",
        metric=f"{lesson}_prior_{score}",
        against=f"{lesson}_{HARD}_{score}",
        digits=digits,
    )
    for lesson in LESSONS
    for score, what, digits in SCORES
    if score in {"macro", "micro"}
]


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw the macro average precision of every lesson's student and twin, one dot a seed."""
    from joryu.report.plots import dots

    titles = {"prior": "bounded with prior", HARD: "hard tags"}
    values = {
        f"{lesson}: {titles[name]}": [one[f"{lesson}_{name}_macro"] for one in measured]
        for lesson in LESSONS
        for name in TAUGHT
    }
    return dots(values, published={}, axis="macro average precision, %")


EXPERIMENT = Experiment(
    name="screening",
    claim="V3",
    summary="A source whose pictures all get one tag spoils the clone of an API, until it is screened out.",
    data="as vision-clone: 16,000 answered pictures of Tiny ImageNet in five sites, those of one printed with a "
    "raster; 5,000 others to judge, without one",
    chance="a seed draws first weights, order and views, the same for all its students; pictures, sites and answers "
    "are the same for all",
    rows=ROWS,
    measure=measure,
    draw=draw,
    unit="",
    twin="hard tags, the same pictures",
    pairs=PAIRS,
    headline=("screened_prior_macro", "spoiled_prior_macro", "clean_prior_macro"),
)
