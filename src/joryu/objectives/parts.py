"""The soft part of a loss for each link: the table of divergences that `Distillation` looks into."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from joryu.errors import InputError
from joryu.objectives.classification import (
    forward_kl,
    jensen_shannon,
    logit_matching,
    reverse_kl,
    soft_cross_entropy,
)
from joryu.objectives.objective import Outputs
from joryu.objectives.partial_tags import (
    asymmetric_cross_entropy,
    normalised_kl,
    prior_cross_entropy,
    zero_filled_cross_entropy,
)
from joryu.objectives.regression import gaussian_nll, squared_error
from joryu.objectives.tagging import binary_kl, returned_cross_entropy, soft_binary_cross_entropy
from joryu.questions import LOG_VARIANCE, MAIN, Link
from joryu.questions.link import FACTORS
from joryu.questions.softening import widen

if TYPE_CHECKING:
    from joryu.targets.soft_targets import SoftTargets

Units = tuple[float, ...]  #: what each number's error is measured in; none: in itself


class PerOutput(NamedTuple):
    """Numbers with one for each output, or none: ``units`` of numbers, ``priors`` of tags that were not returned."""

    units: Units = ()
    priors: tuple[float, ...] = ()


NO_NUMBERS = PerOutput()
GAUSSIAN = "gaussian-nll"  #: the divergence that teaches a variance
PRIOR = "bounded-prior"  #: the divergence that heeds the priors


class Divergence(NamedTuple):
    """A soft part without its factor, and whether the temperature means anything to it."""

    losses: Callable[[Outputs, SoftTargets, float, PerOutput], Tensor]  #: ``[B, (height, width)]``
    softened: bool = True


def checked_units(units: Sequence[float], link: Link) -> Units:
    """The units as a tuple of floats.

    Raises:
        InputError: there are units and the outputs are no numbers, or one of them cannot be divided by.
    """
    found = tuple(float(unit) for unit in units)
    if found and (link.has_probs or not all(0 < unit < math.inf for unit in found)):
        raise InputError(
            "is not usable", setting="units", expected="a number > 0 for each number asked", received=found
        )
    return found


def checked_priors(priors: Sequence[float], divergence: str) -> tuple[float, ...]:
    """The priors as a tuple of floats.

    Raises:
        InputError: there are priors and the divergence heeds none, or one is no probability.
    """
    found = tuple(float(prior) for prior in priors)
    if found and divergence != PRIOR:
        raise InputError(f"means nothing to {divergence}", setting="priors", expected=PRIOR, received=len(found))
    if not all(0 < prior < 1 for prior in found):
        raise InputError("is not usable", setting="priors", expected="probabilities between 0 and 1", received=found)
    return found


def checked_factor(factor: str | None, link: Link, divergence: str) -> str | None:
    """The name of the soft part's factor, that of the link where none is given; none where nothing is softened.

    Raises:
        InputError: there is no such factor, or nothing for it to multiply.
    """
    if not DIVERGENCES[link][divergence].softened:
        if factor is not None:
            raise InputError(
                f"means nothing to {divergence}, which no temperature softens", setting="factor", received=factor,
                hint="leave it out",
            )  # fmt: skip
        return None
    if factor is not None and factor not in FACTORS:
        raise InputError("is not usable", setting="factor", expected=" or ".join(FACTORS), received=repr(factor))
    return factor or link.factor


def soft_part(
    divergence: str,
    outputs: Outputs,
    targets: SoftTargets,
    *,
    temperature: float,
    per_output: PerOutput = NO_NUMBERS,
    factor: str | None = None,
) -> Tensor:
    """The soft part ``[B]``: the divergence of that name, at a temperature and with its factor s(T).

    Where the question repeats on a grid it is a mean over the sites of each example.
    """
    link, found = targets.link, DIVERGENCES[targets.link][divergence]
    losses = found.losses(outputs, targets, temperature, per_output)
    if found.softened:
        losses = losses * link.gradient_scale(temperature, factor)
    return losses if losses.ndim == 1 else losses.flatten(1).mean(1)


def default_divergence(link: Link) -> str:
    """The divergence taken where none is named."""
    return next(iter(DIVERGENCES[link]))


def _raw_logits(targets: SoftTargets) -> Tensor:
    """Dense logits at T = 1, whatever temperature the targets were made at."""
    logits = targets.logits()
    return logits if targets.temperature == 1 else logits * targets.temperature


def _of_classes(divergence: Callable[..., Tensor]) -> Divergence:
    def at(outputs: Outputs, targets: SoftTargets, temperature: float, per_output: PerOutput) -> Tensor:
        del per_output
        teacher_logits = _raw_logits(targets.combined(temperature))
        return divergence(outputs[MAIN], teacher_logits, temperature=temperature)

    return Divergence(at)


def _matched_logits(outputs: Outputs, targets: SoftTargets, temperature: float, per_output: PerOutput) -> Tensor:
    del temperature, per_output
    return logit_matching(outputs[MAIN], _raw_logits(targets.averaged_logits()))


def _of_tags(divergence: Callable[..., Tensor]) -> Divergence:
    def at(outputs: Outputs, targets: SoftTargets, temperature: float, per_output: PerOutput) -> Tensor:
        del per_output
        dense = targets.combined(temperature).dense()
        return divergence(outputs[MAIN], _raw_logits(dense), temperature=temperature, coverage=dense.coverage)

    return Divergence(at)


def _of_returned_tags(outputs: Outputs, targets: SoftTargets, temperature: float, per_output: PerOutput) -> Tensor:
    """The bounded cross-entropy, of few returned tags without making the others dense, which takes half the time."""
    if targets.indices is None or targets.bound is None or targets.members or targets.question.grid:
        return _of_tags(soft_binary_cross_entropy).losses(outputs, targets, temperature, per_output)
    odds, bound = widen(targets.values), widen(targets.bound)
    if not targets.in_logits:
        odds, bound = targets.link.logits(odds), targets.link.logits(bound)
    own = targets.temperature
    return returned_cross_entropy(outputs[MAIN], odds * own, targets.indices, bound * own, temperature=temperature)


def _expecting(outputs: Outputs, targets: SoftTargets, temperature: float, per_output: PerOutput) -> Tensor:
    return _of_tags(partial(prior_cross_entropy, priors=per_output.priors)).losses(
        outputs, targets, temperature, per_output
    )


def in_units(numbers: Tensor, units: Units) -> Tensor:
    """Numbers divided by their units; as they are where there are none."""
    return numbers / numbers.new_tensor(units) if units else numbers


def _squared_error(outputs: Outputs, targets: SoftTargets, temperature: float, per_output: PerOutput) -> Tensor:
    del temperature
    answer = targets.combined()
    found, units = answer.numbers(), per_output.units
    return squared_error(in_units(outputs[MAIN], units), in_units(found, units), coverage=answer.coverage)


def _gaussian_nll(outputs: Outputs, targets: SoftTargets, temperature: float, per_output: PerOutput) -> Tensor:
    del temperature, per_output  # a likelihood in other units differs by a constant
    if LOG_VARIANCE not in outputs:
        raise InputError(
            "this student does not say how far off its numbers may be", expected=f"a {LOG_VARIANCE} head",
            received=", ".join(outputs), hint="try the squared-error divergence",
        )  # fmt: skip
    answer = targets.combined()
    return gaussian_nll(
        outputs[MAIN], outputs[LOG_VARIANCE], answer.numbers(), variance=answer.variance, coverage=answer.coverage
    )


DIVERGENCES: Mapping[Link, Mapping[str, Divergence]] = {
    Link.SOFTMAX: {
        "kl-forward": _of_classes(forward_kl),
        "cross-entropy": _of_classes(soft_cross_entropy),
        "kl-reverse": _of_classes(reverse_kl),
        "js": _of_classes(jensen_shannon),
        "logit-mse": Divergence(_matched_logits, softened=False),
    },
    Link.SIGMOID: {
        "cross-entropy": Divergence(_of_returned_tags),
        "kl-forward": _of_tags(binary_kl),
        "bounded": Divergence(_of_returned_tags),  # what cross-entropy means where tags were not returned
        PRIOR: Divergence(_expecting),
        "zero-filled": _of_tags(zero_filled_cross_entropy),
        "asymmetric": _of_tags(asymmetric_cross_entropy),
        "normalised-kl": _of_tags(normalised_kl),
    },
    Link.IDENTITY: {
        "squared-error": Divergence(_squared_error, softened=False),
        GAUSSIAN: Divergence(_gaussian_nll, softened=False),
    },
}
"""The soft parts of each link by name; the first is taken where none is named."""
