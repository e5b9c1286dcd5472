"""The members axis of soft targets: to put several teachers' answers on it, and to take members off it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from joryu.errors import MismatchError
from joryu.questions import Link, Question, difference
from joryu.questions.softening import log_softmax
from joryu.targets.combination import Combination
from joryu.targets.coverage import NO_ANSWER
from joryu.targets.soft_targets import SoftTargets, Space


def stack_members(answers: Sequence[SoftTargets], combination: Combination, names: Sequence[str]) -> SoftTargets:
    """Answers ``[B, ...]`` of several teachers about the same rows as those of one ensemble, ``[B, M, ...]``.

    Nothing is averaged, but for the ``weight`` of rows, by the members' weights; a member that gives none counts as 1.
    Answers in different spaces become logits, and top-k answers of different lengths dense ones with a coverage.
    Signals are put beside one another. ``names`` name the members in messages.

    >>> question = Question.one_of(["cat", "dog"])
    >>> one, two = (SoftTargets(values=torch.tensor([v]), space=Space.LOGITS, question=question)
    ...             for v in ([2.0, 0.0], [0.0, 2.0]))
    >>> stack_members([one, two], Combination.parse("soft,weights=3/1"), ["a", "b"]).combined().probs()
    tensor([[0.6904, 0.3096]])

    Raises:
        MismatchError: the members answered different questions, at different temperatures or with members of their own;
            or some of them know how sure they are, and others do not.
    """
    first = answers[0]
    for answer, name in zip(answers, names, strict=True):
        if (found := difference(first.question, answer.question)) is not None:
            raise _unlike(name, "answers another question", *found)
        if answer.temperature != first.temperature:
            raise _unlike(name, "softened its answers", f"temperature {first.temperature:g}", f"{answer.temperature:g}")
        if answer.members:
            raise _unlike(name, "is an ensemble itself", "one answer of each member", f"{answer.values.shape[1]}")
        if (answer.variance is None) != (first.variance is None):
            said = ["no variance" if one.variance is None else "a variance" for one in (first, answer)]
            raise _unlike(name, "knows otherwise how sure it is", *said)
    answers = _alike(answers)
    signals, signal_names = _signals(answers, names)
    return SoftTargets(
        values=_stacked(answers, lambda answer: answer.values),
        space=answers[0].space,
        question=first.question,
        indices=None if answers[0].indices is None else _stacked(answers, lambda answer: answer.indices),
        temperature=first.temperature,
        weight=_row_weights(answers, combination),
        coverage=None if answers[0].coverage is None else _stacked(answers, lambda answer: answer.coverage),
        bound=_bound(answers),
        variance=None if first.variance is None else _stacked(answers, lambda answer: answer.variance),
        members=True,
        combination=combination,
        signals=signals,
        signal_names=signal_names,
    )


def member_of(answers: SoftTargets, at: int) -> SoftTargets:
    """One member's answers; of answers without members themselves, for 0."""
    if not answers.members:
        return answers
    axis: dict[str, Tensor | None] = {
        name: None if part is None else part[:, at]
        for name, part in (("values", answers.values), ("indices", answers.indices),
                           ("coverage", answers.coverage), ("variance", answers.variance))
    }  # fmt: skip
    return replace(answers, members=False, combination=None, **axis)  # type: ignore[arg-type]


def in_order_of(answers: SoftTargets, question: Question, name: str) -> SoftTargets:
    """The same answers with their outputs in the order of another question, mapped by their names.

    Raises:
        MismatchError: the questions have other outputs, another link or another grid.
    """
    own = answers.question
    if own.names == question.names:
        return answers
    require_same_outputs(own, question, name)
    place = {output: at for at, output in enumerate(own.names)}
    columns = torch.tensor([place[output] for output in question.names], device=answers.values.device)
    if answers.indices is not None:
        turned = torch.empty_like(columns)
        turned[columns] = torch.arange(len(columns), device=columns.device)
        known = turned[answers.indices.clamp_min(0)].masked_fill(answers.indices == NO_ANSWER, NO_ANSWER)
        return replace(answers, question=question, indices=known)
    moved: dict[str, Tensor | None] = {
        part: None if values is None else values.index_select(-1, columns)
        for part, values in (("values", answers.values), ("coverage", answers.coverage), ("variance", answers.variance))
    }
    return replace(answers, question=question, **moved)  # type: ignore[arg-type]


def require_same_outputs(own: Question, question: Question, name: str) -> None:
    """Check that two questions differ by the order of their outputs at most.

    Raises:
        MismatchError: by more; ``name`` says whose question is the first.
    """
    if (own.link, own.grid) == (question.link, question.grid) and sorted(own.names) == sorted(question.names):
        return
    if (own.link, own.grid, len(own)) == (question.link, question.grid, len(question)):
        strange = [output for output in own.names if output not in question.names]
        absent = [output for output in question.names if output not in own.names]
        raise _unlike(name, "answers about others than the ensemble", f"{absent[0]!r}", f"{strange[0]!r}")
    found = difference(question, own) or ("the same outputs", "others")
    raise _unlike(name, "answers another question than the ensemble", *found)


def _unlike(name: str, what: str, expected: str, received: str) -> MismatchError:
    return MismatchError(f"the member {name} {what}", expected=expected, received=received)


def _alike(answers: Sequence[SoftTargets]) -> list[SoftTargets]:
    """The answers in one space, and all top-k of one length or all dense."""
    if len({answer.space for answer in answers}) > 1:
        answers = [replace(answer, values=answer.logits(), space=Space.LOGITS, indices=None, coverage=None, bound=None)
                   if answer.indices is None and answer.coverage is None else _in_logits(answer)
                   for answer in answers]  # fmt: skip
    widths = {None if answer.indices is None else answer.values.shape[-1] for answer in answers}
    if len(widths) == 1 and all((a.coverage is None) == (answers[0].coverage is None) for a in answers):
        return list(answers)
    answers = [answer.dense() for answer in answers]
    if all(answer.coverage is None for answer in answers):
        return answers
    return [_wholly_covered(answer) if answer.coverage is None else answer for answer in answers]


def _in_logits(answer: SoftTargets) -> SoftTargets:
    """Partly covered answers in logits; those of a softmax are log-probabilities, which the tail is known by."""
    if answer.space is Space.LOGITS:
        return answer
    full = answer.dense()
    bound = full.bound if full.bound is None or full.link is Link.SOFTMAX else full.link.logits(full.bound)
    values = full.link.logits(full.values)
    return replace(full, values=values, space=Space.LOGITS, bound=bound)


def _wholly_covered(answer: SoftTargets) -> SoftTargets:
    values = answer.values
    if answer.space is Space.LOGITS and answer.link is Link.SOFTMAX:
        values = log_softmax(values)
    bound = torch.full((len(answer),), -torch.inf if answer.space is Space.LOGITS else 0.0, device=values.device)
    covered = torch.ones_like(values, dtype=torch.bool)
    return replace(answer, values=values, coverage=covered, bound=bound if answer.link is Link.SIGMOID else None)


def _stacked(answers: Sequence[SoftTargets], part: Callable[[SoftTargets], Tensor | None]) -> Tensor:
    found = [value for answer in answers if (value := part(answer)) is not None]
    return torch.stack(found, dim=1)


def _bound(answers: Sequence[SoftTargets]) -> Tensor | None:
    """The highest of the members' bounds, which holds for what any of them left out."""
    found = [answer.bound for answer in answers]
    known = [bound for bound in found if bound is not None]
    if not known or (len(known) < len(found) and answers[0].link is not Link.SIGMOID):
        return None
    if len(known) < len(found):  # top-k tags: without a bound it is the smallest one kept
        known = [bound for answer in answers if (bound := answer.dense().bound) is not None]
    return torch.stack(known).amax(0)


def _row_weights(answers: Sequence[SoftTargets], combination: Combination) -> Tensor | None:
    if all(answer.weight is None for answer in answers):
        return None
    ones = torch.ones(len(answers[0]), device=answers[0].values.device)
    weights = torch.stack([ones if answer.weight is None else answer.weight.float() for answer in answers])
    return (weights * weights.new_tensor(combination.shares(len(answers)))[:, None]).sum(0)


def _signals(answers: Sequence[SoftTargets], names: Sequence[str]) -> tuple[Tensor | None, tuple[str, ...]]:
    """All signals; those that several members have are told apart by the member's name."""
    every = [name for answer in answers for name in answer.signal_names]
    if not every:
        return None, ()
    signal_names = tuple(
        name if every.count(name) == 1 else f"{name} of {member}"
        for answer, member in zip(answers, names, strict=True)
        for name in answer.signal_names
    )
    return torch.cat([answer.signals for answer in answers if answer.signals is not None], dim=1), signal_names
