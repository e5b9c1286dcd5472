"""Pictures and the masks that were drawn about them."""

from joryu.examples.pairs.layout import are_pairs
from joryu.examples.pairs.pairs import OPTIONS, load_pairs, pair_splits

__all__ = ["OPTIONS", "are_pairs", "load_pairs", "pair_splits"]
