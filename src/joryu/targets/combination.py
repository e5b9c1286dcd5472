"""`Combination`: the rule by which the answers of several teachers become one; parsed, written and hashed here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from joryu.errors import InputError, did_you_mean
from joryu.questions import Link


class Rule(StrEnum):
    """How members' answers are combined; the formulas are those of `joryu.targets.pooling`."""

    SOFT = "soft"  #: the mean of probabilities; of numbers their mean
    VOTE = "vote"  #: the shares of the members' best classes
    LOGITS = "logits"  #: the mean of logits, which is the geometric mean of probabilities
    POWER = "power"  #: the power mean of probabilities


USAGE = "soft, vote, logits or power=U, such as power=0.1, and perhaps ,weights=W1/W2/…"


@dataclass(frozen=True, slots=True)
class Combination:
    """A rule, the exponent of the power mean, and a weight for each member (none: all alike).

    Only the ratios of the weights matter. A member of weight 0 is kept and not counted.

    >>> Combination.parse("power=0.1,weights=2/1")
    Combination(rule=<Rule.POWER: 'power'>, power=0.1, weights=(2.0, 1.0))
    >>> str(Combination.parse("power=0.1,weights=2/1")), Combination.parse("soft,weights=2/1/1").shares(3)
    ('power=0.1,weights=2/1', (0.5, 0.25, 0.25))

    Raises:
        InputError: an unknown rule, an exponent that is not a number or stands beside another rule, or weights that are
            negative, not finite or all 0.
    """

    rule: Rule = Rule.SOFT
    power: float | None = None
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        try:  # plain strings and lists are welcome
            object.__setattr__(self, "rule", Rule(self.rule))
        except ValueError as error:
            raise _unknown(str(self.rule)) from error
        object.__setattr__(self, "weights", tuple(float(weight) for weight in self.weights))
        if (self.power is None) == (self.rule is Rule.POWER) or (self.power is not None and math.isnan(self.power)):
            expected = "a number, such as 0.1" if self.rule is Rule.POWER else f"none: the rule is {self.rule}"
            raise InputError("is not usable", setting="power", expected=expected, received=self.power)
        usable = all(0 <= weight < math.inf for weight in self.weights)
        if self.weights and not (usable and 0 < sum(self.weights) < math.inf):
            expected = "numbers >= 0, one of them > 0"
            raise InputError("are not usable", setting="weights", expected=expected, received=_written(self.weights))

    @classmethod
    def parse(cls, spec: str) -> Self:
        """From ``soft``, ``vote``, ``logits`` or ``power=U``, each perhaps followed by ``,weights=W1/W2/…``.

        Raises:
            InputError: it is anything else.
        """
        first, *options = spec.split(",")
        rule, _, power = first.partition("=")
        if (rule == Rule.POWER) != bool(power) or len(options) > 1:
            raise _unknown(spec)
        weights: tuple[float, ...] = ()
        if options:
            name, _, listed = options[0].partition("=")
            if name != "weights" or not listed:
                raise _unknown(spec)
            weights = tuple(_number(weight, spec) for weight in listed.split("/"))
        return cls(rule, _number(power, spec) if power else None, weights)  # type: ignore[arg-type]

    def __str__(self) -> str:
        rule = self.rule.value if self.power is None else f"power={_short(self.power)}"
        return f"{rule},weights={_written(self.weights)}" if self.weights else rule

    @property
    def exponent(self) -> float | None:
        """The exponent of the power mean that the rule is: 1 of ``soft``, 0 of ``logits``, none of a vote."""
        return {Rule.SOFT: 1.0, Rule.LOGITS: 0.0, Rule.VOTE: None, Rule.POWER: self.power}[self.rule]

    def shares(self, members: int) -> tuple[float, ...]:
        """The weights of so many members; they sum to one.

        Raises:
            InputError: there are weights, and their number is another.
        """
        self.require_members(members)
        weights = self.weights or (1.0,) * members
        return tuple(weight / sum(weights) for weight in weights)

    def require_members(self, members: int) -> None:
        """Check that each of so many members has its weight.

        Raises:
            InputError: there are weights, and their number is another.
        """
        if self.weights and len(self.weights) != members:
            raise InputError(
                "an ensemble needs one weight for each member", expected=f"{members} weights",
                received=_written(self.weights), hint="leave the weights out to count all members alike",
            )  # fmt: skip

    def require_link(self, link: Link) -> None:
        """Check that the rule means something to answers of this link.

        Raises:
            InputError: numbers, of which there is a mean alone.
        """
        if not link.has_probs and self.rule is not Rule.SOFT:
            raise InputError(
                f"the rule {str(self)!r} needs probabilities, and these answers are numbers", expected="soft",
                received=str(self), hint="of numbers the mean is taken, with weights if need be",
            )  # fmt: skip


def ensemble_fingerprint(combination: Combination, members: Sequence[str]) -> str:
    """The fingerprint of an ensemble: of its members' fingerprints in their order, the rule and the weights.

    Weights count by their ratios, and equal weights as none.
    """
    shares = combination.shares(len(members))
    alike = max(shares) == min(shares)
    parts = ["ensemble", str(combination.exponent), *map(str, () if alike else shares), *members]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _unknown(spec: str) -> InputError:
    rule = spec.partition("=")[0].partition(",")[0]
    hint = None if rule in list(Rule) else did_you_mean(rule, list(Rule))
    return InputError("unknown rule of an ensemble", expected=USAGE, received=repr(spec), hint=hint)


def _number(text: str, spec: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            "unknown rule of an ensemble", expected=USAGE, received=f"{spec!r}, where {text!r} is no number"
        ) from error


def _short(number: float) -> str:
    return str(int(number)) if math.isfinite(number) and number == int(number) else repr(number)


def _written(weights: Sequence[float]) -> str:
    return "/".join(map(_short, weights))
