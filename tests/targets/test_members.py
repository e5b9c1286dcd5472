"""Put on the members axis, taken off it or turned: what each teacher said stays what it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joryu.errors import MismatchError
from joryu.questions import Question
from joryu.targets import SoftTargets, Space
from joryu.targets.combination import Combination
from joryu.targets.members import in_order_of, member_of, stack_members

ROWS, NAMES = 3, ("ant", "bee", "cat", "dog", "eel")
CLASSES, TAGS, NUMBERS = Question.one_of(NAMES), Question.tags(NAMES), Question.numbers(NAMES)
SOFT = Combination()


def noise(seed: int) -> Tensor:
    return 3 * torch.randn(ROWS, len(NAMES), generator=torch.Generator().manual_seed(seed))


def logits(question: Question, seed: int) -> SoftTargets:
    return SoftTargets(values=noise(seed), space=Space.LOGITS, question=question)


def probs(question: Question, seed: int) -> SoftTargets:
    return SoftTargets(values=logits(question, seed).probs(), space=Space.PROBS, question=question)


KINDS: dict[str, Callable[[Question, int], SoftTargets]] = {
    "logits": logits,
    "probs": probs,
    "top 2": lambda question, seed: logits(question, seed).top_k(2),
    "top 3": lambda question, seed: logits(question, seed).top_k(3),
    "top 2 probs": lambda question, seed: probs(question, seed).top_k(2),
}
SAID = st.lists(st.tuples(st.sampled_from([*KINDS]), st.integers(0, 99)), min_size=1, max_size=4)
QUESTIONS = st.sampled_from([CLASSES, TAGS])


def answers_of(question: Question, said: list[tuple[str, int]]) -> list[SoftTargets]:
    return [KINDS[kind](question, seed) for kind, seed in said]


def stacked(answers: list[SoftTargets], combination: Combination = SOFT) -> SoftTargets:
    return stack_members(answers, combination, [f"m{at}" for at in range(len(answers))])


def covered(answers: SoftTargets) -> Tensor:
    full = answers.dense()
    return torch.ones_like(full.values, dtype=torch.bool) if full.coverage is None else full.coverage


@settings(max_examples=40)
@given(QUESTIONS, SAID)
def test_each_member_says_what_it_said_alone(question: Question, said: list[tuple[str, int]]) -> None:
    answers = answers_of(question, said)
    together = stacked(answers)
    assert together.members and together.values.shape[:2] == (ROWS, len(said))
    for at, answer in enumerate(answers):
        own = member_of(together, at)
        assert torch.equal(covered(own), covered(answer)), "not returned is not zero, and returned is not unreturned"
        where = covered(answer)
        torch.testing.assert_close(own.dense().probs()[where], answer.dense().probs()[where], atol=1e-5, rtol=1e-5)
        if question is CLASSES:
            torch.testing.assert_close(own.probs(), answer.probs(), atol=1e-5, rtol=1e-5)


@settings(max_examples=60)
@given(SAID)
def test_no_tag_that_a_member_left_out_is_bounded_more_tightly_than_it_was(said: list[tuple[str, int]]) -> None:
    answers = answers_of(TAGS, said)
    together = stacked(answers).dense()
    for answer in answers:
        full = answer.dense()
        if full.coverage is not None and not full.coverage.all():
            assert full.bound is not None and together.bound is not None
            own = full.bound if answer.space is together.space else torch.special.logit(full.bound.double()).float()
            assert (together.bound >= own - 1e-5).all()


@settings(max_examples=40)
@given(QUESTIONS, SAID, st.randoms(use_true_random=False), st.sampled_from(["soft", "vote", "logits", "power=2"]))
def test_members_may_stand_in_any_order_with_their_weights(
    question: Question, said: list[tuple[str, int]], random: object, rule: str
) -> None:
    order = [*range(len(said))]
    random.shuffle(order)  # type: ignore[attr-defined]
    weights = [1.0 + at for at in range(len(said))]
    one, other = (
        stacked(
            answers_of(question, [said[at] for at in places]),
            replace(Combination.parse(rule), weights=tuple(weights[at] for at in places)),
        ).combined()
        for places in (range(len(said)), order)
    )
    assert one.space is other.space
    torch.testing.assert_close(one.probs(), other.probs(), atol=1e-5, rtol=1e-5)


def test_weights_of_rows_are_averaged_by_the_members_weights_and_none_is_one() -> None:
    one, other = logits(CLASSES, 1), replace(logits(CLASSES, 2), weight=torch.tensor([0.0, 0.5, 2.0]))
    together = stacked([one, other], Combination(weights=(3, 1)))
    assert together.weight is not None
    torch.testing.assert_close(together.weight, torch.tensor([0.75, 0.875, 1.25]))
    assert stacked([one, one]).weight is None


def test_signals_of_one_name_are_told_apart_by_whose_they_are() -> None:
    def with_signals(seed: int, *names: str) -> SoftTargets:
        return replace(logits(CLASSES, seed), signals=torch.full((ROWS, len(names)), float(seed)), signal_names=names)

    together = stacked([with_signals(1, "rt", "pulse"), logits(CLASSES, 2), with_signals(3, "rt")])
    assert together.signal_names == ("rt of m0", "pulse", "rt of m2")
    assert together.signals is not None
    assert together.signals.tolist() == [[1.0, 1.0, 3.0]] * ROWS


@settings(max_examples=40)
@given(
    st.sampled_from([CLASSES, TAGS, NUMBERS]), st.sampled_from([*KINDS]), st.permutations(range(5)), st.integers(0, 99)
)
def test_outputs_in_another_order_keep_their_names(question: Question, kind: str, order: list[int], seed: int) -> None:
    if question is NUMBERS:
        said = SoftTargets(values=noise(seed), space=Space.NUMBERS, question=NUMBERS, variance=noise(seed + 1).exp())
    else:
        said = KINDS[kind](question, seed)
    wanted = replace(question, names=tuple(NAMES[at] for at in order))
    turned = in_order_of(said, wanted, "m")
    assert turned.question == wanted
    for part in ("values", "coverage", "variance"):
        before, after = (getattr(answers.dense(), part) for answers in (said, turned))
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            torch.testing.assert_close(after, before[:, order])
    back = in_order_of(turned, question, "m")
    assert torch.equal(back.values, said.values)
    assert back.indices is None if said.indices is None else torch.equal(back.indices, said.indices)  # type: ignore[arg-type]


UNLIKE = {
    "answers another question": logits(Question.one_of("abcde"), 1),
    "softened its answers": replace(logits(CLASSES, 1), temperature=4.0),
    "is an ensemble itself": stacked([logits(CLASSES, 1)] * 2),
}


@pytest.mark.parametrize("said", [*UNLIKE])
def test_members_that_cannot_be_put_beside_one_another_are_named(said: str) -> None:
    with pytest.raises(MismatchError, match=f"the member m1 {said}"):
        stacked([logits(CLASSES, 0), UNLIKE[said]])


def test_members_are_all_sure_of_how_sure_they_are_or_none_is() -> None:
    plain = SoftTargets(values=noise(0), space=Space.NUMBERS, question=NUMBERS)
    with pytest.raises(
        MismatchError, match=r"m1 knows otherwise how sure it is \(expected no variance; received a var"
    ):
        stacked([plain, replace(plain, variance=torch.ones(ROWS, 5))])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Question.one_of(["ant", "bee", "cat", "dog", "fox"]), r"expected 'fox'; received 'eel'"),
        (Question.tags(NAMES[::-1]), "expected sigmoid outputs; received softmax"),
        (Question.one_of(NAMES[:3]), "expected 3 classes; received 5"),
    ],
)
def test_other_outputs_are_no_other_order(other: Question, said: str) -> None:
    with pytest.raises(MismatchError, match=f"the member m answers .*{said}"):
        in_order_of(logits(CLASSES, 0), other, "m")


def test_what_has_no_members_is_its_own_only_one() -> None:
    alone = logits(CLASSES, 0)
    assert member_of(alone, 0) is alone
    assert in_order_of(alone, Question.one_of(NAMES), "m") is alone
