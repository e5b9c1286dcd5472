"""B2 `people-cifar-n`: one person, a vote, or three people's doubts, about every picture that a student learns from.

CIFAR-10N (Wei et al. 2022) has three people's labels for each of CIFAR-10's 50,000 training pictures; 17.2, 18.1 and
17.6 % of them differ from CIFAR-10's own label, and 9.0 % of the majorities do.

*Targets*, about all 50,000: how many likeliest classes differ from CIFAR-10's label, and the NLL of that label (every
target with a thousandth spread evenly, as what it holds impossible would cost infinitely much). How sure one answer is,
where the rest of it goes and who errs how (Dawid & Skene 1979, with the three columns as three annotators) come from
the people's answers alone, never from CIFAR-10's labels.

*Students* from scratch of 10,000 of these pictures drawn by the seed, judged on CIFAR-10's test pictures: errors, NLL
and ECE against CIFAR-10's label, and KL to the ~51 people of CIFAR-10H. All pictures are JPEG-compressed; the recipe is
that of `people_base` with 12 epochs and was fixed beforehand. The twin is told one person's hard label.

The set names the worker and the seconds of every batch of ten. They are not used: which order of the pictures these
follow, and whether its columns are those of the labels, is not documented, and the errors alone do not tell.

Command: ``JORYU_DATA=... joryu experiment run people-cifar-n --seeds 3``. Smoke size: digits, *simulated* annotators.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from joryu.annotations import Settings
from joryu.annotations.dawid_skene import dawid_skene, vote_shares
from joryu.annotations.trials import NONE, Floats, Ints, Trials
from joryu.errors import InputError
from joryu.examples import Examples, data_root, load_examples, parse_views
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.people import CLASSES, cifar_people, simulated_people
from joryu.experiments.people_base import RECIPE, STUDENT, STUDENT_SMOKE, VIEWS
from joryu.experiments.people_cifar import hard_of_one, one_each
from joryu.experiments.people_evaluation import (
    HeldOutPeople,
    drawing,
    evaluate_on_people,
    student_pairs,
    student_rows,
    titles,
)
from joryu.experiments.precomputed import Course, PrecomputedTeacher, learn
from joryu.objectives import Distillation
from joryu.teachers.confidence import agreement_among, fit_logistic
from joryu.teachers.left_over import confusion, distribute, uniform

SHOWN = 10_000  #: pictures that a student learns from
PEOPLE = 3  #: answers about each picture
SPREAD = 1e-3  #: of every target, evenly, before the NLL of a label under it is taken


class Crowd(NamedTuple):
    """What people said about ``P`` pictures, and the pictures that students are evaluated on.

    ``trials`` holds the answers, ``labels [P]`` the set's own label of each picture. ``learn_from`` holds the rows,
    among these pictures, of those that students are trained on; ``shown`` are the latter.
    """

    trials: Trials
    labels: Ints
    learn_from: Ints
    shown: Examples
    evaluation_set: HeldOutPeople


def cifar_n(seed: int) -> Crowd:
    """CIFAR-10N's three labels of every training picture, and CIFAR-10H to evaluate on; the seed draws 10,000 pictures.

    Raises:
        InputError: the data are not there, or are about other pictures.
    """
    examples = load_examples("cifar10", split="train")
    trials, labels = cifar_n_trials(data_root())
    if not np.array_equal(labels, examples.labels_or_empty.numpy()):
        raise InputError(
            "CIFAR-10N is not in the order of these pictures",
            expected="CIFAR-10's training pictures in the order of its Python version",
            received="other labels of its own",
        )
    population = cifar_people()
    rows = np.sort(np.random.default_rng(seed).permutation(len(examples))[:SHOWN])
    return Crowd(
        trials, labels, rows, examples.select(rows.tolist()), HeldOutPeople(population.examples, population.people)
    )


def cifar_n_trials(root: Path) -> tuple[Trials, Ints]:
    """Read CIFAR-10N's 150,000 answers, and CIFAR-10's own label of each picture.

    The three columns of answers count as three annotators.

    Raises:
        InputError: the file is not there.
    """
    path = root / "cifar10_human" / "cifar10n" / "cifar10n.npz"
    if not path.is_file():
        raise InputError(
            f"{path.name} is not in {path.parent}",
            hint="set JORYU_DATA; CIFAR-10N is at github.com/UCSC-REAL/cifar-10-100n (its labels as arrays of an .npz)",
        )
    with np.load(path, allow_pickle=False) as columns:
        choice = np.stack([columns[f"random_label{one}"] for one in range(1, PEOPLE + 1)], axis=1).astype(np.int64)
        labels: Ints = columns["clean_label"].astype(np.int64)
    n = len(labels)
    names, annotator = tuple(f"person {one}" for one in range(1, PEOPLE + 1)), np.tile(range(PEOPLE), n)
    unknown = np.full(n * PEOPLE, np.nan)
    trials = Trials(
        classes=CLASSES,
        pictures=tuple(map(str, range(n))),
        annotators=names,
        sessions=names,
        picture=np.repeat(np.arange(n), PEOPLE),
        annotator=annotator,
        session=annotator,
        choice=choice.ravel(),
        second=np.full(n * PEOPLE, NONE),
        position=np.repeat(np.arange(n), PEOPLE),
        severity=unknown,
        confidence=unknown,
        log_rt=unknown,
        n_changes=unknown,
        signals={},
    )
    return trials, labels


def simulated_crowd(seed: int) -> Crowd:
    """The smoke size: digits and *simulated* annotators."""
    asked = simulated_people(seed)
    labels = asked.examples.labels_or_empty.numpy()
    others = np.setdiff1d(np.arange(len(asked.examples)), asked.rows)
    return Crowd(
        trials=asked.trials,
        labels=labels[asked.rows],
        learn_from=np.arange(len(asked.rows)),
        shown=asked.examples.select(asked.rows.tolist()),
        evaluation_set=HeldOutPeople.of(asked, others),
    )


def measure(setting: Setting) -> Measured:
    """Measure one seed: the quality of the targets of all pictures, and a student for each kind of target."""
    crowd = simulated_crowd(setting.seed) if setting.smoke else cifar_n(setting.seed)
    targets = targets_of(crowd.trials, setting.seed)
    found: Measured = {}
    for name, q in targets.items():
        found |= {f"target_{name}_{what}": value for what, value in against(crowd.labels, q).items()}
    shown = crowd.shown
    recipe = RECIPE.model_copy(update={"epochs": 3 if setting.smoke else 12})
    student = STUDENT_SMOKE if setting.smoke else STUDENT
    course = Course(shown, student, recipe, Distillation(temperature=1.0), views=parse_views(VIEWS))
    told = {name: targets[name][crowd.learn_from] for name in STUDENTS if name in targets}
    told["labels"] = np.eye(len(shown.classes))[crowd.labels[crowd.learn_from]]
    for name, q in told.items():
        module = learn(setting, name, course, PrecomputedTeacher(shown, q)).module
        found |= {f"{name}_{what}": value for what, value in evaluate_on_people(module, crowd.evaluation_set).items()}
    return found


def targets_of(trials: Trials, seed: int) -> dict[str, Floats]:
    """The targets of each kind, ``[P, C]``, from the answers alone; where one answer is used, the seed draws it."""
    settings = Settings(classes=trials.classes)
    chosen = one_each(trials, seed)
    shares = vote_shares(trials)
    sure = fit_logistic(trials, agreement_among(trials), features=())(trials)

    def of_one(rest: Floats) -> Floats:
        return distribute(trials, sure, rest[trials.choice])[chosen]

    return {
        "one": hard_of_one(trials, seed),
        "one_even": of_one(uniform(trials, settings)),
        "one_confused": of_one(confusion(trials, settings)),
        "vote": np.eye(len(trials.classes))[likeliest(shares, seed)],
        "shares": shares,
        "dawid_skene": dawid_skene(trials).posterior,
    }


def likeliest(shares: Floats, seed: int) -> Ints:
    """The class with the largest share in each row; the seed decides between equal ones."""
    ties = np.random.default_rng(seed).random(shares.shape)
    found: Ints = np.where(shares == shares.max(axis=1, keepdims=True), ties, -1.0).argmax(axis=1)
    return found


def against(labels: Ints, q: Floats) -> dict[str, float]:
    """The percentage of rows whose likeliest class is not the label, and the NLL of the label in nats.

    If several classes are equally likely, each counts in part.
    """
    fullest = q == q.max(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    right = fullest[rows, labels] / fullest.sum(axis=1)
    spread = (1 - SPREAD) * q + SPREAD / q.shape[1]
    return {"wrong": float(100 * (1 - right.mean())), "nll": float(-np.log(spread[rows, labels]).mean())}


TOLD = {
    "one": "one person, hard",
    "one_even": "one person, constant smoothing",
    "one_confused": "one person, the rest by confusion",
    "vote": "majority of three, hard",
    "shares": "shares of three votes",
    "dawid_skene": "three votes by Dawid–Skene",
}
STUDENTS = {name: TOLD[name] for name in ("one", "vote", "shares", "dawid_skene")} | {"labels": "CIFAR-10's own labels"}
JUDGED = titles(10_000)
#: percent of wrong labels, Wei et al. 2022, table 1
PUBLISHED: dict[str, float | str] = {"one": "17.2–18.1", "vote": 9.03}

ROWS = (
    *(
        ClaimRow(
            label=f"target: {label}: differs from CIFAR-10's label, %",
            metric=f"target_{name}_wrong",
            twin="target_one_wrong",
            published=PUBLISHED.get(name),
            digits=2,
        )
        for name, label in TOLD.items()
    ),
    *(
        ClaimRow(label=f"target: {label}: NLL", metric=f"target_{name}_nll", twin="target_one_nll", digits=4)
        for name, label in TOLD.items()
    ),
    *student_rows(STUDENTS, JUDGED),
)

#: what a student told the first knows beyond one told the second
COMPARED = {
    "majority of three, over one person": ("vote", "one"),
    "shares of three votes, over their majority": ("shares", "vote"),
    "Dawid–Skene, over shares": ("dawid_skene", "shares"),
    "Dawid–Skene, over one person": ("dawid_skene", "one"),
}

EXPERIMENT = Experiment(
    name="people-cifar-n",
    claim="B2",
    summary="One person, a vote, or three people's doubts, about every picture that a student learns from.",
    data="CIFAR-10N on CIFAR-10's training pictures (JPEG): 10,000 of 50,000 to learn from; CIFAR-10H and CIFAR-10's "
    "10,000 test pictures to judge",
    chance="a seed draws the 10,000 pictures, the answer of each, first weights and order; the people and the pictures "
    "that judge are the same for all",
    rows=ROWS,
    measure=measure,
    draw=drawing(STUDENTS),
    unit="",
    twin="one person, hard",
    pairs=student_pairs(COMPARED, JUDGED),
    moved="Dawid–Skene has another prior (0.5, and 1 more on the diagonal; its target's NLL 0.2937, 0.2938 before), "
    "and as the ids of these pictures are now those of their files' bytes, a seed chooses other ones. Errors "
    "less than from one person: majority -198.7 (-365.8 to -31.5; before -167.7, -246.6 to -88.7), Dawid–Skene "
    "-235.3 (-513.2 to 42.5, so not shown with three seeds; before -211.0, -247.8 to -174.2). Dawid–Skene over "
    "shares: KL -0.0316 (-0.0342 to -0.0289; before -0.0342, -0.0520 to -0.0164), errors -18.3 (-102.1 to 65.4; "
    "before -65.3, -130.6 to -0.1): the fewer errors that were published are not shown any more.",
    headline=("target_vote_wrong", "dawid_skene_errors"),
)
