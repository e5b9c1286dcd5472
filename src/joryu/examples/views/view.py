"""What a view is: one reproducible augmentation of one example, named by ``(example id, view seed)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from joryu.errors import InputError, MismatchError
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

    @property
    def relative(self) -> bool:
        """Whether the views are the same at every size of the pictures; else they are bound to one."""
        ...

    def relative_to(self, side: int) -> str:
        """The spec of views that do the same by shares of a side of so many pixels."""
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

    @property
    def relative(self) -> bool:
        """Whether it does the same to a picture of another size; else it counts in pixels."""
        ...

    def relative_to(self, side: int) -> str:
        """The spec of a step that does the same by shares of a side of so many pixels."""
        ...

    def __call__(self, pictures: Tensor, ids: Ids, seeds: Words, *, fill: float = 0) -> Tensor:
        """The transformed pictures, ``[B, channels, height, width]`` as they came; the argument is not changed.

        ``fill`` is what stands where nothing was: 0 in pictures, what nobody knows in labels.
        """
        ...


def require_pictures(pictures: Tensor, step: str) -> None:
    """Refuse inputs that are no pictures.

    Raises:
        InputError: not a batch of pictures.
    """
    if pictures.ndim != 4:
        raise InputError(
            f"the view {step} is made of pictures",
            expected="[n, channels, height, width]",
            received=f"shape {tuple(pictures.shape)}",
            hint="leave the views out, or try mixup:0.2, which takes any input",
        )


def require_same_views(views: Views, made_at: Sequence[int] | None, shown_at: Sequence[int]) -> None:
    """Check that views of inputs of one shape can be made again of inputs of another; ``None``: nobody knows of which.

    The shapes are those of one input, ``[channels, height, width]``.

    >>> from joryu.examples.views import parse_views
    >>> require_same_views(parse_views("shift:10%,flip"), [3, 96, 96], [3, 32, 32])
    >>> require_same_views(parse_views("shift:3"), [3, 96, 96], [3, 32, 32])
    Traceback (most recent call last):
    joryu.errors.MismatchError: shift:3 moves by pixels: at 32×32 it is another view than the teacher was shown \
(expected 96×96; received 32×32); try --size 96, or label with --views shift:0.031

    Raises:
        MismatchError: the views count in pixels, and the sizes differ.
    """
    if made_at is None or views.relative or tuple(made_at[-2:]) == tuple(shown_at[-2:]):
        return
    size = f"try --size {made_at[-1]}, or " if made_at[-1] == made_at[-2] else ""
    made, shown = ("×".join(map(str, reversed(shape[-2:]))) for shape in (made_at, shown_at))
    raise MismatchError(
        f"{views.spec} moves by pixels: at {shown} it is another view than the teacher was shown", expected=made,
        received=shown, hint=f"{size}label with --views {views.relative_to(made_at[-1])}",
    )  # fmt: skip
