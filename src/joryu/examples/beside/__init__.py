"""Labels of pictures that are not in class folders: from a table beside them, or from the names of the files."""

from joryu.examples.beside.boxes import require_no_boxes
from joryu.examples.beside.columns import NAMES, NONE, OPTIONS, LabelOptions
from joryu.examples.beside.file_names import classes_in_names, may_begin_with_classes, named_classes, numbers_of
from joryu.examples.beside.finding import Found, Scope, Told, find_said

__all__ = [
    "NAMES",
    "NONE",
    "OPTIONS",
    "Found",
    "LabelOptions",
    "Scope",
    "Told",
    "classes_in_names",
    "find_said",
    "may_begin_with_classes",
    "named_classes",
    "numbers_of",
    "require_no_boxes",
]
