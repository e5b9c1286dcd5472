"""Asking again: agreement passes, drift and damage do not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.views import parse_views
from joryu.questions import Question
from joryu.targets import Encoding, SoftTargets, Space, Store
from joryu.targets.encoding import decode, encode
from joryu.targets.shards import Span, write_shard
from joryu.teachers import Network, Reply, TeacherBatch
from joryu.teachers.answer_distance import NOISE, distances
from joryu.teachers.labelling import LabelOptions, label_examples
from joryu.teachers.verify import verify

N, C = 120, 10
ONE, TAGS, NUMBERS = Question.one_of(C), Question.tags(C), Question.numbers(C)

pytestmark = pytest.mark.usefixtures("spare_the_disk")


@pytest.fixture(scope="module")
def digits(first_digits: Callable[[int], Examples]) -> Examples:
    return first_digits(N).hide_labels(torch.arange(N))


class Linear:
    """A linear teacher that can be made to drift without its fingerprint knowing."""

    fingerprint = "linear"

    def __init__(self, space: Space = Space.LOGITS, question: Question = ONE, drift: float = 0.0) -> None:
        torch.manual_seed(0)
        self.layer, self.space, self.question, self.drift = (
            nn.Linear(64, C).requires_grad_(False),
            space,
            question,
            drift,
        )

    def answer(self, batch: TeacherBatch) -> Reply:
        return Reply(self.say(batch.inputs))

    def say(self, batch: Tensor) -> SoftTargets:
        logits = 3 * self.layer(batch.float().flatten(1) / 16)
        logits[:, 0] += self.drift
        values = self.question.link.probs(logits) if self.space is Space.PROBS else logits
        return SoftTargets(values=values, space=self.space, question=self.question)


def labelled(folder: Path, digits: Examples, teacher: Linear, encoding: str = "dense", n_views: int = 0) -> Store:
    options = LabelOptions(encoding=Encoding.parse(encoding), batch_size=32)
    views = parse_views("shift:1") if n_views else None
    return label_examples(teacher, digits, folder, views=views, n_views=n_views, options=options)


@pytest.mark.parametrize(
    ("space", "question"),
    [(Space.LOGITS, ONE), (Space.PROBS, ONE), (Space.LOGITS, TAGS), (Space.PROBS, TAGS), (Space.NUMBERS, NUMBERS)],
)
@pytest.mark.parametrize("encoding", ["dense", "dense:float32", "top-3", "top-10:float32"])
def test_the_same_teacher_passes(
    tmp_path: Path, digits: Examples, space: Space, question: Question, encoding: str
) -> None:
    if question is NUMBERS and encoding.startswith("top"):
        pytest.skip("a regression has no best classes")
    teacher, digits = Linear(space, question), replace(digits, question=question, labels=None)
    result = verify(labelled(tmp_path, digits, teacher, encoding, n_views=2), teacher, digits, sample=90)
    assert result.ok and result.within == 1.0 and result.asked == 90
    assert 0 <= result.mean_error <= result.max_error < (2e-3 if "32" not in encoding.partition(":")[2] else NOISE)


def test_a_teacher_that_has_drifted_is_found(tmp_path: Path, digits: Examples) -> None:
    store = labelled(tmp_path, digits, Linear())
    result = verify(store, Linear(drift=0.5), digits)
    assert not result.ok and result.within < 0.5
    assert result.asked == N  # never more than there are
    fresh = Linear(drift=0.5).say(digits.inputs).probs() - Linear().say(digits.inputs).probs()
    assert result.max_error == pytest.approx(fresh.abs().max().item(), abs=1e-3)


def test_one_wrong_answer_among_many_is_found(tmp_path: Path, digits: Examples) -> None:
    store = labelled(tmp_path, digits, Linear(), "dense:float32")
    values = store.shards[0].columns["values"].copy()
    values[17] = values[18]
    swapped = dict(store.shards[0].columns, values=values)
    write_shard(tmp_path, store.shards[0].span, swapped)
    result = verify(Store.open(tmp_path), Linear(), digits)
    assert not result.ok and result.within == pytest.approx(1 - 1 / N)


def test_a_tolerance_of_ones_own_decides(tmp_path: Path, digits: Examples) -> None:
    store = labelled(tmp_path, digits, Linear())
    assert verify(store, Linear(drift=0.5), digits, tolerance=0.2).ok
    assert not verify(store, Linear(), digits, tolerance=1e-9).ok


def test_the_sample_is_seeded_and_spread_over_views(tmp_path: Path, digits: Examples) -> None:
    teacher = Linear()
    store = labelled(tmp_path, digits, teacher, n_views=3)
    same = [verify(store, teacher, digits, sample=20, seed=1) for _ in range(2)]
    assert same[0] == same[1]
    assert verify(store, teacher, digits, sample=20, seed=2) != same[0]
    assert verify(store, teacher, digits, sample=10_000).asked == 4 * N


def test_keys_without_an_answer_are_passed_over(tmp_path: Path, digits: Examples) -> None:
    def stop(done: int, _total: int) -> None:
        if done >= 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_examples(Linear(), digits, tmp_path, options=LabelOptions(batch_size=32, progress=stop))
    assert verify(Store.open(tmp_path), Linear(), digits).asked == 64
    (tmp_path / Span(1, 1).name).unlink()
    with pytest.raises(InputError, match="no sampled example has soft targets"):
        verify(Store.open(tmp_path), Linear(), digits)


def test_another_teacher_or_other_examples_are_refused(tmp_path: Path, digits: Examples) -> None:
    store, other = labelled(tmp_path, digits, Linear()), Linear()
    with pytest.raises(MismatchError, match="other examples"):
        verify(store, Linear(), digits.select(torch.arange(5)))
    other.fingerprint = "changed"
    with pytest.raises(MismatchError, match=r"another teacher .*expected linear; received changed"):
        verify(store, other, digits)


def test_a_damaged_shard_is_named(tmp_path: Path, digits: Examples) -> None:
    store = labelled(tmp_path, digits, Linear())
    path = store.shards[0].path
    content, payload = bytearray(path.read_bytes()), store.shards[0].columns["values"].tobytes()
    content[content.find(payload) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path.name} is damaged.*checksum"):
        verify(Store.open(tmp_path), Linear(), digits)


def test_the_result_can_be_written_as_json(tmp_path: Path, digits: Examples) -> None:
    written = json.loads(json.dumps(verify(labelled(tmp_path, digits, Linear()), Linear(), digits).to_json()))
    assert written["ok"] is True and written["asked"] == N


@pytest.mark.parametrize("encoding", ["dense", "dense:float32", "top-3", "top-3:float32"])
def test_large_wrong_answers_do_not_excuse_themselves(tmp_path: Path, digits: Examples, encoding: str) -> None:
    store = labelled(tmp_path, digits, Linear(), encoding)
    values = store.shards[0].columns["values"].copy()
    values[:20, 0], values[:20, 1:] = -30_000, 30_000
    write_shard(tmp_path, store.shards[0].span, dict(store.shards[0].columns, values=values))
    result = verify(Store.open(tmp_path), Linear(), digits)
    assert not result.ok and result.within == pytest.approx(1 - 20 / N)


class Sharp(Linear):
    """Logits in the thousands, in the order of the classes or turned round, in batches that round differently."""

    def __init__(self, *, scale: float = 3000.0, turned: bool = False) -> None:
        super().__init__()
        self.scale, self.turned = scale, turned

    def say(self, batch: Tensor) -> SoftTargets:
        answers = super().say(batch)
        values = answers.values.mul(self.scale)
        return replace(answers, values=values.flip(-1) if self.turned else values)


@pytest.mark.parametrize("scale", [30.0, 3000.0, 30_000.0])
@pytest.mark.parametrize("encoding", ["dense", "dense:float32", "top-3"])
def test_a_sharp_teacher_passes_and_turned_round_does_not(
    tmp_path: Path, digits: Examples, encoding: str, scale: float
) -> None:
    store = labelled(tmp_path, digits, Sharp(scale=scale), encoding)
    assert verify(store, Sharp(scale=scale), digits).ok
    assert verify(store, Sharp(scale=scale, turned=True), digits).within < 0.5


@pytest.mark.parametrize("encoding", ["dense", "dense:float32", "top-3", "top-3:float32"])
@pytest.mark.parametrize("scale", [1.0, 20.0, 200.0, 5000.0, 100_000.0])
@pytest.mark.parametrize("question", [ONE, TAGS])
def test_what_the_last_bit_changes_is_explained(encoding: str, scale: float, question: Question) -> None:
    generator = torch.Generator().manual_seed(0)
    exact = torch.randn(4000, C, generator=generator) * scale
    exact[:, 1] = exact[:, 0] + torch.randn(4000, generator=generator) * 0.1  # near ties, where a bit counts most
    jitter = 1 + torch.randn(exact.shape, generator=generator) * 1e-7
    old, new = (SoftTargets(values=v, space=Space.LOGITS, question=question) for v in (exact, exact * jitter))
    how = Encoding.parse(encoding)
    columns, form, _ = encode(old, how)
    far = distances(decode(columns, form, new.question, how), new, how)
    assert all(bool(one.within(None).all()) for one in far)
    assert all(float(one.explained.max()) < 0.04 for one in far)


def test_equal_best_answers_may_stand_in_any_order() -> None:
    values = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    how = Encoding.parse("top-2")
    fresh = SoftTargets(values=values, space=Space.LOGITS, question=Question.one_of(4))
    columns, form, _ = encode(fresh, how)
    for best, passes in (([0, 1], True), ([2, 1], True), ([0, 3], False)):
        columns["indices"][:] = best
        assert (
            all(
                bool(one.within(None).all())
                for one in distances(decode(columns, form, fresh.question, how), fresh, how)
            )
            is passes
        )


def test_a_top_k_answer_without_its_best_class_is_found() -> None:
    fresh = SoftTargets(values=torch.tensor([[3.0, 1.0, 0.0, -1.0]]), space=Space.LOGITS, question=Question.one_of(4))
    how = Encoding.parse("top-2")
    columns, form, _ = encode(fresh, how)
    columns["indices"][:] = 65535  # nothing was answered
    assert not distances(decode(columns, form, fresh.question, how), fresh, how)[0].within(None).any()


def test_what_lies_far_below_the_best_is_compared_too(tmp_path: Path, digits: Examples) -> None:
    sharp = Sharp(scale=30.0)
    store = labelled(tmp_path, digits, sharp)
    values = store.shards[0].columns["values"].copy()
    best = values.max(1, keepdims=True)
    values[(values < best - 12) & (values > best - 20)] -= 8  # under 1e-5 in probability: students soften it
    write_shard(tmp_path, store.shards[0].span, dict(store.shards[0].columns, values=values))
    assert not verify(Store.open(tmp_path), sharp, digits).ok


@pytest.mark.parametrize("encoding", ["dense", "top-3", "dense:float32"])
@pytest.mark.parametrize(("space", "question"), [(Space.PROBS, ONE), (Space.PROBS, TAGS), (Space.VOTES, ONE)])
def test_rounding_of_what_is_not_logits_is_explained(encoding: str, space: Space, question: Question) -> None:
    logits = (4 * torch.randn(4000, C, generator=torch.Generator().manual_seed(0))).clamp_max(11)
    values = question.link.probs(logits) if space is Space.PROBS else logits.exp().clamp_max(60_000)
    how = Encoding.parse(encoding)
    fresh = SoftTargets(values=values, space=space, question=question)
    if how.k is not None:
        fresh = fresh.top_k(how.k)
    columns, form, _ = encode(fresh, how)
    (far,) = distances(decode(columns, form, fresh.question, how), fresh, how)
    assert far.within(None).all() and float(far.explained.max()) < 2e-3


class Measuring(nn.Module):
    """Numbers of about this size, and of another sign where it is ``turned``."""

    def __init__(self, size: float, *, turned: bool = False) -> None:
        super().__init__()
        self.size = -size if turned else size

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.float().flatten(1)[:, 10:12] / 16 * self.size


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_numbers_are_compared_in_their_own_unit(size: float, digits: Examples, tmp_path: Path) -> None:
    question = Question.numbers(["thickness", "width"])
    shown = Examples.of(digits.inputs, question=question)
    teacher = Network(Measuring(size), question=question, device="cpu")
    store = label_examples(teacher, shown, tmp_path)
    assert verify(store, teacher, shown).ok
    other = Network(Measuring(size, turned=True), question=question, device="cpu")
    other.fingerprint = teacher.fingerprint
    assert verify(store, other, shown).within < 0.5
