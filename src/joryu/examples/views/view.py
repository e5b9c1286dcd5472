"""A view is one reproducible augmentation of one example, identified by ``(example id, view seed)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples.examples import Examples, Ids
from joryu.examples.hashing import Words


class ViewBatch(NamedTuple):
    """A batch of views: ``inputs`` with the type and shape of the examples', and their ``labels``.

    After mixup the labels are blended by the question's codec: class numbers become probabilities, float32 ``[B, C]``,
    with a row of zeros where the label of the example or of its partner is unknown.
    """

    inputs: Tensor
    labels: Tensor | None


class Views(Protocol):
    """Makes views. The same ``(id, seed)`` gives the same view in every batch and order, on every machine."""

    @property
    def spec(self) -> str:
        """The text from which `parse_views` makes the same views."""
        ...

    @property
    def blends(self) -> bool:
        """Whether views blend other examples in (mixup): they can then be made again only from the same *set*."""
        ...

    @property
    def relative(self) -> bool:
        """Whether the views are the same at every size of the pictures, because they count in shares of the side."""
        ...

    def relative_to(self, side: int) -> str:
        """The spec of the same views in shares of the side, for pictures with ``side`` pixels."""
        ...

    def partners(self, examples: Examples, rows: Tensor, seeds: Tensor) -> Tensor:
        """The row of the example that each view is blended with, int64 ``[B]``; its own row if it is not blended."""
        ...

    def apply(self, examples: Examples, rows: Tensor, seeds: Tensor) -> ViewBatch:
        """Make the views ``seeds`` of the examples ``rows``, both int64 ``[B]``; **seed 0 is the example itself**."""
        ...


class Transform(Protocol):
    """One step of a view of pictures. Its random numbers are ``Draws(ids, seeds, name)``; seed 0 changes nothing.

    Labels of pixels pass through the same steps, as channels of their own, so that a mask moves with its picture. So a
    step may move pixels, but where to must not depend on their values.
    """

    @property
    def spec(self) -> str:
        """The step's text, as `parse_views` reads it."""
        ...

    @property
    def relative(self) -> bool:
        """Whether the step is the same at every size of the pictures; otherwise it counts in pixels."""
        ...

    def relative_to(self, side: int) -> str:
        """The spec of the same step in shares of the side, for pictures with ``side`` pixels."""
        ...

    def __call__(self, pictures: Tensor, ids: Ids, seeds: Words, *, fill: float = 0) -> Tensor:
        """The transformed pictures, ``[B, channels, height, width]`` in the same type; the argument is not changed.

        ``fill`` is the value of pixels that come from outside: 0 in pictures, "unknown" in labels.
        """
        ...


def require_pictures(pictures: Tensor, step: str) -> None:
    """Check that inputs are a batch of pictures, for the named step.

    Raises:
        InputError: they are not.
    """
    if pictures.ndim != 4:
        raise InputError(
            f"the view {step} is made of pictures",
            expected="[n, channels, height, width]",
            received=f"shape {tuple(pictures.shape)}",
            hint="leave the views out, or try mixup:0.2, which takes any input",
        )


def require_same_views(views: Views, made_at: Sequence[int] | None, shown_at: Sequence[int]) -> None:
    """Check that views made at one size are the same views at another.

    ``made_at`` (``None`` if unknown) and ``shown_at`` are shapes of one input, ``[channels, height, width]``.

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
