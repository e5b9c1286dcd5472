"""Using a student: answers for files, pictures and tables, from nothing but its run folder."""

from joryu.serving.answers import Answer, ClassAnswer, ClassMask, NumberAnswer, TagAnswer, TagMasks
from joryu.serving.predictor import Predicted, Predictor, load
from joryu.serving.reading import Wanted

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
