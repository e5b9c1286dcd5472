"""Views: reproducible augmentations, which depend only on the example's id and the view's seed.

To add one: a file with a class that is a `Transform`, and its line in `composition._TRANSFORMS`.
"""

from joryu.examples.views.composition import ComposedViews, parse_views
from joryu.examples.views.flip import Flip
from joryu.examples.views.mixup import Mixup
from joryu.examples.views.relative import RelativeCrop, RelativeShift
from joryu.examples.views.translation import Crop, Shift
from joryu.examples.views.view import Transform, ViewBatch, Views, require_same_views

__all__ = [
    "ComposedViews",
    "Crop",
    "Flip",
    "Mixup",
    "RelativeCrop",
    "RelativeShift",
    "Shift",
    "Transform",
    "ViewBatch",
    "Views",
    "parse_views",
    "require_same_views",
]
