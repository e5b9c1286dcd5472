"""Turn a teacher's answers into outputs, so that the evaluator of its student evaluates the teacher too."""

from __future__ import annotations

from joryu.objectives import LOG_VARIANCE, MAIN, Outputs
from joryu.questions import Link
from joryu.questions.softening import TINY
from joryu.targets.soft_targets import SoftTargets, Space


def outputs_like(teacher: SoftTargets) -> Outputs:
    """The outputs of a student that gives the same answers at T = 1: ``main``, and ``log_variance`` if it is known.

    ``main [B, (height, width,) C]`` holds logits, or numbers. Members are combined; what was not answered is filled in
    as by `SoftTargets.dense`. If any logit is infinite, because a probability is 0 or 1, all of them are computed anew
    from the probabilities, with the floors of `Link.logits`.

    >>> import torch
    >>> from joryu.questions import Question
    >>> answers = torch.tensor([[0.75, 0.25]])
    >>> teacher = SoftTargets(values=answers, space=Space.PROBS, question=Question.one_of(["cat", "dog"]))
    >>> outputs_like(teacher)["main"].softmax(-1)
    tensor([[0.7500, 0.2500]])
    """
    answer = teacher.combined(1.0).dense()
    if answer.space is Space.NUMBERS:
        outputs = {MAIN: answer.numbers()}
        if answer.variance is not None:
            outputs[LOG_VARIANCE] = answer.variance.float().clamp_min(TINY).log()
        return outputs
    logits = answer.logits() * answer.temperature
    finite = bool(logits.isfinite().all())
    return {MAIN: logits if finite else Link(answer.link).logits(answer.probs(1.0))}
