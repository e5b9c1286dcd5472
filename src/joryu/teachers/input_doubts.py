"""What looks wrong in what a teacher is shown, in words: the wrong normalisation is the commonest fault of all."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from joryu.teachers.network_inputs import NetworkInputs

FAR: Final = 3.0  #: standard deviations beyond which few normalised values lie
_SHARE: Final = 0.05  #: of them may, before it is content: of pictures normalised as is usual none do
_FLAT: Final = 0.1  #: the standard deviation of normalised values below which pictures look all the same
_GREY_LEVELS: Final = 2.0  #: of contrast, below which a picture itself is nearly constant
_FEW: Final = 20  #: labelled examples below which nothing is said of how many are right
_SURE: Final = 2.33  #: standard errors, one in a hundred


class Guesses(NamedTuple):
    """Of labelled examples the right class, the one that was named, and the one named with red and blue exchanged."""

    right: Tensor
    named: Tensor
    exchanged: Tensor | None


def rightness(guesses: Guesses | None) -> tuple[float | None, int]:
    """The share of right answers, and of how many.

    >>> rightness(Guesses(torch.tensor([0, 1]), torch.tensor([0, 0]), None))
    (0.5, 2)
    """
    if guesses is None:
        return None, 0
    return float((guesses.right == guesses.named).double().mean()), len(guesses.right)


def doubts_about(
    taken: NetworkInputs, values: Tensor, contrast: float | None, guesses: Guesses | None
) -> tuple[str, ...]:
    """Everything that looks wrong, worst first.

    ``values`` ``[channels, n]`` are some that the teacher takes; ``contrast`` is that of the pictures themselves, in
    grey levels.
    """
    real = values * taken.said.real_scale + taken.said.real_offset
    found = [
        _unfinite(taken, values),
        _misplaced(taken, real, contrast),
        _clipped(taken, values),
        _constant(contrast),
        _about_answers(guesses),
    ]
    return tuple(one for one in found if one)


def _unfinite(taken: NetworkInputs, values: Tensor) -> str:
    missing = taken.said.columns and bool(values.isnan().any())  # in a table NaN is what is missing
    finite = values.nan_to_num(nan=0.0) if missing else values
    return "" if bool(finite.abs().lt(float("inf")).all()) else "some values are not finite"


def _misplaced(taken: NetworkInputs, real: Tensor, contrast: float | None) -> str:
    """Normalised values that are not, or a statement that contradicts itself."""
    said = taken.said
    because = f": {said.slip}" if said.slip else ""
    if not said.is_normalised:
        return f"the values lie between {_span(real)}{because}" if because else ""
    far = float((real.abs() > FAR).double().mean())
    if far > _SHARE:
        return (
            f"it is described as normalised, and {far:.0%} of the values lie outside ±{FAR:g}, between {_span(real)}"
            f"{because or ': such a mean and deviation are of other pictures'}"
        )
    std = float(real.std())
    if std < _FLAT and (contrast is None or contrast > _GREY_LEVELS):
        return (
            f"the pictures look nearly all the same to it: values lie between {_span(real)}, with a standard deviation"
            f" of {std:.2g} where about 1 is usual{because}"
        )
    return because.removeprefix(": ")


def _clipped(taken: NetworkInputs, values: Tensor) -> str:
    """Whole numbers of which many stand at an end of their range: scaled numbers that did not fit."""
    limits = {"uint8": (0, 255), "int8": (-128, 127)}.get(taken.kind)
    if limits is None or not taken.said.is_normalised:
        return ""
    at_ends = float(((values <= limits[0]) | (values >= limits[1])).double().mean())
    return f"{at_ends:.0%} of the values are cut off at the ends of {taken.kind}" if at_ends > 0.2 else ""


def _constant(contrast: float | None) -> str:
    if contrast is None or contrast > _GREY_LEVELS:
        return ""
    return f"the pictures themselves are nearly constant: {contrast:.2g} grey levels of 255 about their mean"


def _about_answers(guesses: Guesses | None) -> str:
    """Answers that are right no more often than by chance, or more often with red and blue exchanged."""
    if guesses is None or len(guesses.right) < _FEW:
        return ""
    right, n = guesses.right == guesses.named, len(guesses.right)
    accuracy, chance = float(right.double().mean()), _by_chance(guesses)
    other = right if guesses.exchanged is None else guesses.exchanged == guesses.right
    gained, lost = int((other & ~right).sum()), int((right & ~other).sum())
    if gained - lost > max(_SURE * math.sqrt(gained + lost), 0.02 * n):
        return (
            f"with red and blue exchanged {float(other.double().mean()):.0%} of the answers are right instead of"
            f" {accuracy:.0%}: the order of the colours is probably wrong ([input] colours in a FILE.toml)"
        )
    if bool((guesses.right != guesses.right[0]).any()) and accuracy - chance <= _SURE * math.sqrt(
        chance * (1 - chance) / n
    ):
        return (
            f"{accuracy:.0%} of {n} labelled examples are answered right, no more than by chance ({chance:.0%}): look"
            " at the scaling, the colours and the order of the classes"
        )
    return ""


def _by_chance(guesses: Guesses) -> float:
    """The share that would be right if the answers, as often as each is given, had nothing to do with the labels."""
    most = int(max(guesses.right.max(), guesses.named.max())) + 1
    shares = [torch.bincount(one, minlength=most).double() / len(one) for one in (guesses.right, guesses.named)]
    return float((shares[0] * shares[1]).sum())


def _span(values: Tensor) -> str:
    return f"{float(values.min()):.4g} and {float(values.max()):.4g}"
