"""Transfer sets: examples, where they come from, how they are split and viewed."""

from joryu.examples.examples import UNLABELLED, Examples, Ids, Rejected, content_ids

__all__ = ["UNLABELLED", "Examples", "Ids", "Rejected", "content_ids"]
