"""`Intake`: how examples become what a foreign model takes: size, layout, order of colours, range, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples.preparation import PicturePreparation
from joryu.teachers.foreign.description import InputSaid, Layout

Shape = tuple[int | None, ...]
"""Of one input, without its batch; ``None`` where a model takes any length."""

_HALF: Final = 128  #: between the pixels of a model that takes int8 and those of a file
_KINDS: Final = ("float16", "float32", "float64", "uint8", "int8")
_PIXELS: Final = (0.0, 255.0)


@dataclass(frozen=True, slots=True)
class Intake:
    """What one model takes.

    Pictures, uint8 ``[B, C, H, W]``, are resized to ``height`` and ``width`` (bilinear, antialiased; ``None`` takes
    them as they are), grey ones repeated, and become ``(pixel / 255 · (high - low) + low - mean) / std`` in the model's
    layout; if ``row`` is a number they are made flat, to that many numbers. Models that take uint8 get the pixels as
    they are (int8: less 128), if nobody says otherwise. Rows of a table are given as they are.

    ``quantised`` is the scale and zero point by which a quantised model's whole numbers mean others.
    """

    kind: str
    channels: int
    height: int | None
    width: int | None
    layout: Layout
    row: int | None
    said: InputSaid
    quantised: tuple[float, int] = (0.0, 0)

    @classmethod
    def of(cls, shape: Shape, kind: str, said: InputSaid, *, model: str, quantised: tuple[float, int] = (0, 0)) -> Self:
        """The intake of a model that declares one input of this ``shape``, as far as it does, and what else is said.

        Raises:
            InputError: it takes no pictures or rows; its layout or its range is known from nowhere.
            MismatchError: the model and its description differ.
        """
        if kind not in _KINDS:
            raise InputError(f"{model} takes strange inputs", expected=", ".join(_KINDS), received=kind)
        if len(shape) == 1:
            made = cls(kind, said.channels or 1, said.height, said.width, said.layout or "NCHW", shape[0], said)
        else:
            layout = said.layout or _layout_of(shape, model)
            first, second, last = shape if layout == "NCHW" else (shape[2], shape[0], shape[1])
            channels, height, width = (
                _agreed(name, one, getattr(said, name), model)
                for name, one in zip(("channels", "height", "width"), (first, second, last), strict=True)
            )
            if channels not in (1, 3):
                raise InputError(f"{model} is no model of pictures", expected="1 or 3 channels", received=channels)
            made = cls(kind, channels, height, width, layout, None, said, quantised)
            made.require_range(model)
        _require_by_channel(said, made.channels, model)
        return made

    @property
    def is_scaled(self) -> bool:
        """Whether anybody says how pixels are scaled."""
        return not (self.said.range is None and self.said.mean is None and self.said.std is None)

    @property
    def size(self) -> tuple[int, int, int] | None:
        """Channels, height and width of its pictures; ``None`` if it takes any, or rows."""
        if self.height is None or self.width is None:
            return None
        return self.channels, self.height, self.width

    @property
    def preparation(self) -> PicturePreparation | None:
        """How a file becomes its input, where it has a size of its own."""
        if self.size is None:
            return None
        channels, height, width = self.size
        return PicturePreparation(channels=channels, height=height, width=width)  # type: ignore[arg-type]

    def require_range(self, model: str) -> None:
        """Check that somebody says what floats the pixels become.

        Raises:
            InputError: nobody does.
        """
        if self.kind.startswith("float") and not self.is_scaled:
            raise InputError(
                f"{model} takes floats, and does not say of what range", expected=",range=LOW..HIGH or ,mean=…,std=…",
                received="neither", hint=f"common are range=0..1 and range=-1..1; or beside it: {_BESIDE}",
            )  # fmt: skip

    def given(self, inputs: Tensor) -> npt.NDArray[Any]:
        """Inputs ``[B, …]`` as the model takes them.

        Raises:
            InputError: pictures for a model of rows that nobody scales.
            MismatchError: inputs that do not fit; both shapes are named.
        """
        if inputs.dtype != torch.uint8 or inputs.ndim != 4:
            return self._rows(inputs)
        values = self._scaled(self._fitted(inputs.cpu()))
        if self.layout == "NHWC":
            values = values.movedim(1, -1)
        if self.row is None:
            return np.ascontiguousarray(values.numpy()).astype(self.kind, copy=False)
        self.require_range("the model of rows")
        return self._rows(values.flatten(1))

    def _fitted(self, pictures: Tensor) -> Tensor:
        """Pictures ``[B, channels, height, width]``, values 0 to 255; float32 where they are resized."""
        if pictures.shape[1] not in (1, self.channels):
            wanted = "1" if self.channels == 1 else f"1 or {self.channels}"
            raise MismatchError(
                "the model takes pictures", expected=f"uint8 [B, {wanted}, {self.height or 'height'},"
                f" {self.width or 'width'}]", received=_shape_of(pictures),
            )  # fmt: skip
        values, own = pictures, tuple(pictures.shape[2:])
        wanted_size = (self.height or own[0], self.width or own[1])
        if own != wanted_size:
            values = F.interpolate(
                values.float(), size=wanted_size, mode="bilinear", align_corners=False, antialias=True
            )
        return values.expand(-1, self.channels, -1, -1)

    def _scaled(self, pixels: Tensor) -> Tensor:
        if self.said.colours == "BGR":
            pixels = pixels.flip(1)
        if not self.is_scaled:
            whole = pixels.round() if pixels.is_floating_point() else pixels
            return whole.to(torch.int16) - _HALF if self.kind == "int8" else whole
        low, high = self.said.range or _PIXELS
        mean, std = (torch.tensor(one).view(1, -1, 1, 1) for one in (self.said.mean or (0.0,), self.said.std or (1.0,)))
        values = (pixels * ((high - low) / 255)).add_(low).sub_(mean).div_(std)  # no copy of a batch of floats but one
        if self.kind.startswith("float"):
            return values
        scale, zero = self.quantised
        if not scale:
            raise InputError(
                f"the model takes {self.kind}, and is given numbers that are scaled",
                expected="no range, mean or std: it takes the pixels as they are",
            )
        limits = torch.iinfo(torch.int8 if self.kind == "int8" else torch.uint8)
        return ((values / scale).round() + zero).clamp(limits.min, limits.max)

    def _rows(self, rows: Tensor) -> npt.NDArray[Any]:
        fits = self.row is not None or self.size is None
        if not fits or rows.ndim != 2 or (self.row is not None and rows.shape[1] != self.row) or self._takes_pictures:
            raise MismatchError(
                "the model takes other inputs", expected=self._wanted(), received=_shape_of(rows),
                hint="a table must have the columns that the model learned from, in their order"
                if rows.ndim == 2 else None,
            )  # fmt: skip
        return rows.detach().cpu().numpy().astype(self.kind)

    @property
    def _takes_pictures(self) -> bool:
        return self.row is None

    def _wanted(self) -> str:
        if self.row is not None:
            return f"[B, {self.row}]"
        return f"uint8 [B, {self.channels}, {self.height or 'height'}, {self.width or 'width'}]"

    def __str__(self) -> str:
        if self.row is not None and not self.is_scaled:
            return f"{self.kind} rows of {self.row} numbers"
        sides = f"{self.width}×{self.height}" if self.size else "their own size"
        told = [
            f"pictures of {sides} as {self.kind} {self.layout}",
            *([self.said.colours] if self.channels == 3 else []),
        ]
        if self.is_scaled:
            low, high = self.said.range or _PIXELS
            told.append(f"pixels as {low:g} to {high:g}")
            told += [f"less {_listed(self.said.mean)}"] if self.said.mean else []
            told += [f"divided by {_listed(self.said.std)}"] if self.said.std else []
        else:
            told.append("pixels less 128" if self.kind == "int8" else "pixels as they are")
        return ", ".join(told)


_BESIDE: Final = "a FILE.toml with [input] range = [0, 1]"


def _layout_of(shape: Shape, model: str) -> Layout:
    if len(shape) != 3:
        declared = ", ".join("?" if one is None else str(one) for one in shape)
        raise InputError(
            f"{model} is no model of pictures or rows",
            expected="one input [B, channels, height, width], [B, height, width, channels] or [B, numbers]",
            received=f"[B, {declared}]",
        )
    first, last = shape[0] in (1, 3), shape[2] in (1, 3)
    if first == last:
        raise InputError(
            f"{model} does not say where its channels stand", expected=",layout=NCHW or ,layout=NHWC",
            received=f"an input [B, {', '.join('?' if one is None else str(one) for one in shape)}]",
        )  # fmt: skip
    return "NCHW" if first else "NHWC"


def _agreed(name: str, own: int | None, said: int | None, model: str) -> int | None:
    if own is not None and said is not None and own != said:
        raise MismatchError(f"{model} and its description differ in {name}", expected=own, received=said)
    return said if own is None else own


def _require_by_channel(said: InputSaid, channels: int, model: str) -> None:
    for name, values in (("mean", said.mean), ("std", said.std)):
        if values is not None and len(values) not in (1, channels):
            raise InputError(
                f"the scaling of {model} is not usable", expected=f"{name}: 1 or {channels} numbers",
                received=len(values),
            )  # fmt: skip
    if said.colours == "BGR" and channels != 3:
        raise InputError(f"{model} takes grey pictures, which have no order of colours", received=said.colours)


def _listed(values: Sequence[float]) -> str:
    return "/".join(f"{one:g}" for one in values)


def _shape_of(inputs: Tensor) -> str:
    return f"{inputs.dtype} [{', '.join(map(str, inputs.shape))}]".removeprefix("torch.")
