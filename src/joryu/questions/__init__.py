"""What is asked: names of the outputs, their link to probabilities, the grid they repeat on, the kind of label."""

from joryu.questions.labels import UNKNOWN, LabelCodec, LabelKind, codec, decided
from joryu.questions.link import Link
from joryu.questions.question import LOG_VARIANCE, MAIN, PICTURE, Question, difference
from joryu.questions.record import Asked

__all__ = [
    "LOG_VARIANCE",
    "MAIN",
    "PICTURE",
    "UNKNOWN",
    "Asked",
    "LabelCodec",
    "LabelKind",
    "Link",
    "Question",
    "codec",
    "decided",
    "difference",
]
