"""Joryu (蒸留): turn anything that can answer into a teacher, and train a small student from its soft answers.

>>> import joryu
>>> joryu.Distillation(temperature=4.0).hard_weight
0.0

Names are imported when they are first used, so that ``import joryu`` and the command line start at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joryu.errors import JoryuError as JoryuError
    from joryu.errors import Stop as Stop
    from joryu.evaluation import compare as compare
    from joryu.evaluation import evaluate_logits as evaluate_logits
    from joryu.examples import Examples as Examples
    from joryu.examples import load_examples as load_examples
    from joryu.examples import parse_views as parse_views
    from joryu.examples import split_examples as split_examples
    from joryu.objectives import Distillation as Distillation
    from joryu.objectives import HardLabels as HardLabels
    from joryu.questions import Link as Link
    from joryu.questions import Question as Question
    from joryu.report.writing import report_run as report_run
    from joryu.serving import Predictor as Predictor
    from joryu.serving import load as load
    from joryu.students import Blueprint as Blueprint
    from joryu.students import load_student as load_student
    from joryu.targets import SoftTargets as SoftTargets
    from joryu.targets import Space as Space
    from joryu.targets import Store as Store
    from joryu.targets import audit as audit
    from joryu.teachers import Ensemble as Ensemble
    from joryu.teachers import Estimator as Estimator
    from joryu.teachers import Network as Network
    from joryu.teachers import Reply as Reply
    from joryu.teachers import Teacher as Teacher
    from joryu.teachers import TeacherBatch as TeacherBatch
    from joryu.teachers import load_teacher as load_teacher
    from joryu.teachers.labelling import label_examples as label_examples
    from joryu.teachers.verify import verify as verify
    from joryu.training import Recipe as Recipe
    from joryu.training import Run as Run
    from joryu.training import TrainingData as TrainingData
    from joryu.training import train as train
    from joryu.training.distill import distill as distill
    from joryu.training.on_labels import train_on_labels as train_on_labels
    from joryu.training.setup import DistillationSetup as DistillationSetup

_HOMES = {
    "joryu.errors": ("JoryuError", "Stop"),
    "joryu.evaluation": ("compare", "evaluate_logits"),
    "joryu.examples": ("Examples", "load_examples", "parse_views", "split_examples"),
    "joryu.objectives": ("Distillation", "HardLabels"),
    "joryu.questions": ("Link", "Question"),
    "joryu.report.writing": ("report_run",),
    "joryu.serving": ("Predictor", "load"),
    "joryu.students": ("Blueprint", "load_student"),
    "joryu.targets": ("SoftTargets", "Space", "Store", "audit"),
    "joryu.teachers": ("Ensemble", "Estimator", "Network", "Reply", "Teacher", "TeacherBatch", "load_teacher"),
    "joryu.teachers.labelling": ("label_examples",),
    "joryu.teachers.verify": ("verify",),
    "joryu.training": ("TrainingData", "Recipe", "Run", "train"),
    "joryu.training.distill": ("distill",),
    "joryu.training.setup": ("DistillationSetup",),
    "joryu.training.on_labels": ("train_on_labels",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'joryu' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME_OF]
