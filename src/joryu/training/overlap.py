"""Warn before a training if the student will be taught examples that are to test it."""

from __future__ import annotations

from collections.abc import Callable

from joryu.errors import InputError
from joryu.examples import Examples, has_split
from joryu.examples.repeats import find_repeats
from joryu.training.setup import split_test

Load = Callable[[str], Examples]
"""Reads another split of the training set by its name, in the same way: the same size, the same column."""


def warn_before_training(spec: str, examples: Examples, *, share: float, seed: int, load: Load) -> str | None:
    """A warning if test examples are trained on too, or cannot be used as a test; ``None`` if all is well.

    ``spec`` names the training set. With a ``share``, the test part is the one that is held out (`split_test`). Without
    one it is the set's own test split, which ``load`` reads. A set without either has nothing to check.
    """
    if share:
        taught, evaluation_set = split_test(examples, share, seed)
    elif has_split(spec, "test"):
        try:
            taught, evaluation_set = examples, load("test")
        except InputError as error:
            return f"the test split, which is to judge, cannot be read: {error}; to go without it, try --test 0.2"
    else:
        return None
    if evaluation_set is None:
        return None
    if evaluation_set.inputs.shape[1:] != taught.inputs.shape[1:]:
        shapes = ["×".join(map(str, part.inputs.shape[1:])) for part in (evaluation_set, taught)]
        size = min(taught.inputs.shape[2:])
        return f"the test split, which is to judge, holds pictures {shapes[0]}, not {shapes[1]}: try --size {size}"
    said = overlap(taught, evaluation_set)
    return said and f"{said}: the outcome will look better than it is; see which with: joryu examples {spec}"


def overlap(taught: Examples, evaluation_set: Examples) -> str | None:
    """How many test examples (``evaluation_set``) are trained on (``taught``), in words; ``None`` if there are none.

    Examples count if they are the same, or if their pixels look the same (`joryu.examples.repeats.find_repeats`).

    >>> from joryu.examples import load_examples
    >>> digits = load_examples("digits", split="test")
    >>> overlap(digits, digits.select(range(5)))
    '5 of the 5 examples that judge are taught too'
    >>> overlap(digits.select(range(5, 600)), digits.select(range(5)))
    """
    found = find_repeats(evaluation_set, taught)
    of = f"of the {len(evaluation_set):,} examples that judge"
    if len(found.same):
        more = f", and {len(found.alike):,} more look the same as taught ones" if len(found.alike) else ""
        return f"{len(found.same):,} {of} are taught too{more}"
    return f"{len(found.alike):,} {of} look the same as taught ones" if len(found.alike) else None
