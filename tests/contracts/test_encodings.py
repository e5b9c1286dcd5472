"""Every kind of answer through every layout on disk: what the store gives back is what the teacher said."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import PICTURE, Link, Question
from joryu.targets import Encoding, SoftTargets, Space
from joryu.targets.encoding import decode, encode, row_bytes

ROWS, OUTPUTS = 6, 5


class Kind(NamedTuple):
    """What was asked, in which space it is answered, and whether by several members."""

    question: Question
    space: Space
    members: int = 0

    def __str__(self) -> str:
        asked = f"{self.question.link}{' of pixels' if self.question.grid else ''}"
        return f"{asked} in {self.space}{f' by {self.members}' if self.members else ''}"


def asked(link: Link, grid: tuple[str, ...] = ()) -> Question:
    return Question(names=tuple("abcde"), link=link, grid=grid)


KINDS = [
    Kind(asked(Link.SOFTMAX), Space.LOGITS),
    Kind(asked(Link.SOFTMAX), Space.PROBS),
    Kind(asked(Link.SOFTMAX), Space.LOGITS, members=3),
    Kind(asked(Link.SOFTMAX, PICTURE), Space.LOGITS),
    Kind(asked(Link.SIGMOID), Space.LOGITS),
    Kind(asked(Link.SIGMOID), Space.PROBS),
    Kind(asked(Link.SIGMOID, PICTURE), Space.LOGITS),
    Kind(asked(Link.IDENTITY), Space.NUMBERS),
    Kind(asked(Link.IDENTITY, PICTURE), Space.NUMBERS),
]
DENSE = [Encoding(dtype=dtype) for dtype in ("float16", "float32")]
BEST = [
    Encoding(layout="top-k", k=k, dtype=dtype)
    for k, dtype in itertools.product((1, 3, OUTPUTS), ("float16", "float32"))
]
CUT = [kind for kind in KINDS if kind.question.link is not Link.IDENTITY]  #: numbers have no best
PAIRS = [*itertools.product(KINDS, DENSE), *itertools.product(CUT, BEST)]
BYTES = [Encoding(dtype="uint8"), Encoding(dtype="uint8", compression="zstd")]
OF_LOGITS = [kind for kind in KINDS if kind.space is Space.LOGITS]
PAIRS += itertools.product(OF_LOGITS, BYTES)
every_pair = pytest.mark.parametrize(("kind", "encoding"), PAIRS, ids=str)


def said(kind: Kind, **more: Any) -> SoftTargets:
    """Answers that nobody chose."""
    members = (kind.members,) if kind.members else ()
    sites = (2, 3) if kind.question.grid else ()
    values = 3 * torch.randn(ROWS, *members, *sites, OUTPUTS, generator=torch.Generator().manual_seed(7))
    if kind.space is Space.PROBS:
        values = kind.question.link.probs(values)
    return SoftTargets(values=values, space=kind.space, question=kind.question, members=kind.members > 0, **more)


def stored(soft_targets: SoftTargets, encoding: Encoding) -> SoftTargets:
    found = encode(soft_targets, encoding)
    assert found.unusable == {}
    columns = {name: column.copy() for name, column in found.columns.items()}
    return decode(columns, found.form, soft_targets.question, encoding)


def meant(soft_targets: SoftTargets) -> Tensor:
    """Probabilities, or numbers: whatever the space."""
    return soft_targets.values.float() if soft_targets.link is Link.IDENTITY else soft_targets.probs()


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("encoding", DENSE, ids=str)
def test_dense_gives_back_every_bit_or_every_one_of_eleven(kind: Kind, encoding: Encoding) -> None:
    given = said(kind)
    kept = stored(given, encoding)
    assert (kept.space, kept.question, kept.members, kept.indices) == (given.space, given.question, given.members, None)
    if encoding.dtype == "float32":
        assert torch.equal(kept.values, given.values)
    else:
        assert torch.equal(kept.values, given.values.half())
    assert torch.allclose(meant(kept), meant(given), atol=4e-3)


@pytest.mark.parametrize("kind", OF_LOGITS, ids=str)
@pytest.mark.parametrize("encoding", BYTES, ids=str)
@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_one_byte_moves_no_probability_by_more_than_a_grey_level(
    kind: Kind, encoding: Encoding, temperature: float
) -> None:
    given = said(kind)
    kept = stored(given, encoding)
    link = kind.question.link
    assert kept.values.dtype == torch.float32
    assert (link.probs(kept.values, temperature) - link.probs(given.values, temperature)).abs().max() <= 1 / 255
    assert not torch.equal(kept.values, given.values)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.space is not Space.LOGITS], ids=str)
@pytest.mark.parametrize("encoding", BYTES, ids=str)
def test_only_logits_are_kept_in_one_byte_each(kind: Kind, encoding: Encoding) -> None:
    with pytest.raises(InputError, match="only whole answers in logits"):
        encode(said(kind), encoding)


@pytest.mark.parametrize("kind", CUT, ids=str)
@pytest.mark.parametrize("encoding", BEST, ids=str)
def test_of_the_best_nothing_but_the_rest_is_lost(kind: Kind, encoding: Encoding) -> None:
    given = said(kind)
    kept = stored(given, encoding)
    assert kept.values.shape[-1] == encoding.k
    assert kept.indices is not None
    best = given.values.topk(encoding.k, dim=-1)
    assert torch.equal(kept.indices, best.indices)
    exact, found = meant(given), meant(kept)
    assert torch.allclose(found.gather(-1, kept.indices), exact.gather(-1, best.indices), atol=4e-3)
    left_out = torch.ones_like(exact, dtype=torch.bool).scatter(-1, kept.indices, False)
    if kind.question.link is Link.SOFTMAX:
        assert torch.allclose(found.sum(-1), torch.ones(found.shape[:-1]), atol=1e-3)
        least = found.gather(-1, kept.indices).amin(-1, keepdim=True)
        assert bool((found.masked_fill(~left_out, 0) <= least + 1e-6).all()), "more than the least kept"
    else:  # of a tag that was not kept nothing is known but a bound, and that must hold
        of_row = kept.bound.reshape(-1, *[1] * (exact.ndim - 1)).expand_as(exact)
        assert bool((given.values <= of_row)[left_out].all())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.question.link is Link.IDENTITY], ids=str)
def test_numbers_have_no_best(kind: Kind) -> None:
    with pytest.raises(InputError):
        encode(said(kind), BEST[0])


@every_pair
def test_what_stands_beside_an_answer_comes_back_with_it(kind: Kind, encoding: Encoding) -> None:
    weight = torch.rand(ROWS, generator=torch.Generator().manual_seed(1))
    signals = torch.tensor([[float("nan"), 1.0], [2.0, 3.0]] * (ROWS // 2))
    kept = stored(said(kind, weight=weight, signals=signals, signal_names=("attention", "rt_ms")), encoding)
    assert torch.equal(kept.weight, weight)
    assert torch.equal(kept.signals.nan_to_num(-9), signals.nan_to_num(-9))
    assert kept.signal_names == ("attention", "rt_ms")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.members], ids=str)
@pytest.mark.parametrize("encoding", DENSE, ids=str)
def test_what_was_not_answered_stays_unanswered(kind: Kind, encoding: Encoding) -> None:
    given = said(kind)
    coverage = torch.rand(given.values.shape, generator=torch.Generator().manual_seed(2)) > 0.4
    coverage[0] = True
    holes = given.values.masked_fill(~coverage, float("nan"))
    bound = torch.full((ROWS,), 0.9) if kind.question.link is Link.SIGMOID else None
    kept = stored(replace(given, values=holes, coverage=coverage, bound=bound), encoding)
    assert (kept.bound is None) == (bound is None)
    assert bound is None or torch.equal(kept.bound, bound)
    assert torch.equal(kept.coverage, coverage)
    assert kept.values.isfinite().all()
    assert torch.allclose(kept.values[coverage].float(), given.values[coverage], rtol=1e-3)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.space is Space.NUMBERS], ids=str)
@pytest.mark.parametrize("encoding", DENSE, ids=str)
def test_a_variance_keeps_its_bits_whatever_the_numbers_are_rounded_to(kind: Kind, encoding: Encoding) -> None:
    given = said(kind)
    kept = stored(replace(given, variance=given.values.square() + 1e-9), encoding)
    assert torch.equal(kept.variance, given.values.square() + 1e-9)


@every_pair
def test_storing_what_was_stored_changes_nothing_more(kind: Kind, encoding: Encoding) -> None:
    once = stored(said(kind), encoding)
    twice = stored(once, encoding)
    assert torch.equal(once.values, twice.values)
    assert (once.indices is None) == (twice.indices is None)
    if once.indices is not None:
        assert torch.equal(once.indices, twice.indices)


@every_pair
def test_a_row_is_laid_out_alone_as_among_others(kind: Kind, encoding: Encoding) -> None:
    """So that batches may be cut anywhere, and a store that is resumed equals one that was not, to the bit."""
    given = said(kind)
    together = encode(given, encoding)
    for row in range(ROWS):
        alone = encode(given.select(torch.tensor([row])), encoding)
        assert alone.form == together.form
        assert alone.columns.keys() == together.columns.keys()
        for name, column in together.columns.items():
            assert np.array_equal(alone.columns[name][0], column[row]), name
        assert row_bytes(alone.columns) == row_bytes(together.columns)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_row_that_is_not_finite_is_named_and_no_other(kind: Kind, wrong: float) -> None:
    given = said(kind)
    values = given.values.clone()
    values[2].view(-1)[0] = wrong
    for encoding in [*DENSE, *(BYTES if kind.space is Space.LOGITS else [])]:
        assert list(encode(replace(given, values=values), encoding).unusable) == [2]


@pytest.mark.parametrize("large", [300.0, 7e4, 1e6])
@pytest.mark.parametrize("link", [Link.SOFTMAX, Link.SIGMOID])
def test_logits_of_any_size_mean_the_same_after_float16(link: Link, large: float) -> None:
    given = said(Kind(asked(link), Space.LOGITS))
    moved = replace(given, values=given.values + (large if link is Link.SOFTMAX else large * given.values.sign()))
    kept = stored(moved, DENSE[0])
    assert torch.allclose(meant(kept), meant(moved), atol=0.02 if large > 1e5 else 4e-3)


@pytest.mark.parametrize("space", list(Space))
def test_the_natural_encoding_loses_no_small_probability(space: Space) -> None:
    assert (Encoding.natural(space).dtype == "float16") == (space is Space.LOGITS)
    assert Encoding.natural(space).k is None
