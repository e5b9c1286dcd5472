"""Training: the loop, its recipe, its training data and its run folder."""

from joryu.training.recipe import Recipe
from joryu.training.run import Run, read_run
from joryu.training.target_source import CarriedOver, LabelsAlone, Live, Replayed, TargetSource
from joryu.training.trainer import Trained, read_history, train
from joryu.training.training_data import Batch, TrainingData

__all__ = [
    "Batch",
    "CarriedOver",
    "LabelsAlone",
    "Live",
    "Recipe",
    "Replayed",
    "Run",
    "TargetSource",
    "Trained",
    "TrainingData",
    "read_history",
    "read_run",
    "train",
]
