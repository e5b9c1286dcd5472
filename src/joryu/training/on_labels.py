"""`train_on_labels`: train a network on hard labels alone, to be a teacher where there is none yet."""

from __future__ import annotations

from dataclasses import replace

from joryu.examples import Examples, parse_views
from joryu.examples.inputs import spooled
from joryu.students import Blueprint
from joryu.training.label_loss import LabelLoss
from joryu.training.recipe import Recipe
from joryu.training.run import Run
from joryu.training.setup import DistillationSetup, held_out, origin_notes, split_test, split_validation
from joryu.training.target_source import LabelsAlone
from joryu.training.trainer import Trained, content_of, train
from joryu.training.training_data import TrainingData


def train_on_labels(  # noqa: PLR0913 - one for each thing a user says; validation and test are the words they are in a DistillationSetup
    network: str,
    examples: Examples,
    *,
    views: str | None = None,
    validation: float,
    test: float = 0.0,
    label_loss: LabelLoss | None = None,
    recipe: Recipe,
    run: Run,
) -> Trained:
    """Train a network on hard labels alone, to be a teacher where there is none yet.

    ``network`` is an architecture, as in `joryu.students.build_architecture`; ``views`` are augmentations, as in
    `joryu.examples.parse_views`. ``validation`` and ``test`` are the shares of a `DistillationSetup`. Give the ``test``
    and the seed that the student will have: then the student's test part is held out from its teacher too.
    ``label_loss`` says how labels are learned, if not by the usual loss of the question.

    >>> import tempfile, torch
    >>> inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    >>> examples = Examples.of(inputs, (inputs[:, 0] > 0).long(), classes=["cat", "dog"])
    >>> recipe = Recipe(epochs=2, precision="32-true")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     teacher = train_on_labels("mlp:8x1", examples, validation=0.1, recipe=recipe, run=Run(folder))
    >>> teacher.module(inputs[:3]).shape
    torch.Size([3, 2])

    Raises:
        InputError: no example has a label, the shares leave nothing to train on, or the loss does not fit the question.
        MismatchError: the folder holds another run.
    """
    setup = DistillationSetup(validation=validation, test=test)
    if not bool(examples.known.any()):
        examples.labelled()  # says what is missing
    question, label_loss = examples.asked_question, label_loss or LabelLoss()
    label_loss.require(question)
    spooled(examples.inputs, run.folder)
    # Before those without a label are left out, as `split_parts` does.
    rest, evaluation_set = split_test(examples, test, recipe.seed)
    teaching, validating = split_validation(rest.labelled(), setup, recipe.seed)
    blueprint = Blueprint.fitted(
        network, teaching.inputs, question, preparation=examples.preparation, outputs_like=teaching.labels
    )
    data = TrainingData(teaching, LabelsAlone(parse_views(views)), validation=validating)
    notes = origin_notes(examples) | held_out(
        examples, test, None if evaluation_set is None else content_of(evaluation_set)
    )
    run = replace(run, notes=run.notes | notes)
    objective = replace(label_loss.objective(question, teaching), units=blueprint.output_std)
    return train(blueprint, data, objective=objective, recipe=recipe, run=run)
