"""`Link`: how a vector of outputs becomes probabilities, with the maths that depends on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

FACTORS: Mapping[str, Callable[[float], float]] = {
    "T": float,
    "T^2": lambda temperature: float(temperature**2),
}
"""What a soft loss may be multiplied by, by name."""


class Link(StrEnum):
    """How outputs ``[..., C]`` become probabilities.

    - ``softmax``: exactly one of ``C`` classes is true.
    - ``sigmoid``: each of ``C`` tags is true or not, whatever the others are.
    - ``identity``: the outputs are numbers, and there are no probabilities.

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
        """Whether each output is an answer by itself; to a softmax only their differences matter."""
        return self is not Link.SOFTMAX

    @property
    def has_probs(self) -> bool:
        """Whether outputs become probabilities, as they do by softmax and sigmoid."""
        return self is not Link.IDENTITY

    def log_probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """``log softmax(z / T)`` over the last axis, or ``log σ(z / T)``; ``[..., C]``, float32 or wider.

        Raises:
            InputError: the link is identity: numbers have no probabilities.
        """
        return _LINKS[self].log_probs(logits, temperature)

    def probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """``softmax(z / T)`` over the last axis, or ``σ(z / T)``; ``[..., C]``, float32 or wider.

        Raises:
            InputError: the link is identity: numbers have no probabilities.
        """
        return self.log_probs(logits, temperature).exp()

    def logits(self, probs: Tensor) -> Tensor:
        """Logits of probabilities ``[..., C]``: ``log p`` for softmax, ``log(p / (1 - p))`` for sigmoid.

        For softmax they are known up to a constant per row. Probabilities are first kept off 0 (and 1), by the default
        floors of `logits_from_probs` and `logits_from_scores`.

        Raises:
            InputError: the link is identity: numbers have no probabilities.
        """
        return _LINKS[self].logits(probs)

    @property
    def factor(self) -> str | None:
        """The usual factor on a soft loss, by its name in `FACTORS`: ``T^2`` (softmax), ``T`` (sigmoid), none."""
        return _LINKS[self].factor

    def gradient_scale(self, temperature: float, factor: str | None = None) -> float:
        """The factor on a soft loss at ``temperature``: T² (softmax), T (sigmoid), 1 (identity), or the one named.

        With student logits ``z`` and teacher logits ``v``, the gradient of the softmax cross-entropy is
        ``(softmax(z/T) - softmax(v/T)) / T``, about ``(z - v) / (C T²)`` at high T. So T² keeps the soft part as large
        beside the hard part at every T (Hinton, Vinyals & Dean 2015, §2, eqs. 2 to 4).

        The gradient of the sigmoid cross-entropy is ``(σ(z/T) - σ(v/T)) / T``. The factor T, the convention of the
        U-Net work that Joryu follows, cancels the outer ``1 / T`` alone: at high T, ``(z - v) / (4 T)`` is left. The
        factor ``T^2`` leaves ``(z - v) / 4``. See ``docs/objectives.md``.

        >>> Link("sigmoid").gradient_scale(4.0, "T^2")
        16.0

        Raises:
            InputError: a temperature that is not a positive, finite number.
        """
        check_temperature(temperature)
        named = self.factor if factor is None else factor
        return 1.0 if named is None else FACTORS[named](temperature)

    def entropy(self, probs: Tensor) -> Tensor:
        """Entropy ``[...]`` in nats of probabilities ``[..., C]``.

        It is ``-Σ p log p`` for softmax, and for sigmoid the sum over the tags, ``-Σ (p log p + (1 - p) log(1 - p))``.

        Raises:
            InputError: the link is identity: numbers have no probabilities.
        """
        return _LINKS[self].entropy(probs)

    def most_entropy(self, n_outputs: int) -> float:
        """The largest entropy, in nats, that ``C`` outputs can have: ``log C`` for softmax, ``C log 2`` for sigmoid.

        Raises:
            InputError: the link is identity: numbers have no probabilities.
        """
        even = 0.5 if self is Link.SIGMOID else 1 / n_outputs
        return float(self.entropy(torch.full((n_outputs,), even, dtype=torch.float64)))


class _Maths(NamedTuple):
    log_probs: Callable[[Tensor, float], Tensor]
    logits: Callable[[Tensor], Tensor]
    factor: str | None
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
        factor="T^2",
        entropy=lambda probs: _surprise(probs).sum(-1),
    ),
    Link.SIGMOID: _Maths(
        log_probs=log_sigmoid,
        logits=logits_from_scores,
        factor="T",
        entropy=lambda probs: (_surprise(probs) + _surprise(1 - probs)).sum(-1),
    ),
    Link.IDENTITY: _Maths(log_probs=_refuse, logits=_refuse, factor=None, entropy=_refuse),
}
