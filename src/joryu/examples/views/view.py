"""What a view is: one reproducible augmentation of one example, named by ``(example id, view seed)``."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from joryu.errors import InputError
from joryu.examples.examples import Examples, Ids
from joryu.examples.hashing import Words


class ViewBatch(NamedTuple):
    """``inputs`` with the type and shape of the examples'; their ``labels``, after mixup as the codec blends them.

    Numbers of classes become probabilities, float32 ``[B, C]``; a row of zeros is an example whose label, or whose
    partner's, is not known.
    """

    inputs: Tensor
    labels: Tensor | None


class Views(Protocol):
    """Makes views. The same ``(id, seed)`` gives the same view in every batch, order, process and machine."""

    @property
    def spec(self) -> str:
        """The text from which `parse_views` makes these views again."""
        ...

    @property
    def blends(self) -> bool:
        """Whether a view holds other examples too: it can then be made again only where the whole *set* is the same."""
        ...

    def partners(self, examples: Examples, rows: Tensor, seeds: Tensor) -> Tensor:
        """The row of the other example that each view holds, int64 ``[B]``; its own where it holds none."""
        ...

    def apply(self, examples: Examples, rows: Tensor, seeds: Tensor) -> ViewBatch:
        """The views ``seeds`` (int64 ``[B]``; **0 is the example itself**) of the examples ``rows`` (int64 ``[B]``)."""
        ...


class Transform(Protocol):
    """One step of a view of pictures. It draws from ``Draws(ids, seeds, its name)`` and leaves rows of seed 0 alone.

    Labels that are asked for each pixel go through the same steps as planes of their own, so that a mask stays where
    the picture goes: a step may move pixels, and must not tell from their values where to.
    """

    @property
    def spec(self) -> str:
        """The step as `parse_views` reads it."""
        ...

    def __call__(self, pictures: Tensor, ids: Ids, seeds: Words, *, fill: float = 0) -> Tensor:
        """The transformed pictures, ``[B, channels, height, width]`` as they came; the argument is not changed.

        ``fill`` is what stands where nothing was: 0 in pictures, what nobody knows in labels.
        """
        ...


def require_pictures(pictures: Tensor, step: str) -> None:
    """Raises:
    InputError: not a batch of pictures.
    """
    if pictures.ndim != 4:
        raise InputError(
            f"the view {step} is made of pictures",
            expected="[n, channels, height, width]",
            received=f"shape {tuple(pictures.shape)}",
        )
