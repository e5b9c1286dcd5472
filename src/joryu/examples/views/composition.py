"""Compose views from steps, and parse the text that names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError, did_you_mean
from joryu.examples.examples import Examples, Ids
from joryu.examples.hashing import Words
from joryu.examples.inputs import take
from joryu.examples.views.flip import Flip
from joryu.examples.views.mixup import SHARES, Mixup, blend, draws_of
from joryu.examples.views.relative import RelativeCrop, RelativeShift
from joryu.examples.views.translation import Crop, Shift
from joryu.examples.views.view import Transform, ViewBatch, Views
from joryu.questions import LabelCodec

IDENTITY: Final = "identity"
_GRAMMAR: Final = "shift:10% or shift:N, crop:10% or crop:S+P, flip, mixup:ALPHA, joined by commas"

_WHOLE: Final = re.compile(r"\s*[+-]?\d+\s*")

Step = TypeVar("Step")


@dataclass(frozen=True, slots=True)
class ComposedViews:
    """Transforms applied one after another, then perhaps mixup; without any step it is the identity.

    Each step has random numbers of its own, so adding a step does not change the others.
    """

    transforms: tuple[Transform, ...] = ()
    mixup: Mixup | None = None

    @property
    def spec(self) -> str:
        steps = [step.spec for step in self.transforms] + ([] if self.mixup is None else [self.mixup.spec])
        return ",".join(steps) or IDENTITY

    @property
    def relative(self) -> bool:
        return all(step.relative for step in self.transforms)

    def relative_to(self, side: int) -> str:
        """See `Views.relative_to`."""
        steps = [step.relative_to(side) for step in self.transforms]
        return ",".join([*steps, *([] if self.mixup is None else [self.mixup.spec])]) or IDENTITY

    @property
    def blends(self) -> bool:
        return self.mixup is not None

    def partners(self, examples: Examples, rows: Tensor, seeds: Tensor) -> Tensor:
        """See `Views.partners`."""
        rows = rows.cpu()
        if self.mixup is None:
            return rows
        words = seeds.cpu().numpy().astype(np.uint64)
        others = self.mixup.partners(examples, draws_of(examples.ids[rows.numpy()], words))
        return others.where(torch.from_numpy(words != 0), rows)

    def apply(self, examples: Examples, rows: Tensor, seeds: Tensor) -> ViewBatch:
        """See `Views.apply`.

        Raises:
            InputError: ``rows`` and ``seeds`` differ in shape, or a step does not fit the inputs.
        """
        if rows.ndim != 1 or rows.shape != seeds.shape:
            raise InputError(
                "each row needs one view seed", expected=f"[{len(rows)}]", received=f"seeds {tuple(seeds.shape)}"
            )
        rows, words = rows.cpu(), seeds.cpu().numpy().astype(np.uint64)
        own = self._seen(examples, rows, words)
        if self.mixup is None:
            return own
        draws = draws_of(examples.ids[rows.numpy()], words)
        partners, shares = self.mixup.partners(examples, draws), self.mixup.shares(draws, words)
        other = self._seen(examples, partners, words)
        mixed = blend(own.inputs, other.inputs, shares)
        if own.labels is None or other.labels is None:
            return ViewBatch(mixed, None)
        blended = examples.codec.blend(own.labels, other.labels, shares / SHARES, len(examples.classes))
        return ViewBatch(mixed, blended)

    def _seen(self, examples: Examples, rows: Tensor, seeds: Words) -> ViewBatch:
        inputs, labels = take(examples.inputs, rows), None
        if examples.labels is not None:
            labels = take(examples.labels, rows)
        if not seeds.any() or not self.transforms:
            return ViewBatch(inputs, labels)
        ids = examples.ids[rows.numpy()]
        for transform in self.transforms:
            inputs = transform(inputs, ids, seeds)
        if labels is not None and examples.question is not None and examples.question.grid:
            labels = self._moved(labels, examples.codec, ids, seeds)
        return ViewBatch(inputs, labels)

    def _moved(self, labels: Tensor, codec: LabelCodec, ids: Ids, seeds: Words) -> Tensor:
        """Labels of pixels, ``[B, height, width(, C)]``, moved like their pictures; unknown where filled."""
        unknown = float(codec.hide(labels[:1], torch.tensor([0])).flatten()[0])
        planes = labels[:, None] if labels.ndim == 3 else labels.movedim(-1, 1).contiguous()
        for transform in self.transforms:
            planes = transform(planes, ids, seeds, fill=unknown)
        return planes[:, 0] if labels.ndim == 3 else planes.movedim(1, -1).contiguous()


def parse_views(spec: str | None) -> Views:
    """Parse views from text: ``shift``, ``crop``, ``flip`` and ``mixup:ALPHA``, joined by commas; ``None``: no views.

    ``shift:10%`` (or ``shift:0.1``) and ``crop:10%`` are shares of the picture's side, so they give the same views at
    every size. ``shift:N`` and ``crop:S+P`` are in pixels. Steps are applied from left to right, each at most once;
    mixup comes last, because it blends finished views.

    >>> parse_views("shift:2,mixup:0.2").spec
    'shift:2,mixup:0.2'

    Raises:
        InputError: a step is unknown (similar names are suggested), has a bad number or occurs twice, or mixup is not
            last.
    """
    if spec is None or spec.strip() in ("", IDENTITY):
        return ComposedViews()
    words = [word.strip() for word in spec.split(",")]
    names = [word.partition(":")[0] for word in words]
    if len(set(names)) < len(names):
        raise InputError("a view has a step twice", expected="each step at most once", received=spec)
    if "mixup" in names[:-1]:
        raise InputError("mixup blends finished views", expected="mixup as the last step", received=spec)
    mixup = _parse(words.pop(), {"mixup": _mixup}) if names[-1] == "mixup" else None
    return ComposedViews(tuple(_parse(word, _TRANSFORMS) for word in words), mixup)


def _parse(word: str, steps: Mapping[str, Callable[[str], Step]]) -> Step:
    name, _, argument = word.partition(":")
    if name not in steps:
        hint = did_you_mean(name, [*_TRANSFORMS, "mixup"])
        raise InputError(f"no view is known as {word!r}", expected=_GRAMMAR, hint=hint)
    try:
        return steps[name](argument)
    except ValueError:
        raise InputError(f"the view {name} cannot be read", expected=_GRAMMAR, received=word) from None


def _shift(argument: str) -> Transform:
    return Shift(int(argument)) if _WHOLE.fullmatch(argument) else RelativeShift(_share(argument))


def _crop(argument: str) -> Transform:
    size, plus, padding = argument.partition("+")
    return Crop(int(size), int(padding)) if plus else RelativeCrop(_share(argument))


def _share(argument: str) -> float:
    """Parse a share of the side: ``0.1`` or ``10%``."""
    percent = argument.strip().removesuffix("%")
    return float(percent) / 100 if percent != argument.strip() else float(argument)


def _flip(argument: str) -> Flip:
    if argument:
        raise ValueError(argument)
    return Flip()


def _mixup(argument: str) -> Mixup:
    return Mixup(float(argument))


_TRANSFORMS: Mapping[str, Callable[[str], Transform]] = {"shift": _shift, "crop": _crop, "flip": _flip}
