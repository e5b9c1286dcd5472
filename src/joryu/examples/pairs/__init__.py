"""Pictures with masks: labels for each pixel."""

from joryu.examples.pairs.layout import are_pairs
from joryu.examples.pairs.pairs import OPTIONS, labelled_pair_splits, load_pairs, pair_splits

__all__ = ["OPTIONS", "are_pairs", "labelled_pair_splits", "load_pairs", "pair_splits"]
