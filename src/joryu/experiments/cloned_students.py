"""Students of a cloned API: what each is taught, how, and how it is judged by what the API never said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import torch
from torch import Tensor

from joryu.evaluation import predict_logits
from joryu.examples import Examples, parse_views
from joryu.experiments.cloned_api import Truth, recorded
from joryu.experiments.experiment import Measured, Setting
from joryu.objectives import Distillation, HardLabels, Objective
from joryu.questions import Link
from joryu.remote import Ledger
from joryu.students import Blueprint
from joryu.targets import Store, expected_unreturned
from joryu.targets.average_precision import average_precision, precision_at
from joryu.targets.calibration import expected_calibration_error, reliability_of
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.training import CarriedOver, LabelsAlone, Recipe, Trained, TrainingData, train

STUDENT, STUDENT_SMOKE = "module:joryu.experiments.small_mobile:small_mobile", "cnn:8x2"
VIEWS, VIEWS_SMOKE = "crop:64+8,flip", "shift:1"
RECIPE = Recipe(epochs=4, learning_rate=3e-3, batch_size=128, weight_decay=0.05, keep="last")
RECIPE_SMOKE = {"epochs": 4, "batch_size": 32, "learning_rate": 1e-2}
EPOCHS_FULL = 4
FULL = f"students learn {EPOCHS_FULL} times as long"

HARD: Final = "hard"
#: what a student is taught, and the divergence that teaches it; the twin is told which tags were returned and no score
ARMS: Final[Mapping[str, str | None]] = {
    HARD: None,
    "bce": "zero-filled",
    "kl": "normalised-kl",
    "bounded": "bounded",
    "prior": "bounded-prior",
}

HELD = 0.5  #: a tag that the network behind the API is this sure of
#: what is measured of a student: name, title, digits
SCORES = (
    ("macro", "macro AP, %", 2),
    ("micro", "micro AP, %", 2),
    ("held", "micro AP of tags from 0.5 on, %", 2),
    ("p1", "precision at 1, %", 1),
    ("p5", "precision at 5, %", 1),
    ("gap", "calibration error, 10 best tags", 4),
    ("kl", "KL to the network's probabilities, nats", 3),
    ("mass", "sum of the probabilities (the network's: 1)", 2),
)

BEST = 10  #: tags of a picture whose probabilities are checked
UNNAMED = 1e-6  #: the probability of a tag that is not in a student's vocabulary


class ApiAnswers(NamedTuple):
    """Pictures, and what the API answered about them."""

    examples: Examples
    store: Store


def api_answers(setting: Setting, ledger: Ledger, examples: Examples, name: str) -> ApiAnswers:
    """The API's recorded answers about some pictures, as a store in the setting's folder.

    Its vocabulary are the tags that came in these answers, which is all that whoever paid for them knows.
    """
    teacher = recorded(ledger, examples)
    asked = examples.asked(teacher.question)
    options = LabelOptions(recheck=False, origin=LabelOrigin(command=setting.command))
    return ApiAnswers(asked, label_examples(teacher, asked, setting.folder / name, options=options))


def teach(
    setting: Setting, name: str, lesson: ApiAnswers, divergence: str | None, *, showings: int | None = None
) -> Trained:
    """Train one student. First weights, order and views depend on the seed alone.

    Without a ``divergence`` it learns hard tags: which were returned. ``showings`` are those of an epoch, where a small
    set is to be shown as often as a large one.
    """
    views = parse_views(VIEWS_SMOKE if setting.smoke else VIEWS)
    recipe = _recipe(setting)
    examples = lesson.examples
    if divergence is None:
        data = TrainingData(hard_tags(lesson), LabelsAlone(views), examples_per_epoch=showings)
    else:
        data = TrainingData(examples, CarriedOver(lesson.store, views), examples_per_epoch=showings)
    spec = STUDENT_SMOKE if setting.smoke else STUDENT
    blueprint = Blueprint.fitted(spec, examples.inputs, examples.asked_question, preparation=examples.preparation)
    with setting.running(name) as run:
        return train(blueprint, data, objective=_objective(lesson, divergence), recipe=recipe, run=run)


def _recipe(setting: Setting) -> Recipe:
    longer = {"epochs": EPOCHS_FULL * RECIPE.epochs}
    changed = RECIPE_SMOKE if setting.smoke else longer if setting.full else {}
    return setting.recipe(RECIPE.model_copy(update=changed))


def _objective(lesson: ApiAnswers, divergence: str | None) -> Objective:
    if divergence is None:
        return HardLabels(link=Link.SIGMOID)
    rows = lesson.store.rows(lesson.examples.ids, 0)
    priors = expected_unreturned(lesson.store, rows) if divergence == "bounded-prior" else ()
    return Distillation(link=Link.SIGMOID, temperature=1.0, divergence=divergence, priors=priors)


def hard_tags(lesson: ApiAnswers) -> Examples:
    """The same pictures, labelled with the tags that were returned: 1, and all others 0."""
    answers = lesson.store.gather(lesson.store.rows(lesson.examples.ids, 0)).dense()
    returned = torch.ones_like(answers.values, dtype=torch.bool) if answers.coverage is None else answers.coverage
    return replace(lesson.examples, labels=returned.to(torch.int8))


def quality(name: str, probs: Tensor, truth: Truth) -> Measured:
    """How a student's probabilities ``[n, C]`` fit what the network behind the API thinks of the same pictures.

    A tag is relevant from a probability of 0.02 on. Average precisions and precisions are in per cent:

    * ``macro``: of each tag over the pictures, the mean over the tags that are relevant for ten pictures or more;
    * ``micro``: of all pairs of picture and tag in one ranking; ``held`` likewise, relevant from 0.5 on;
    * ``p1``, ``p5``: the share of relevant tags among the 1 or 5 best of a picture;
    * ``gap``: the calibration error of the ten best tags of each picture, against the network's probabilities;
    * ``kl``: ``Σ KL(p ‖ q)`` over the tags of a picture, in nats; ``mass``: ``Σ q``, where the network's is 1.
    """
    relevant, known = truth.relevant, torch.ones(probs.shape, dtype=torch.bool)
    by_tag = average_precision(probs, relevant, known)[truth.frequent]
    held = truth.probs >= HELD
    best = probs.topk(min(BEST, probs.shape[1]), dim=1)
    bins = reliability_of(best.values.flatten(), truth.probs.gather(1, best.indices).flatten())
    return {
        f"{name}_macro": 100 * by_tag.nanmean().item(),
        f"{name}_micro": 100 * average_precision(probs.flatten(), relevant.flatten(), known.flatten()).item(),
        f"{name}_held": 100 * average_precision(probs.flatten(), held.flatten(), known.flatten()).item(),
        f"{name}_p1": 100 * precision_at(probs, relevant, known, 1).mean().item(),
        f"{name}_p5": 100 * precision_at(probs, relevant, known, 5).mean().item(),
        f"{name}_gap": expected_calibration_error(bins),
        f"{name}_kl": bernoulli_kl(truth.probs.double(), probs).sum(1).mean().item(),
        f"{name}_mass": probs.sum(1).mean().item(),
    }


def student_probs(trained: Trained, pictures: Examples, names: tuple[str, ...]) -> Tensor:
    """A student's probabilities of the tags ``names``, ``[n, C]`` in float64.

    A tag that it has no output for has a millionth everywhere, and so is ranked last.
    """
    asked = pictures.asked(trained.blueprint.question)
    return spread(predict_logits(trained.module, asked).double().sigmoid(), asked.classes, names)


def spread(probs: Tensor, mine: tuple[str, ...], names: tuple[str, ...]) -> Tensor:
    """Probabilities ``[n, c]`` of the tags ``mine`` over the tags ``names``, ``[n, C]``; a millionth for the others.

    >>> spread(torch.tensor([[0.9]]), ("dog",), ("cat", "dog"))
    tensor([[1.0000e-06, 9.0000e-01]])
    """
    found = probs.new_full((len(probs), len(names)), UNNAMED)
    place = {name: at for at, name in enumerate(names)}
    found[:, [place[name] for name in mine]] = probs
    return found


def bernoulli_kl(p: Tensor, q: Tensor) -> Tensor:
    """``KL(p ‖ q)`` between two Bernoullis, elementwise, in nats.

    >>> bernoulli_kl(torch.tensor([0.5, 0.0]), torch.tensor([0.5, 0.5]))
    tensor([0.0000, 0.6931])
    """
    q = q.clamp(UNNAMED, 1 - UNNAMED)
    found: Tensor = torch.special.xlogy(p, p / q) + torch.special.xlogy(1 - p, (1 - p) / (1 - q))
    return found
