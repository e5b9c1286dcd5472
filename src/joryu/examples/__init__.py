"""Transfer sets: examples, where they come from, how they are split and viewed."""

from joryu.examples.examples import UNLABELLED, Examples, Ids, Rejected, content_ids, distinct_rows
from joryu.examples.known import Listing, data_root, list_data
from joryu.examples.loading import has_split, labelled_splits, load_examples, split_names, with_column
from joryu.examples.preparing import prepared
from joryu.examples.specs import locate
from joryu.examples.splits import split_examples
from joryu.examples.views import ViewBatch, Views, parse_views

__all__ = [
    "UNLABELLED",
    "Examples",
    "Ids",
    "Listing",
    "Rejected",
    "ViewBatch",
    "Views",
    "content_ids",
    "data_root",
    "distinct_rows",
    "has_split",
    "labelled_splits",
    "list_data",
    "load_examples",
    "locate",
    "parse_views",
    "prepared",
    "split_examples",
    "split_names",
    "with_column",
]
