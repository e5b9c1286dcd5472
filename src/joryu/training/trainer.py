"""`train`: train a student on training data with an objective. Nothing here knows a method or a question by name."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.objectives import Objective
from joryu.students import Blueprint, fingerprint, load_student, save_student
from joryu.students.architecture import file_to_begin_with
from joryu.training.checkpoint import clean
from joryu.training.loop import Loop
from joryu.training.processes import make_fabric, no_gpu_search, own_randomness
from joryu.training.recipe import Recipe
from joryu.training.run import METRICS, Run, best_epoch_kept, read_run
from joryu.training.training_data import TrainingData


@dataclass(frozen=True)
class Trained:
    """A finished training: the student in evaluation mode, its blueprint, the records of its epochs and its folder.

    ``best_epoch``, from 1, is the epoch whose weights were kept; ``None`` if they are those of the last epoch.
    """

    module: nn.Module
    blueprint: Blueprint
    history: list[dict[str, Any]]
    folder: Path
    best_epoch: int | None = None

    @property
    def chosen(self) -> dict[str, Any]:
        """The record of the epoch whose weights the student has; empty if ``metrics.jsonl`` was lost."""
        if self.best_epoch is None:
            return self.history[-1] if self.history else {}
        return next((record for record in self.history if record["epoch"] == self.best_epoch), {})


def train(
    blueprint: Blueprint,
    data: TrainingData,
    *,
    objective: Objective,
    recipe: Recipe,
    run: Run,
) -> Trained:
    """Train a student in the folder of ``run``.

    If an earlier call with the same arguments was interrupted, it resumes; if it had finished, its student is loaded.

    The result is a function of the arguments alone: the same seed gives the same bits on the same machine, whether the
    training was interrupted or not. Ctrl-C saves a checkpoint first. Under ``fabric run`` the processes share each
    batch, and the first of them writes.

    Args:
        blueprint: the student's plan (`Blueprint.fitted`).
        data: what is taught, where its soft targets come from, and what validates.
        objective: from outputs, soft targets and labels to named losses ``[B]``; the mean of their sum is minimised.
        recipe: budget, optimiser, schedule, precision and seed.
        run: the folder, made or gone on with.

    >>> import tempfile, torch
    >>> from joryu.objectives import HardLabels
    >>> examples = Examples.of(torch.arange(32.0).reshape(16, 2), torch.arange(16) % 2, classes=["even", "odd"])
    >>> plan = Blueprint.fitted("mlp:8x1", examples.inputs, examples.asked_question)
    >>> recipe = Recipe(epochs=2, batch_size=8, precision="32-true")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = train(plan, TrainingData(examples), objective=HardLabels(), recipe=recipe, run=Run(folder))
    >>> len(done.history)
    2

    Raises:
        MismatchError: the folder holds a run with another request or precision, or ``run.begin_with`` another student.
        TrainingError: the loss is not finite, or the checkpoint is damaged.
        InputError: the recipe has patience but there is nothing to validate by; the student cannot be trained; the
            store lacks an answer; ``run.begin_with`` is not a finished run; or another process trains in the folder.
        KeyboardInterrupt: the training was asked to stop; its checkpoint is saved.
    """
    check(data, recipe)
    request = describe(blueprint, data, objective, recipe)
    if run.begin_with is not None:
        request["begin_with"] = _beginning(run.begin_with, blueprint)
    elif (file := file_to_begin_with(blueprint.architecture)) is not None:
        request["begin_with"] = _content_of_file(file)
    if run.finished:
        run.open(request)  # only compares
        clean(run.folder)  # in case it was killed right after it had finished
    else:
        fabric = make_fabric(recipe)
        held = run.held() if fabric.is_global_zero else nullcontext()
        with held, own_randomness(fabric.device), no_gpu_search(fabric.device):
            if fabric.is_global_zero:
                run.open(request, fabric.strategy.precision.precision)
            fabric.barrier()
            if not run.finished:
                data.require_answers(recipe.epochs)
                _train(Loop(blueprint, data, objective=objective, recipe=recipe, run=run, fabric=fabric))
            fabric.barrier()
    module, _ = load_student(run.folder)
    return Trained(module, blueprint, read_history(run.folder), run.folder, best_epoch_kept(read_run(run.folder)))


def _train(loop: Loop) -> None:
    loop.resume()
    loop.fit()
    if not loop.fabric.is_global_zero:
        return
    save_student(loop.run.folder, loop.best_module(), loop.blueprint)
    loop.run.finish(
        {
            "seconds": round(loop.progress.seconds, 1),
            "best_epoch": loop.progress.best_epoch,
            "device": loop.fabric.device.type,
            "processes": loop.fabric.world_size,
            "precision": loop.fabric.strategy.precision.precision,
        }
    )


def _beginning(folder: Path, blueprint: Blueprint) -> str:
    """The fingerprint of the weights to begin with.

    Raises:
        InputError: the folder is not a finished run.
        MismatchError: it is one of another student.
    """
    module, plan = load_student(folder)
    if not blueprint.begins_with(plan):
        wanted, found = blueprint.model_dump(), plan.model_dump()
        differing = [name for name in wanted if wanted[name] != found.get(name)]
        raise MismatchError(
            f"{folder} holds another student than the one that is to begin with its weights",
            expected=", ".join(f"{name} {wanted[name]}" for name in differing),
            received=", ".join(f"{name} {found.get(name)}" for name in differing),
        )
    return fingerprint(module)


def _content_of_file(file: Path) -> str:
    """A hash of the weights to begin with, so that a run with others is another run.

    Raises:
        InputError: there is no such file.
    """
    if not file.is_file():
        raise InputError(f"no weights at {file}", expected="a safetensors file")
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def check(data: TrainingData, recipe: Recipe) -> None:
    """Check that a recipe with patience has something to validate by.

    Raises:
        InputError: it has patience, and no validation example has a label or an answer.
    """
    if recipe.patience is not None and data.validation_data() is None:
        raise InputError(
            "needs something to validate by",
            setting="patience",
            expected="validation examples with labels or in the store",
        )


def read_history(folder: Path | str) -> list[dict[str, Any]]:
    """The records of all epochs in ``metrics.jsonl``; an empty list if there is no such file.

    Raises:
        InputError: a line is damaged.
    """
    path = Path(folder) / METRICS
    if not path.is_file():
        return []
    history = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise _damaged(path, number, str(error)) from error
        if not isinstance(record, dict) or "epoch" not in record:
            raise _damaged(path, number, line[:60].decode(errors="replace"))
        history.append(record)
    return history


def _damaged(path: Path, number: int, received: str) -> InputError:
    return InputError(
        f"line {number} of {path} is damaged", expected="the record of an epoch", received=received,
        hint="put the file back from a copy, or delete it: a report then has no learning curves",
    )  # fmt: skip


def content_of(examples: Examples) -> str:
    """A hash of the ids and labels of examples, in their order: BLAKE2b-128 in hexadecimal."""
    labels = b"" if examples.labels is None else examples.labels.numpy().tobytes()
    return hashlib.blake2b(examples.ids.tobytes() + labels, digest_size=16).hexdigest()


def _judged_by(validation: Examples) -> dict[str, Any]:
    content = content_of(validation)  # with the labels, which the fingerprint leaves out
    return {"n": len(validation), "fingerprint": validation.fingerprint, "content": content}


def describe(blueprint: Blueprint, data: TrainingData, objective: Objective, recipe: Recipe) -> dict[str, Any]:
    """Everything that the result of a training depends on, for JSON; a resumed run must have the same."""
    examples = data.examples
    validation = data.validation
    request: dict[str, Any] = {
        "student": blueprint.request(),
        "examples": {"name": examples.name, "n": len(examples), "content": content_of(examples)},
        "validation": None if validation is None else _judged_by(validation),
        **data.source.describe(),
        "objective": objective.describe(),
        "recipe": recipe.model_dump(mode="json"),
    }
    if data.examples_per_epoch is not None:
        request["examples_per_epoch"] = data.examples_per_epoch
    return request
