"""The command that distils the chosen point of a sweep, without the sweep."""

from __future__ import annotations

import shlex
from typing import Any

from joryu.errors import option
from joryu.objectives import Distillation
from joryu.search.record import SweepRecord
from joryu.search.setup import SweepSetup
from joryu.training import Recipe
from joryu.training.setup import DistillationSetup

_USUAL = DistillationSetup()


def explicit_command(record: SweepRecord) -> str:
    """``joryu distill`` with every option that the chosen point needs; empty if nothing was chosen.

    What has its default in `DistillationSetup` and `Recipe` is left out. Numbers are written so that they are read as
    the same numbers.
    """
    if record.chosen is None:
        return ""
    setup, recipe = SweepSetup.of_record(record.request).applied(record.chosen.values)
    options: dict[str, Any] = {"student": setup.student}
    options |= {name: record.notes.get(name) for name in ("examples", "split", "size", "targets")}
    if setup.objective is not None:
        objective, usual_objective = setup.objective, _usual_objective(setup.objective)
        options |= {name: getattr(objective, name) for name in ("temperature", "hard_weight", "divergence")}
        for name in ("factor", "hard_loss"):
            options[name] = _unusual(getattr(objective, name), getattr(usual_objective, name))
    options["test"] = setup.test
    for name in ("class_weights", "validation", "labelled", "views", "signal_weight", "allow_dead_teacher"):
        options[name] = _unusual(getattr(setup, name), getattr(_USUAL, name))
    usual = Recipe()
    options |= {name: _unusual(value, getattr(usual, name)) for name, value in recipe.model_dump().items()}
    words = ["joryu", "distill"]
    for name, value in options.items():
        if value is True:
            words.append(option(name))
        elif value is not None:
            words += [option(name), _spelt(value)]
    return shlex.join([*words, "--out", "run", "--twin"])


def _usual_objective(objective: Distillation) -> Distillation:
    """What else an objective of this divergence has, where nothing is said."""
    return Distillation(temperature=objective.temperature, divergence=objective.divergence, link=objective.link)


def _unusual(value: Any, usual: Any) -> Any:
    return None if value == usual else value


def _spelt(value: object) -> str:
    text = repr(value) if isinstance(value, float) else str(value)
    return text.removesuffix(".0") if isinstance(value, float) else text
