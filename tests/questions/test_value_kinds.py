"""What values look like: the borders between probabilities, percentages, sigmoids and logits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from joryu.questions import Link
from joryu.questions.value_kinds import ValueKind, both, value_kind, value_kind_under

PROBABILITIES, SIGMOIDS, PERCENTAGES, LOGITS = (
    ValueKind.PROBABILITIES, ValueKind.SIGMOIDS, ValueKind.PERCENTAGES, ValueKind.LOGITS,
)  # fmt: skip
NAN = math.nan


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([[0.25, 0.75], [1.0, 0.0]], PROBABILITIES),
        ([[0.504, 0.5]], PROBABILITIES),  # a sum off by four thousandths: rounding
        ([[0.506, 0.5]], SIGMOIDS),  # by six: none
        ([[0.494, 0.5]], SIGMOIDS),
        ([[0.25, 0.75], [0.25, 0.25]], SIGMOIDS),  # one row that sums to a half is enough
        ([[-0.00005, 1.00005]], PROBABILITIES),
        ([[-0.0002, 1.0]], LOGITS),
        ([[0.0, 1.0002]], LOGITS),  # above one, and no hundred
        ([[25.0, 75.0], [0.0, 100.0]], PERCENTAGES),
        ([[25.0, 75.4]], PERCENTAGES),
        ([[25.0, 75.6]], LOGITS),
        ([[25.0, 75.0], [0.25, 0.75]], LOGITS),  # in two scales at once
        ([[-1.0, 101.0]], LOGITS),
        ([[NAN, NAN], [0.25, 0.75]], PROBABILITIES),  # what is not finite looks like nothing
        ([[NAN, 1.0], [25.0, 75.0]], PERCENTAGES),
        ([[NAN, NAN], [3.0, -1.0]], LOGITS),
    ],
)
def test_the_borders(rows: list[list[float]], kind: ValueKind) -> None:
    values = torch.tensor(rows)
    assert value_kind(values) is kind
    assert value_kind(values.reshape(1, *values.shape)) is kind  # pixels and members stand before the last axis


@given(st.integers(2, 300), st.floats(0.1, 30), st.sampled_from([torch.bfloat16, torch.float16, torch.float32]))
def test_a_softmax_is_known_however_coarsely_it_was_kept(n_classes: int, scale: float, dtype: torch.dtype) -> None:
    logits = scale * torch.randn(7, n_classes, generator=torch.Generator().manual_seed(n_classes))
    probs = logits.softmax(-1).to(dtype)
    assert value_kind(probs) is PROBABILITIES
    assert value_kind_under(Link.SIGMOID, probs) is SIGMOIDS  # tags need not sum to anything
    assert value_kind(torch.cat([probs, -probs])) is LOGITS
    percentages = 100 * probs.float()
    assert value_kind_under(Link.SOFTMAX, percentages) is PERCENTAGES
    assert value_kind_under(Link.SIGMOID, percentages) is (SIGMOIDS if percentages.max() <= 1 else LOGITS)


def test_percentages_of_many_even_classes_are_no_sigmoids() -> None:
    even = torch.full((3, 200), 0.5)  # half a per cent each
    assert value_kind(even) is PERCENTAGES
    assert value_kind_under(Link.SIGMOID, even) is SIGMOIDS  # of tags it is what it looks like
    assert value_kind(torch.full((3, 200), 0.4)) is SIGMOIDS


@given(st.lists(st.sampled_from(ValueKind), min_size=1, max_size=5))
def test_batches_look_like_what_they_have_in_common(kinds: list[ValueKind]) -> None:
    """In any order: all alike, or probabilities among sigmoids, or else logits."""
    found: ValueKind | None = None
    for kind in kinds:
        found = both(kind, found)
    if len(set(kinds)) == 1:
        assert found is kinds[0]
    else:
        assert found is (SIGMOIDS if set(kinds) == {PROBABILITIES, SIGMOIDS} else LOGITS)
