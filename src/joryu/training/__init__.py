"""Training: one loop, its recipe, its material and its run folder."""

from joryu.training.material import Batch, Material
from joryu.training.recipe import Recipe
from joryu.training.run import Run, read_run
from joryu.training.target_source import CarriedOver, LabelsAlone, Live, Replayed, TargetSource
from joryu.training.trainer import Trained, read_history, train

__all__ = [
    "Batch",
    "CarriedOver",
    "LabelsAlone",
    "Live",
    "Material",
    "Recipe",
    "Replayed",
    "Run",
    "TargetSource",
    "Trained",
    "read_history",
    "read_run",
    "train",
]
