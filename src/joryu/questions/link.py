"""`Link`: how a vector of outputs becomes probabilities, and everything that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions.softening import (
    check_temperature,
    log_sigmoid,
    log_softmax,
    logits_from_probs,
    logits_from_scores,
)


class Link(StrEnum):
    """How outputs ``[..., C]`` become probabilities.

    ``softmax``: one of ``C`` is true. ``sigmoid``: each output is a question of its own. ``identity``: the outputs are
    numbers, and there are no probabilities.

    >>> Link("softmax").probs(torch.tensor([2.0, 0.0]), temperature=2.0).round(decimals=3)
    tensor([0.7310, 0.2690])
    >>> [link.gradient_scale(4.0) for link in Link]
    [16.0, 4.0, 1.0]
    """

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    IDENTITY = "identity"

    @property
    def independent(self) -> bool:
        """Whether each output is a question of its own, so that a constant added to all of them changes the answer."""
        return self is not Link.SOFTMAX

    @property
    def has_probs(self) -> bool:
        """Whether outputs become probabilities at all."""
        return self is not Link.IDENTITY

    def log_probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """``log softmax(z / T)`` or ``log σ(z / T)``, float32 or wider.

        Raises:
            InputError: numbers, which have no probabilities.
        """
        return _LINKS[self].log_probs(logits, temperature)

    def probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """Probabilities of logits; see `log_probs`."""
        return self.log_probs(logits, temperature).exp()

    def logits(self, probs: Tensor) -> Tensor:
        """Logits of probabilities: ``log p`` (softmax, up to a constant), ``log(p / (1 - p))`` (sigmoid).

        Raises:
            InputError: numbers, which have no probabilities.
        """
        return _LINKS[self].logits(probs)

    def gradient_scale(self, temperature: float) -> float:
        """The factor on a soft loss taken at ``temperature``: T² (softmax), T (sigmoid), 1 (identity).

        Softmax: the gradient of the soft cross-entropy is ``(q - p) / T``, about ``(z - v) / (N T²)`` at high T, so T²
        holds it at the size of the hard part's whatever T is (Hinton, Vinyals & Dean 2015, §2 and eq. 4). Sigmoid: T
        cancels the outer ``1 / T`` and leaves ``σ(z/T) - σ(v/T)``, the convention of the U-Net work that Joryu
        follows; that still falls as ``(z - v) / (4 T)``. See ``docs/objectives.md``.

        Raises:
            InputError: a temperature that is not a positive, finite number.
        """
        check_temperature(temperature)
        return _LINKS[self].gradient_scale(temperature)

    def entropy(self, probs: Tensor) -> Tensor:
        """Entropy ``[...]`` in nats of probabilities ``[..., C]``: ``-Σ p log p``; of tags the sum over the tags.

        Raises:
            InputError: numbers, which have no probabilities.
        """
        return _LINKS[self].entropy(probs)

    def most_entropy(self, n_outputs: int) -> float:
        """The entropy of an answer that says nothing: ``log C``, or ``C log 2`` for tags.

        Raises:
            InputError: numbers, which have no probabilities.
        """
        even = 0.5 if self is Link.SIGMOID else 1 / n_outputs
        return float(self.entropy(torch.full((n_outputs,), even, dtype=torch.float64)))


class _Maths(NamedTuple):
    log_probs: Callable[[Tensor, float], Tensor]
    logits: Callable[[Tensor], Tensor]
    gradient_scale: Callable[[float], float]
    entropy: Callable[[Tensor], Tensor]


def _surprise(probs: Tensor) -> Tensor:
    return -torch.xlogy(probs, probs)


def _refuse(*_: object) -> Tensor:
    raise InputError(
        "numbers have no probabilities", expected="a softmax or sigmoid link", received="the identity link"
    )


_LINKS = {
    Link.SOFTMAX: _Maths(
        log_probs=log_softmax,
        logits=logits_from_probs,
        gradient_scale=lambda temperature: float(temperature**2),
        entropy=lambda probs: _surprise(probs).sum(-1),
    ),
    Link.SIGMOID: _Maths(
        log_probs=log_sigmoid,
        logits=logits_from_scores,
        gradient_scale=float,
        entropy=lambda probs: (_surprise(probs) + _surprise(1 - probs)).sum(-1),
    ),
    Link.IDENTITY: _Maths(log_probs=_refuse, logits=_refuse, gradient_scale=lambda _: 1.0, entropy=_refuse),
}
