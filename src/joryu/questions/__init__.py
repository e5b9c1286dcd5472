"""What is asked: outputs, the link that makes them probabilities, the grid they repeat on, the kind of label."""

from joryu.questions.labels import UNKNOWN, LabelCodec, LabelKind, codec
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
    "difference",
]
