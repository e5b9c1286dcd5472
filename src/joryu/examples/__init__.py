"""Transfer sets: load examples, split them, and augment them as views.

Names are imported when they are first used, because the labelling page needs `joryu.examples.decoding` and should not
have to import PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joryu.examples.examples import UNLABELLED as UNLABELLED
    from joryu.examples.examples import Examples as Examples
    from joryu.examples.examples import Ids as Ids
    from joryu.examples.examples import content_ids as content_ids
    from joryu.examples.examples import distinct_rows as distinct_rows
    from joryu.examples.known import ListedSet as ListedSet
    from joryu.examples.known import data_root as data_root
    from joryu.examples.known import list_data as list_data
    from joryu.examples.loading import has_split as has_split
    from joryu.examples.loading import labelled_splits as labelled_splits
    from joryu.examples.loading import load_examples as load_examples
    from joryu.examples.loading import split_names as split_names
    from joryu.examples.loading import with_column as with_column
    from joryu.examples.preparing import prepared as prepared
    from joryu.examples.rejected import Rejected as Rejected
    from joryu.examples.specs import locate as locate
    from joryu.examples.splits import split_examples as split_examples
    from joryu.examples.views import ViewBatch as ViewBatch
    from joryu.examples.views import Views as Views
    from joryu.examples.views import parse_views as parse_views

_HOMES = {
    "joryu.examples.examples": (
        "UNLABELLED",
        "Examples",
        "Ids",
        "content_ids",
        "distinct_rows",
    ),
    "joryu.examples.known": (
        "ListedSet",
        "data_root",
        "list_data",
    ),
    "joryu.examples.loading": (
        "has_split",
        "labelled_splits",
        "load_examples",
        "split_names",
        "with_column",
    ),
    "joryu.examples.preparing": ("prepared",),
    "joryu.examples.rejected": ("Rejected",),
    "joryu.examples.specs": ("locate",),
    "joryu.examples.splits": ("split_examples",),
    "joryu.examples.views": (
        "ViewBatch",
        "Views",
        "parse_views",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'joryu.examples' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME_OF]
