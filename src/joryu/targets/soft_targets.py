"""`SoftTargets`: an immutable typed batch of answers, which every teacher gives and every objective takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import Link, Question
from joryu.questions.softening import TINY, log_softmax, widen
from joryu.targets.combination import Combination
from joryu.targets.coverage import NO_ANSWER, covers, least_kept, spread, tail_share
from joryu.targets.pooling import mean_logits, pool_numbers, pool_probs, pool_votes


class Space(StrEnum):
    """The space of the values."""

    LOGITS = "logits"  #: before the link: unnormalised log-probabilities, or log-odds of each tag
    PROBS = "probs"  #: after the link: a distribution that sums to one, or a probability of each tag
    VOTES = "votes"  #: counts of voters per class
    DIRICHLET = "dirichlet"  #: concentrations of a Dirichlet over class distributions
    NUMBERS = "numbers"  #: predicted numbers (means), perhaps with a variance


_SPACES = {
    Link.SOFTMAX: (Space.LOGITS, Space.PROBS, Space.VOTES, Space.DIRICHLET),
    Link.SIGMOID: (Space.LOGITS, Space.PROBS),
    Link.IDENTITY: (Space.NUMBERS,),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoftTargets:
    """A batch of answers to one question.

    Shapes, with ``B`` rows, ``C`` outputs, ``k`` kept answers and ``M`` members (an axis that is present only when
    ``members`` is true); the axes of the question's grid, if it has any, stand before the last:

    * dense: ``values [B, (M,) (height, width,) C]``;
    * top-k: ``k`` values in the place of ``C``, with ``indices`` of the same shape (int64), best first; an index of -1
      marks an empty place, for a teacher that gave fewer than ``k`` answers.

    *Not returned is not zero.* ``coverage`` (bool, the shape of dense values) says which outputs were answered; a top-k
    row covers the outputs that its indices name. Of all other outputs only an upper ``bound`` is known (``[B]``, in the
    space of the values; for a top-k row without one it is the smallest kept answer). Softmax *logits* that are top-k
    or partly covered must be log-probabilities, so that the total probability of the other outputs is known; `top_k`
    normalises them. Nothing is known about numbers that are not covered.

    ``combination``: the rule by which members become one answer (`combined`); ``None`` is ``soft``, all alike.

    ``temperature``: the temperature at which the values were already softened (1 for raw answers). ``weight``
    (``[B]``): factor of each row's loss; ``None`` means 1. ``variance``: of each number, in the shape of dense numbers.
    ``signals`` (``[B, S]``, named by ``signal_names``): what was measured of the teacher while it answered, for example
    a person's response time; NaN where it was not measured, never 0.

    >>> question = Question.one_of(["cat", "dog"])
    >>> targets = SoftTargets(values=torch.tensor([[2.0, 0.0]]), space=Space.LOGITS, question=question)
    >>> targets.probs().round(decimals=3)
    tensor([[0.8810, 0.1190]])

    Raises:
        InputError: the shapes do not fit one another or the question, the temperature is not a positive number, the
            space does not fit the question's link, or tags have a coverage but no bound.
    """

    values: Tensor
    space: Space
    question: Question
    indices: Tensor | None = None
    temperature: float = 1.0
    weight: Tensor | None = None
    coverage: Tensor | None = None
    bound: Tensor | None = None
    variance: Tensor | None = None
    members: bool = False
    combination: Combination | None = None
    signals: Tensor | None = None
    signal_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Plain strings are accepted, but the code below compares members: "logits" must become Space.LOGITS.
        try:
            object.__setattr__(self, "space", Space(self.space))
        except ValueError as error:
            raise InputError("unknown space", expected=", ".join(Space), received=repr(self.space)) from error
        if not 0 < self.temperature < math.inf:
            raise InputError("soft targets need a temperature", expected="a number > 0", received=self.temperature)
        if self.space not in (fitting := _SPACES[self.link]):
            raise InputError(
                f"this space cannot hold answers with a {self.link} link", expected=" or ".join(fitting),
                received=self.space.value,
            )  # fmt: skip
        self._check_values()
        self._check_combination()
        self._check_coverage()
        self._check_variance()
        self._check_signals()
        for name, part in (("weight", self.weight), ("bound", self.bound)):
            if part is not None and part.shape != self.values.shape[:1]:
                expected = f"shape ({len(self.values)},)"
                raise InputError(f"{name} needs one number per row", expected=expected, received=tuple(part.shape))

    def _check_values(self) -> None:
        shape = tuple(self.values.shape)
        axes = ["rows", *(["members"] if self.members else []), *self.question.grid, "outputs"]
        if len(shape) != len(axes):
            raise InputError(
                "soft targets do not have the axes of their question", expected=f"[{', '.join(axes)}]",
                received=f"shape {shape}",
            )  # fmt: skip
        if self.indices is None and shape[-1] != self.n_outputs:
            raise InputError(
                "dense soft targets need one value per output",
                expected=f"{self.n_outputs} on the last axis",
                received=f"shape {shape}",
            )
        if self.indices is None:
            return
        if self.indices.shape != self.values.shape or self.indices.dtype != torch.int64:
            raise InputError(
                "top-k soft targets need one index per value",
                expected=f"int64 indices of shape {shape}",
                received=f"{self.indices.dtype} of shape {tuple(self.indices.shape)}",
            )
        if self.space in (Space.DIRICHLET, Space.NUMBERS):
            what = "concentrations" if self.space is Space.DIRICHLET else "numbers"
            raise InputError(f"{what} cannot be cut to the best k", expected="dense values", received="indices")

    def _check_combination(self) -> None:
        if self.combination is None:
            return
        if not self.members:
            raise InputError("a rule combines members", expected="members=True", received=str(self.combination))
        self.combination.require_members(self.values.shape[1])
        self.combination.require_link(self.link)

    def _check_variance(self) -> None:
        if self.variance is None:
            return
        if self.space is not Space.NUMBERS or self.variance.shape != self.values.shape:
            raise InputError(
                "a variance belongs to numbers, one for each", expected=f"shape {tuple(self.values.shape)}",
                received=f"{tuple(self.variance.shape)} for {self.space.value}",
            )  # fmt: skip

    def _check_coverage(self) -> None:
        if self.coverage is None:
            return
        if self.indices is not None or self.space in (Space.VOTES, Space.DIRICHLET):
            raise InputError(
                "coverage belongs to dense logits, probabilities or scores",
                received=f"{'dense' if self.indices is None else 'top-k'} {self.space}",
                hint="the indices of top-k rows say what they cover",
            )
        if self.coverage.shape != self.values.shape or self.coverage.dtype != torch.bool:
            raise InputError(
                "coverage needs one flag per value",
                expected=f"bool of shape {tuple(self.values.shape)}",
                received=f"{self.coverage.dtype} of shape {tuple(self.coverage.shape)}",
            )
        if self.link is Link.SIGMOID and self.bound is None:
            raise InputError(
                "coverage of tags needs a bound",
                expected="the score that every tag not returned lies below, per row",
                received=None,
                hint="try bound=torch.ones(rows) where nothing is known",
            )

    def _check_signals(self) -> None:
        expected = (len(self.values), len(self.signal_names))
        if (self.signals is None and not self.signal_names) or (
            self.signals is not None and self.signal_names and tuple(self.signals.shape) == expected
        ):
            return
        raise InputError(
            "signals need one number per row and name",
            expected=f"signals of shape {expected}" if self.signal_names else "names of the signals",
            received=None if self.signals is None else tuple(self.signals.shape),
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def link(self) -> Link:
        """The link with which the values become probabilities."""
        return self.question.link

    @property
    def in_logits(self) -> bool:
        """Whether the values are logits."""
        return self.space is Space.LOGITS

    @property
    def n_outputs(self) -> int:
        """The number of the question's outputs."""
        return len(self.question)

    def _map(self, change: Callable[[Tensor], Tensor]) -> SoftTargets:
        # Rows of a valid batch are valid: checking them again would take longer than selecting them.
        changed = object.__new__(type(self))
        for name in self.__slots__:
            part = getattr(self, name)
            object.__setattr__(changed, name, change(part) if isinstance(part, Tensor) else part)
        return changed

    def select(self, rows: Tensor | slice) -> SoftTargets:
        """The given rows, as a new batch."""
        return self._map(lambda part: part[rows])

    def to(self, device: torch.device | str) -> SoftTargets:
        """The same batch on another device."""
        return self._map(lambda part: part.to(device, non_blocking=True))

    def dense(self) -> SoftTargets:
        """The batch with a value for every output; outputs that were not answered are filled in.

        Softmax: the remaining probability is shared evenly, with at most the ``bound`` (or the smallest answer) for
        each: the distribution of maximum entropy. Tags: the ``bound``, with ``coverage`` false. Votes and numbers: 0,
        for numbers with ``coverage`` false. With ``k = C`` nothing is filled in.
        """
        if self.indices is None and self.coverage is None:
            return self
        values = self._filled()
        if self.space is Space.VOTES:
            return replace(self, values=values, indices=None)
        coverage = self.coverage if self.indices is None else covers(self.indices, self.n_outputs)
        bound = self._known_bound() if self.link is Link.SIGMOID else self.bound
        return replace(self, values=values, indices=None, coverage=coverage, bound=bound)

    def _filled(self) -> Tensor:
        """Values for every output."""
        values = widen(self.values)
        if self.indices is None and self.coverage is None:
            return values
        fill = self._fill(values)
        if self.indices is not None:
            return spread(values, self.indices, self.n_outputs, fill)
        return torch.where(self._answered(), values, fill)

    def _fill(self, values: Tensor) -> Tensor:
        """The value ``[..., 1]`` for outputs that were not answered, by row."""
        if self.space in (Space.VOTES, Space.NUMBERS):
            return values.new_zeros(1)
        if self.link is Link.SIGMOID:
            return self._per_row(self._known_bound())
        answered, log = self._answered(), self.space is Space.LOGITS
        share = tail_share(values.exp() if log else values, answered, self.n_outputs)
        least = values.masked_fill(~answered, math.inf).amin(-1, keepdim=True)
        fill = torch.minimum(share.log() if log else share, least)
        return fill if self.bound is None else torch.minimum(fill, self._per_row(self.bound))

    def _answered(self) -> Tensor:
        """Which of the values are answers."""
        if self.indices is not None:
            return self.indices != NO_ANSWER
        return torch.ones_like(self.values, dtype=torch.bool) if self.coverage is None else self.coverage

    def _known_bound(self) -> Tensor:
        """For tags, the upper bound of those not returned; without a given bound the smallest answer of the row."""
        return least_kept(widen(self.values), self._answered(), self.top) if self.bound is None else self.bound

    @property
    def top(self) -> float:
        """The largest possible value in this space."""
        return 1.0 if self.space is Space.PROBS else math.inf

    def _per_row(self, numbers: Tensor) -> Tensor:
        return widen(numbers).reshape(-1, *[1] * (self.values.ndim - 1))

    def log_probs(self, temperature: float | None = None) -> Tensor:
        """Log-probabilities ``[B, (M,) ..., C]``, softened at ``temperature`` (default: the batch's own).

        ``log_softmax(logits / (temperature / own temperature))``; for tags the log-sigmoid. If they are not logits,
        ``log p`` serves as logits (a softmax does not depend on the constant by which they differ), with a floor at the
        smallest normal float32. The result is float32, or float64 if the values are.

        Raises:
            InputError: the answers are numbers, which have no probabilities.
        """
        further = 1.0 if temperature is None else temperature / self.temperature
        return self.link.log_probs(self.logits(), further)

    def probs(self, temperature: float | None = None) -> Tensor:
        """Probabilities ``[B, (M,) ..., C]``; see `log_probs`."""
        return self.log_probs(temperature).exp()

    def logits(self) -> Tensor:
        """Dense logits ``[B, (M,) ..., C]`` at the temperature of the batch; float32, or float64 if the values are.

        Probabilities, votes and Dirichlet concentrations become the logarithm of their (mean) distribution;
        probabilities of tags become log-odds.

        Raises:
            InputError: the answers are numbers, which have no logits; see `numbers`.
        """
        values = self._filled()
        if self.space is Space.LOGITS:
            return values
        if self.link is Link.SOFTMAX:
            values = values / values.sum(-1, keepdim=True).clamp_min(TINY)
        return self.link.logits(values)

    def averaged_logits(self) -> SoftTargets:
        """The members' logits averaged by their weights, the target of logit matching; no change without members.

        Raises:
            InputError: the rule is a vote, or the largest or smallest probability (`joryu.targets.pooling`).
        """
        if not self.members:
            return self
        values = mean_logits(self.logits(), self.combination or Combination())
        return replace(
            self, values=values, space=Space.LOGITS, indices=None, coverage=None, bound=None, members=False,
            combination=None,
        )  # fmt: skip

    def numbers(self) -> Tensor:
        """The numbers ``[B, (M,) ..., C]``, float32 or wider; 0 where ``coverage`` is false.

        Raises:
            InputError: the answers are not numbers.
        """
        if self.space is not Space.NUMBERS:
            raise InputError("these answers are no numbers", expected="an identity link", received=self.link.value)
        return self._filled()

    def top_k(self, k: int) -> SoftTargets:
        """The ``k`` highest answers of each row, highest first; softmax logits are normalised to log-probabilities.

        Raises:
            InputError: ``k`` is outside ``1..C``, or the answers are numbers or concentrations.
        """
        if not 1 <= k <= self.n_outputs:
            raise InputError("k is not usable", expected=f"1 <= k, of {self.question.count}", received=k)
        values, covered = widen(self.values), self._answered()
        if self.indices is not None:
            values = spread(values, self.indices, self.n_outputs, values.new_zeros(1))
            covered = covers(self.indices, self.n_outputs)
        elif self.space is Space.LOGITS and self.link is Link.SOFTMAX and self.coverage is None:
            values = log_softmax(values)
        top = values.masked_fill(~covered, -math.inf).topk(k, dim=-1)
        kept = covered.gather(-1, top.indices)
        bound = self.bound
        if self.link is Link.SIGMOID:
            # Dropped answers are below the smallest one kept; those missing before are below the bound.
            least = least_kept(top.values, kept, self.top)
            bound = least if bound is None else torch.maximum(bound.to(least.dtype), least)
        indices = top.indices.masked_fill(~kept, NO_ANSWER)
        return replace(self, values=top.values.masked_fill(~kept, 0), indices=indices, coverage=None, bound=bound)

    def combined(self, temperature: float | None = None) -> SoftTargets:
        """The members' answers as one, by the rule in ``combination``; no change without members.

        Each member is softened at ``temperature`` (default: the batch's own) *before* the rule is applied, as in Hinton
        et al. 2015: the mean of softened probabilities is not the softened mean. The result stands at that temperature,
        as log-probabilities (logits up to a constant), log-odds of tags, or for a vote as shares, which no temperature
        changes. A tag is covered if every member that has a weight answered it. Numbers become the mean of the
        members' mixture, with its variance. The formulas are those of `joryu.targets.pooling`.
        """
        if not self.members:
            return self
        full, rule = self.dense(), self.combination or Combination()
        counted = [at for at, share in enumerate(rule.shares(full.values.shape[1])) if share]
        coverage = None if full.coverage is None or self.link is Link.SOFTMAX else full.coverage[:, counted].all(1)
        one: dict[str, Any] = {"coverage": coverage, "members": False, "combination": None}
        if self.space is Space.NUMBERS:
            values, variance = pool_numbers(full.numbers(), full.variance, rule)
            return replace(full, values=values, variance=variance, **one)
        own = self.temperature if temperature is None else temperature
        if rule.exponent is None:
            values, space = pool_votes(self.link, full.logits(), rule), Space.PROBS
        else:
            values, space = pool_probs(self.link, full.logits(), own / self.temperature, rule), Space.LOGITS
        bound = None
        if coverage is not None:
            least = 0.0 if space is Space.PROBS else -math.inf
            bound = values.masked_fill(coverage, least).reshape(len(values), -1).amax(1)
        return replace(full, values=values, space=space, temperature=own, bound=bound, **one)
