"""Layouts on disk: what goes in comes out, as finely as promised."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import PICTURE, Question
from joryu.targets import Encoding, SoftTargets, Space
from joryu.targets.encoding import EMPTY, decode, encode, row_bytes

DENSE, DENSE32 = Encoding(), Encoding(dtype="float32")


def logits(*rows: list[float], **parts: object) -> SoftTargets:
    parts = {"question": Question.one_of(len(rows[0])), **parts}
    return SoftTargets(values=torch.tensor(rows), space=Space.LOGITS, **parts)


def there_and_back(soft_targets: SoftTargets, encoding: Encoding) -> SoftTargets:
    encoded = encode(soft_targets, encoding)
    assert encoded.unusable == {}
    return decode(encoded.columns, encoded.form, soft_targets.question, encoding)


def same(a: Tensor | None, b: Tensor | None) -> bool:
    return (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))


@pytest.mark.parametrize(
    "spec", ["dense:float16", "dense:float32", "top-1:float16", "top-32:float32", "dense:uint8", "dense:uint8+zstd"]
)
def test_parse_is_the_inverse_of_str(spec: str) -> None:
    assert str(Encoding.parse(spec)) == spec


def test_float16_is_the_default_precision() -> None:
    assert Encoding.parse("top-5") == Encoding(layout="top-k", k=5, dtype="float16")


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "top",
        "top-",
        "top-0",
        "top--1",
        "top-x",
        "sparse",
        "dense:int8",
        "top-3:uint8",
        "dense:float16+zstd",
        "dense:uint8+",
    ],
)
def test_parse_refuses(spec: str) -> None:
    with pytest.raises(InputError, match="unknown encoding"):
        Encoding.parse(spec)


def test_k_belongs_to_top_k_alone() -> None:
    with pytest.raises(ValidationError):
        Encoding(layout="top-k")
    with pytest.raises(ValidationError):
        Encoding(k=3)


def test_only_logits_are_halved_unasked() -> None:
    assert Encoding.natural(Space.LOGITS).dtype == "float16"
    assert {Encoding.natural(space).dtype for space in Space if space is not Space.LOGITS} == {"float32"}


def test_float32_returns_every_bit_and_float16_rounds_to_nearest() -> None:
    batch = logits([20.004, -3.0], [1e-3, 0.1])
    assert torch.equal(there_and_back(batch, DENSE32).values, batch.values)
    halved = there_and_back(batch, DENSE)
    assert halved.values.dtype is torch.float16
    assert halved.values[0].tolist() == [20.0, -3.0]  # float16 steps by 1/64 = 0.0156 between 16 and 32
    assert (halved.values.float() - batch.values).abs().max() <= 0.008


def test_every_part_of_a_dense_batch_comes_back() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(5, 2, 3, generator=generator)  # members
    coverage = torch.rand(5, 2, 3, generator=generator) > 0.4
    batch = SoftTargets(
        values=values, space=Space.PROBS, question=Question.tags(3), temperature=2.5, members=True,
        weight=torch.tensor([1.0, 2, 0, 0.5, 3]), bound=torch.full((5,), 0.25), coverage=coverage,
    )  # fmt: skip
    back = there_and_back(batch, DENSE32)
    assert torch.equal(back.values[coverage], values[coverage])
    assert torch.equal(back.values[~coverage], torch.zeros(int((~coverage).sum())))
    for name in ("weight", "bound", "coverage", "indices"):
        assert same(getattr(back, name), getattr(batch, name)), name
    assert (back.space, back.question, back.temperature, back.members) == (batch.space, batch.question, 2.5, True)


def test_sites_keep_their_shape() -> None:
    values = torch.randn(2, 4, 5, 3, generator=torch.Generator().manual_seed(0))
    batch = SoftTargets(values=values, space=Space.LOGITS, question=Question.one_of(3, grid=PICTURE))
    assert torch.equal(there_and_back(batch, DENSE32).values, values)


def test_top_k_keeps_the_best_as_log_probabilities() -> None:
    batch = logits([0.0, math.log(2), math.log(5), 0.0])  # probabilities 1/9, 2/9, 5/9, 1/9
    back = there_and_back(batch, Encoding.parse("top-2:float32"))
    assert back.indices is not None and back.indices.tolist() == [[2, 1]]
    torch.testing.assert_close(back.values.exp(), torch.tensor([[5 / 9, 2 / 9]]))
    torch.testing.assert_close(back.probs(), batch.probs())  # the tail is even here, so nothing at all is lost


def test_top_k_rows_of_the_right_width_pass_through_and_wider_ones_are_cut() -> None:
    batch = SoftTargets(
        values=torch.tensor([[0.5, 0.3, 0.1]]),
        indices=torch.tensor([[7, 2, 9]]),
        space=Space.PROBS,
        question=Question.one_of(10),
    )
    assert same(there_and_back(batch, Encoding.parse("top-3:float32")).indices, batch.indices)
    cut = there_and_back(batch, Encoding.parse("top-2:float32"))
    assert cut.indices is not None and cut.indices.tolist() == [[7, 2]]


def test_top_k_answers_cannot_become_dense() -> None:
    batch = SoftTargets(
        values=torch.ones(1, 2), indices=torch.tensor([[1, 0]]), space=Space.PROBS, question=Question.tags(9)
    )
    with pytest.raises(InputError, match=r"every output.*try --encoding top-2"):
        encode(batch, DENSE)


@pytest.mark.parametrize(("n_classes", "dtype"), [(EMPTY, np.uint16), (EMPTY + 1, np.int32)])
def test_indices_take_two_bytes_up_to_65535_classes(n_classes: int, dtype: type) -> None:
    indices = torch.tensor([[n_classes - 1, 0, -1]])  # the last class, the first, and an empty place
    batch = SoftTargets(
        values=torch.tensor([[0.9, 0.05, 0.0]]), indices=indices, space=Space.PROBS, question=Question.one_of(n_classes)
    )
    encoding = Encoding.parse("top-3:float32")
    encoded = encode(batch, encoding)
    assert encoded.columns["indices"].dtype == dtype
    assert same(decode(encoded.columns, encoded.form, batch.question, encoding).indices, indices)


def test_a_top_k_row_of_tags_says_what_bounds_the_rest() -> None:
    batch = SoftTargets(
        values=torch.tensor([[0.9, 0.4], [0.7, 0.0]]), indices=torch.tensor([[3, 1], [2, -1]]),
        space=Space.PROBS, question=Question.tags(5),
    )  # fmt: skip
    back = there_and_back(batch, Encoding.parse("top-2:float32"))
    assert back.bound is not None
    torch.testing.assert_close(back.bound, torch.tensor([0.4, 0.7]))


def test_a_row_that_is_not_finite_is_named() -> None:
    batch = logits([0.0, 1.0], [float("nan"), 0.0], [0.0, float("inf")], weight=torch.tensor([math.inf, 1.0, 1.0]))
    unusable = encode(batch, DENSE).unusable
    assert sorted(unusable) == [0, 1, 2]
    assert unusable[0] == "its weight is not finite"
    assert unusable[1] == unusable[2] == "the answer is not finite"


def test_what_was_not_answered_may_hold_anything() -> None:
    batch = SoftTargets(
        values=torch.tensor([[0.5, float("nan")]]), space=Space.PROBS, question=Question.tags(2),
        coverage=torch.tensor([[True, False]]), bound=torch.tensor([0.1]),
    )  # fmt: skip
    assert there_and_back(batch, DENSE32).values.tolist() == [[0.5, 0.0]]


def test_logits_beyond_float16_are_moved_and_keep_their_softmax() -> None:
    batch = logits([1e5, 1e5 - 2, -1e5], [1.0, 2.0, 3.0])
    back = there_and_back(batch, DENSE)
    torch.testing.assert_close(back.probs(), batch.probs())
    assert back.values[1].tolist() == [1.0, 2.0, 3.0]  # its neighbour is left alone


def test_a_constant_on_all_logits_does_not_cost_float16_their_differences() -> None:
    near = torch.tensor([[0.3, 0.0, -1.0], [2.0, 1.7, 0.0]])
    for offset in (-5000.0, -300.0, 0.0, 300.0, 1000.0, 5000.0):
        back = there_and_back(logits(*(near + offset).tolist()), DENSE)
        assert torch.allclose(back.probs(), near.softmax(-1), atol=5e-4), offset
    small = logits([250.0, 0.0])  # what float16 holds well enough stays as the teacher gave it
    assert there_and_back(small, DENSE).values.tolist() == [[250.0, 0.0]]
    tags = logits([1000.0, 0.0], question=Question.tags(2))  # a sigmoid forgets no constant
    assert there_and_back(tags, DENSE).values.tolist() == [[1000.0, 0.0]]


def test_counts_beyond_float16_are_refused_by_row() -> None:
    batch = SoftTargets(values=torch.tensor([[1e5, 1.0], [3.0, 1.0]]), space=Space.VOTES, question=Question.one_of(2))
    encoded = encode(batch, DENSE)
    assert list(encoded.unusable) == [0] and "float16" in encoded.unusable[0]


@pytest.mark.parametrize("encoding", [DENSE, DENSE32])
def test_columns_do_not_share_the_teachers_memory(encoding: Encoding) -> None:
    batch = logits([1.0, 2.0], weight=torch.ones(1))
    columns = encode(batch, encoding).columns
    batch.values.zero_()
    assert batch.weight is not None
    batch.weight.zero_()
    assert columns["values"].tolist() == [[1.0, 2.0]] and columns["weight"].tolist() == [1.0]


def test_a_row_of_top_32_takes_128_bytes_beside_its_key() -> None:
    batch = SoftTargets(values=torch.randn(3, 1000), space=Space.LOGITS, question=Question.one_of(1000))
    assert row_bytes(encode(batch, Encoding.parse("top-32")).columns) == 32 * (2 + 2)


@pytest.mark.parametrize("encoding", [DENSE, DENSE32, Encoding(layout="top-k", k=1)])
def test_signals_come_back_with_their_names_and_gaps(encoding: Encoding) -> None:
    signals = torch.tensor([[1.5, math.nan], [0.0, -2.0]])
    batch = logits([1.0, 2.0], [3.0, 4.0], signals=signals, signal_names=("attention", "response_time"))
    back = there_and_back(batch, encoding)
    assert back.signal_names == ("attention", "response_time")
    assert back.signals is not None
    assert torch.equal(back.signals.nan_to_num(99), signals.nan_to_num(99))
    assert torch.equal(back.select(slice(1, 2)).signals, signals[1:])  # type: ignore[arg-type]


def test_an_infinite_signal_is_named_and_a_missing_one_is_none() -> None:
    signals = torch.tensor([[math.nan], [math.inf]])
    batch = logits([1.0, 2.0], [3.0, 4.0], signals=signals, signal_names=("attention",))
    assert encode(batch, DENSE).unusable == {1: "a signal of it is not finite"}


def test_a_number_that_is_certain_has_a_variance_with_a_logarithm() -> None:
    batch = SoftTargets(
        values=torch.tensor([[1.0], [2.0]]), variance=torch.tensor([[0.0], [0.5]]), space=Space.NUMBERS,
        question=Question.numbers(["a"]),
    )  # fmt: skip
    kept = there_and_back(batch, DENSE32).variance
    assert kept is not None and kept[1] == 0.5
    assert 0 < kept[0] < 1e-37 and kept.log().isfinite().all()
