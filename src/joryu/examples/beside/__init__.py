"""Labels of pictures that are not in class folders: from a table beside them, or from the names of the files."""

from joryu.examples.beside.boxes import require_no_boxes
from joryu.examples.beside.columns import NAMES, NONE, OPTIONS, FolderLabelOptions
from joryu.examples.beside.file_names import classes_in_names, may_begin_with_classes, named_classes, numbers_of
from joryu.examples.beside.finding import FoundTable, Scope, TrainQuestion, find_said

__all__ = [
    "NAMES",
    "NONE",
    "OPTIONS",
    "FolderLabelOptions",
    "FoundTable",
    "Scope",
    "TrainQuestion",
    "classes_in_names",
    "find_said",
    "may_begin_with_classes",
    "named_classes",
    "numbers_of",
    "require_no_boxes",
]
