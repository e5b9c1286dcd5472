"""One readable loop. It knows examples, soft targets, an objective and a student, and no method by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from joryu.objectives import Objective
from joryu.students import Blueprint, load_student, save_student
from joryu.training.checkpoint import NAME, load_checkpoint
from joryu.training.loop import BEST, Loop
from joryu.training.material import Material
from joryu.training.recipe import Recipe
from joryu.training.run import Run, read_run


@dataclass(frozen=True)
class Trained:
    """A finished training: the student in evaluation mode, its history and its folder."""

    module: nn.Module
    blueprint: Blueprint
    history: list[dict[str, Any]]
    folder: Path


def train(
    blueprint: Blueprint,
    material: Material,
    *,
    objective: Objective,
    recipe: Recipe,
    run: Run,
) -> Trained:
    """Train a student; go on where an earlier, interrupted call stopped; return at once if it had finished.

    The result is a function of the arguments alone: the same seed gives the same bits on the same machine, whether or
    not the training was interrupted. Ctrl-C saves a checkpoint first.

    Raises:
        MismatchError: the folder holds a run that asked for something else.
        TrainingError: the loss is no longer finite, or a checkpoint is damaged.
        KeyboardInterrupt: after the checkpoint was saved.
    """
    run.open(describe(blueprint, material, objective, recipe))
    if "finished" not in read_run(run.folder):
        loop = Loop(blueprint, material, objective=objective, recipe=recipe, run=run)
        loop.resume(load_checkpoint(run.folder))
        loop.fit()
        if loop.fabric.is_global_zero:
            save_student(run.folder, loop.best_module(), blueprint)
            run.finish({"seconds": round(loop.progress.seconds, 1), "best_epoch": loop.progress.best_epoch})
            for leftover in (NAME, BEST):
                (run.folder / leftover).unlink(missing_ok=True)
        loop.fabric.barrier()
    module, _ = load_student(run.folder)
    return Trained(module, blueprint, read_history(run.folder), run.folder)


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl``."""
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def describe(blueprint: Blueprint, material: Material, objective: Objective, recipe: Recipe) -> dict[str, Any]:
    """Everything the result depends on, as JSON: what a resumed run must agree with."""
    examples = material.examples
    labels = b"" if examples.labels is None else examples.labels.numpy().tobytes()
    content = hashlib.blake2b(examples.ids.tobytes() + labels, digest_size=16).hexdigest()
    targets = None
    if material.targets is not None:
        manifest = material.targets.manifest
        targets = {
            "teacher": manifest.teacher.fingerprint,
            "examples": manifest.examples.fingerprint,
            "views": manifest.n_views,
        }
    validation = material.validation
    return {
        "student": blueprint.model_dump(mode="json"),
        "examples": {"name": examples.name, "n": len(examples), "content": content},
        "validation": None if validation is None else {"n": len(validation), "fingerprint": validation.fingerprint},
        "targets": targets,
        "views": None if material.views is None else material.views.spec,
        "objective": objective.describe(),
        "recipe": recipe.model_dump(mode="json"),
    }
