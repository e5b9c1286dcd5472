"""Use a trained student: predictions for files, pictures and tables. Only its run folder is needed."""

from joryu.serving.answers import Answer, ClassAnswer, ClassMask, NumberAnswer, TagAnswer, TagMasks
from joryu.serving.inputs import Wanted
from joryu.serving.predictor import Predicted, Predictor, load

__all__ = [
    "Answer",
    "ClassAnswer",
    "ClassMask",
    "NumberAnswer",
    "Predicted",
    "Predictor",
    "TagAnswer",
    "TagMasks",
    "Wanted",
    "load",
]
