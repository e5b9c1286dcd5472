"""H7 `few-labels`: soft targets as a regulariser, on pictures.

Claim (Hinton, Vinyals & Dean 2015, section 6, table 5). Frame accuracy of a speech model, training / test, in per cent:

| what it learned from | training | test |
|---|---|---|
| all labels | 63.4 | 58.9 |
| 3 % of the labels, stopped early | 67.3 | 44.5 |
| soft targets of the same 3 % | 65.4 | 57.0 |

So soft targets gave back 87 % of what the labels that were left out had been worth, and needed no early stopping.
There 3 % were some 20 million frames; here they are 1,200 pictures of CIFAR-10 and 1,500 of MNIST, and speech comes
later.

As in the paper one network answers for all others: the one that learned *all* labels, of the same architecture.
Students see 3, 10, 30 or 100 % of the training pictures, drawn by the seed, as often as to make as many steps. *Hard*:
labels; of the epoch with the best validation loss and the last one, whichever is right more often about validation
pictures. (In a first run the loss alone stopped a student of 3 % of CIFAR-10 at 35 %, where its last epoch had 43 %.)
*Soft*: its answers, without any label, to the last epoch. The temperature is the power of 2 up to 64 whose student of
3 % makes the fewest errors on validation pictures. These are 10,000, far more than the 3 % that are learned from, and
so favour the hard students, which are chosen by them.

*Share*: (soft - hard) / (all labels - hard), of test accuracies. *Lost*: how much validation accuracy falls from the
best epoch to the last.

Command: ``JORYU_DATA=... joryu experiment run few-labels --seeds 3``. Smoke size (scikit-learn's digits): seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from joryu.examples import Examples, load_examples, split_examples
from joryu.experiments.costs import training_seconds
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.grid import tried_until_inside
from joryu.experiments.pairs import PairedRow, recovered
from joryu.experiments.weak_learners import (
    HALF,
    LEARNER_SMOKE,
    RECIPE,
    SPLIT_SEED,
    LearnerParts,
    accuracy,
    cifar_parts,
    in_float32,
)
from joryu.objectives import Distillation, HardLabels, Objective
from joryu.students import Blueprint
from joryu.targets import Store
from joryu.teachers import Network
from joryu.teachers.labelling import label_examples
from joryu.training import Recipe, Replayed, Trained, TrainingData, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PERCENT: Final = (3, 10, 30, 100)
PERCENT_SMOKE: Final = (30, 100)
TEMPERATURES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
TRIED_FIRST: Final = slice(0, 3)
SHOWN: Final = 10_000  #: pictures between two looks at the validation part, called an epoch here


@dataclass(frozen=True)
class Case:
    """A set of pictures, and the network that learns it."""

    title: str
    parts: Callable[[Setting], LearnerParts]
    network: str
    recipe: Recipe  #: for epochs of `SHOWN` pictures


def mnist_parts(setting: Setting) -> LearnerParts:
    """MNIST, a sixth of its training pictures held out to choose by; scikit-learn's digits at smoke size."""
    if setting.smoke:
        return LearnerParts(*split_examples(load_examples("digits"), [0.5, 0.25, 0.25], seed=SPLIT_SEED))
    learned, chosen = split_examples(load_examples("mnist", split="train"), [5 / 6, 1 / 6], seed=SPLIT_SEED)
    return LearnerParts(learned, chosen, load_examples("mnist", split="test"))


CASES: Final = {
    "mnist": Case(
        "MNIST", mnist_parts, "mlp:300x2", Recipe(epochs=50, learning_rate=2e-3, batch_size=256)
    ),
    "cifar": Case("CIFAR-10", cifar_parts, HALF, RECIPE.model_copy(update={"epochs": 12})),
}  # fmt: skip


@dataclass(frozen=True)
class Lesson:
    """One case at one setting, which every training of it needs."""

    setting: Setting
    case: Case
    parts: LearnerParts

    def teach(
        self, name: str, shown: Examples, objective: Objective, *, store: Store | None = None, best: bool = False
    ) -> Trained:
        """Train one network on these pictures, to its last epoch or to that of the ``best`` validation loss."""
        recipe = self.case.recipe.model_copy(update={"keep": "best" if best else "last"})
        showings, network = SHOWN, self.case.network
        if self.setting.smoke:
            recipe = recipe.model_copy(update={"epochs": 2, "batch_size": 32})
            showings, network = 600, LEARNER_SMOKE.get(network, "mlp:24x2")
        everything = self.parts.train
        blueprint = Blueprint.fitted(network, everything.inputs, everything.asked_question)
        source = {} if store is None else {"source": Replayed(store)}
        data = TrainingData(shown, validation=self.parts.validation, examples_per_epoch=showings, **source)
        with self.setting.running(name) as run:
            return train(blueprint, data, objective=objective, recipe=self.setting.recipe(recipe), run=run)


def measure(setting: Setting) -> Measured:
    """Measure one seed: for each set the network of all labels, and a soft and a hard student of every share."""
    found: Measured = {}
    for name, case in CASES.items():
        lesson = Lesson(replace(setting, folder=setting.folder / name), case, case.parts(setting))
        found |= {f"{name}_{what}": value for what, value in measure_case(lesson).items()}
    return found | {"seconds": training_seconds(setting.folder)}


def measure_case(lesson: Lesson) -> Measured:
    """The numbers of one set of pictures."""
    setting, parts = lesson.setting, lesson.parts
    percents = PERCENT_SMOKE if setting.smoke else PERCENT
    knows_all = lesson.teach("100-hard", parts.train, HardLabels(), best=True)
    store = label_examples(
        Network(knows_all.module, question=knows_all.blueprint.question),
        parts.train,
        setting.folder / "targets",
        options=in_float32(setting),
    )
    drawn = {percent: share_of(parts.train, percent, setting.seed) for percent in percents}

    def soft(percent: int, temperature: float) -> Trained:
        objective = Distillation(temperature=temperature)
        return lesson.teach(f"{percent}-soft-T{temperature:g}", drawn[percent], objective, store=store)

    def hard(percent: int) -> Trained:
        stopped = lesson.teach(f"{percent}-hard", drawn[percent], HardLabels(), best=True)
        last = lesson.teach(f"{percent}-hard-last", drawn[percent], HardLabels())
        return max((stopped, last), key=lambda one: accuracy(one, parts.validation))

    fewest = percents[0]
    tried = tried_until_inside(
        TEMPERATURES,
        lambda temperature: 100 - accuracy(soft(fewest, temperature), parts.validation),
        first=TRIED_FIRST,
    )
    temperature = min(tried, key=lambda one: tried[one])
    found: Measured = {"temperature": temperature, "tried": {f"{one:g}": wrong for one, wrong in tried.items()}}
    best = accuracy(knows_all, parts.test)
    for percent in percents:
        students = {"hard": knows_all if percent == 100 else hard(percent), "soft": soft(percent, temperature)}
        for kind, trained in students.items():
            key = f"{percent}_{kind}"
            found |= {f"{key}_train": accuracy(trained, drawn[percent])}
            found |= {f"{key}_test": accuracy(trained, parts.test), f"{key}_lost": lost(trained)}
        if percent < 100:
            soft_test, hard_test = (found[f"{percent}_{kind}_test"] for kind in ("soft", "hard"))
            share = recovered(f"{percent}_share", soft_test, hard_test, best)
            found |= share | ({f"{percent}_hard_share": 0.0} if share else {})
    return found


def share_of(examples: Examples, percent: int, seed: int) -> Examples:
    """So many per cent of the examples, drawn by the seed, of each class alike."""
    return examples if percent == 100 else split_examples(examples, [percent / 100], seed=seed)[0]


def lost(trained: Trained) -> float:
    """Validation accuracy of the best epoch less that of the last, in points."""
    seen = [float(epoch["validation_accuracy"]) for epoch in trained.history]
    return 100 * (max(seen) - seen[-1])


def _rows() -> list[ClaimRow]:
    rows = []
    for name, case in CASES.items():
        for percent in PERCENT:
            key, labels = f"{name}_{percent}", f"{case.title}, {percent} % of the pictures"
            rows += [
                ClaimRow(
                    label=f"{labels}: test accuracy, %", metric=f"{key}_soft_test", twin=f"{key}_hard_test", digits=2
                ),
                ClaimRow(
                    label="… training accuracy, %", metric=f"{key}_soft_train", twin=f"{key}_hard_train", digits=2
                ),
                ClaimRow(
                    label="… lost after the best epoch, points",
                    metric=f"{key}_soft_lost",
                    twin=f"{key}_hard_lost",
                    digits=2,
                ),
            ]
            if percent < 100:
                published = "87 (speech)" if percent == 3 else None
                share = f"{labels}: share of the gap recovered, %"
                rows.append(
                    ClaimRow(
                        label=share,
                        metric=f"{key}_share",
                        twin=f"{key}_hard_share",
                        published=published,
                        digits=0,
                    )
                )
        rows.append(ClaimRow(label=f"{case.title}: temperature chosen", metric=f"{name}_temperature", digits=0))
    return rows


PAIRS = [
    pair
    for name, case in CASES.items()
    for percent in PERCENT
    for pair in (
        PairedRow(
            label=f"{case.title}, {percent} %: soft less hard, points", metric=f"{name}_{percent}_soft_test",
            against=f"{name}_{percent}_hard_test",
        ),
        PairedRow(
            label=f"{case.title}, {percent} %: share of the gap recovered, %", metric=f"{name}_{percent}_share",
            against=f"{name}_{percent}_hard_share", digits=0,
        ),
    )
]  # fmt: skip


LINES: Final = (("soft", "student", "soft targets"), ("hard", "twin", "hard labels"))


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw test accuracy by the share of the pictures, soft and hard, a panel for each set."""
    from joryu.report.figures import PALETTE, house_style, new_figure

    figure, panels = new_figure(width=7.2, height=3.4, columns=len(CASES))
    with house_style():
        for axes, (name, case) in zip(panels, CASES.items(), strict=True):
            for kind, colour, title in LINES:
                for percent in PERCENT:
                    key = f"{name}_{percent}_{kind}_test"
                    values = [one[key] for one in measured if key in one]
                    label = title if percent == 100 else None
                    axes.plot([percent] * len(values), values, "o", color=PALETTE[colour], alpha=0.65, label=label)
            axes.set_xscale("log")
            axes.set_xticks(PERCENT, [f"{percent} %" for percent in PERCENT])
            axes.minorticks_off()
            axes.set_title(case.title)
            axes.set_xlabel("pictures learned from")
        panels[0].set_ylabel("test accuracy, %")
        panels[0].legend()
    return figure


EXPERIMENT = Experiment(
    name="few-labels",
    claim="H7",
    summary="Soft targets as a regulariser: from few pictures a student of soft targets learns nearly what all labels "
    "taught its teacher (Hinton, Vinyals & Dean 2015, section 6; there of speech frames).",
    data="MNIST, 50,000 pictures to learn from, 10,000 to choose by, 10,000 to judge; CIFAR-10, JPEG-compressed "
    "(training and test alike), 40,000, 10,000 and 10,000",
    chance="a seed draws which pictures are learned from, first weights and order, and its own network of all labels; "
    "the validation and test pictures are the same for all",
    rows=_rows(),
    measure=measure,
    draw=draw,
    unit="",
    twin="hard labels, stopped where best",
    pairs=PAIRS,
    headline=("cifar_3_share", "cifar_3_soft_test", "mnist_3_share"),
)
