"""Validation of tags after every epoch: as a whole evaluation says, and without its rankings."""

from __future__ import annotations

import pytest
import torch

from joryu.evaluation import evaluator_for, tag_likeness, tags, validator_for
from joryu.questions import Question
from joryu.targets.coverage import NO_ANSWER
from joryu.targets.soft_targets import SoftTargets, Space

N, TAGS, K = 40, 12, 4
QUESTION = Question.tags(TAGS)


def returned(bound: float) -> SoftTargets:
    """The best few tags of each picture, in rows that are not all full."""
    generator = torch.Generator().manual_seed(0)
    indices = torch.stack([torch.randperm(TAGS, generator=generator)[:K] for _ in range(N)])
    values = (bound + (1 - bound) * torch.rand(N, K, generator=generator)).sort(1, descending=True).values
    empty = torch.rand(N, K, generator=generator) < 0.3
    return SoftTargets(
        values=values.masked_fill(empty, 0), indices=indices.masked_fill(empty, NO_ANSWER),
        bound=torch.full((N,), bound), space=Space.PROBS, question=QUESTION,
    )  # fmt: skip


@pytest.mark.parametrize("bound", [0.4, 0.5, 1.0])
def test_by_a_teacher_that_returned_few_tags_it_says_what_the_whole_evaluation_says(bound: float) -> None:
    logits, teacher = torch.randn(N, TAGS, generator=torch.Generator().manual_seed(1)), returned(min(bound, 0.9))
    found = []
    for make in (evaluator_for, validator_for):
        evaluator = make(QUESTION)
        for start in range(0, N, 15):
            evaluator.add({"main": logits[start : start + 15]}, None, teacher.select(slice(start, start + 15)))
        found.append(evaluator.result())
    whole, brief = found
    assert brief.n == N
    assert (brief.loss, brief.measures) == (whole.loss, whole.measures[:1])
    assert brief.to_json()["measures"][0]["name"] == "same tags as the teacher"


def test_by_a_teacher_it_ranks_nothing_and_keeps_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object, **named: object) -> None:
        raise AssertionError("a ranking")

    for module in (tags, tag_likeness):
        monkeypatch.setattr(module, "average_precision", never)
    evaluator = validator_for(QUESTION)
    evaluator.add({"main": torch.zeros(N, TAGS)}, None, returned(0.5))
    kept = [part for name, parts in vars(evaluator._likeness).items() if isinstance(parts, list) for part in parts]
    assert max(part.numel() for part in kept) == N
    assert evaluator.result().n == N
