"""`NetworkInputs`: what a network really takes for a batch of examples, and what that means as pixels, as it states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from joryu.examples.shown import shown_as
from joryu.students.named_outputs import Moments
from joryu.students.normalise import Normalise
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Foreign

_HALF: Final = 128
_PIXELS: Final = (0.0, 255.0)
_WIDE: Final = 40  #: how many times too large or small a mean or deviation must be to be a slip of units


class Statement(NamedTuple):
    """What a network's own file or preparation says of its inputs.

    A value ``v`` that it takes stands for the number ``v · real_scale + real_offset`` (another one only where a model
    is quantised), and for the pixel ``v · pixel_scale + pixel_offset``, channel by channel.
    """

    words: str
    layout: str = "NCHW"
    colours: str = "RGB"
    is_normalised: bool = False  #: a mean or a standard deviation is said, so numbers are expected around zero
    pixel_scale: tuple[float, ...] = (1.0,)
    pixel_offset: tuple[float, ...] = (0.0,)
    real_scale: float = 1.0
    real_offset: float = 0.0
    slip: str = ""  #: how the statement contradicts itself, and what to say instead
    columns: tuple[str, ...] = ()


class NetworkInputs(NamedTuple):
    """One batch as a network takes it.

    ``values`` are float32 ``[B, channels, height, width]`` in the network's own order of colours, or ``[B, columns]``;
    ``shape`` and ``kind`` are those of the array itself, without the batch.
    """

    values: Tensor
    shape: tuple[int, ...]
    kind: str
    said: Statement

    def real(self) -> Tensor:
        """The numbers that the values stand for."""
        return self.values * self.said.real_scale + self.said.real_offset

    def pixels(self) -> Tensor:
        """The values turned back into pixels, uint8 ``[B, channels, height, width]``, red first."""
        scale, offset = (
            torch.tensor(one).reshape(1, -1, 1, 1) for one in (self.said.pixel_scale, self.said.pixel_offset)
        )
        pixels = (self.values * scale + offset).round().nan_to_num().clamp(0, 255).to(torch.uint8)
        return pixels.flip(1) if self.said.colours == "BGR" else pixels


def network_inputs(network: nn.Module, inputs: Tensor) -> NetworkInputs:
    """What the first layer of a network makes of inputs; of a layer that is not known, the inputs themselves.

    >>> taken = network_inputs(Normalise(0.5, 0.5, scale=1 / 255), torch.full((1, 1, 2, 2), 255, dtype=torch.uint8))
    >>> taken.said.words, taken.values.max().item(), taken.pixels().max().item()
    ('float32 NCHW, pixels as 0 to 1, less 0.5, divided by 0.5', 1.0, 255)
    """
    passed = (nn.Sequential, nn.Identity, Moments)  # these hand on what they are given
    first = next((part for part in network.modules() if type(part) not in passed), network)
    return _TAKING.get(type(first), _as_they_are)(first, inputs)


def _by_intake(module: Any, inputs: Tensor) -> NetworkInputs:
    intake: Intake = module.intake
    if module.turned is not None:
        columns, values = module.turned.shown(inputs)
        words = f"{intake.kind} rows, {module.turned}"
        return NetworkInputs(
            values, tuple(values.shape[1:]), intake.kind, Statement(words, colours="grey", columns=columns)
        )
    given = module.given(inputs)
    values = torch.from_numpy(np.asarray(given, dtype=np.float32))
    is_picture = inputs.dtype == torch.uint8 and inputs.ndim == 4
    if is_picture and values.ndim == 2:  # a model of rows, of pictures made flat in its layout
        height, width = intake.height or inputs.shape[2], intake.width or inputs.shape[3]
        sides = (intake.channels, height, width) if intake.layout == "NCHW" else (height, width, intake.channels)
        values = values.reshape(len(values), *sides)
    if values.ndim == 4 and intake.layout == "NHWC":
        values = values.movedim(-1, 1)
    return NetworkInputs(values, tuple(given.shape[1:]), intake.kind, _statement_of(intake))


def _statement_of(intake: Intake) -> Statement:
    colours = intake.said.colours if intake.channels == 3 else "grey"
    about = Statement(str(intake), intake.layout, colours)
    if not intake.is_scaled:
        return about._replace(pixel_offset=(float(_HALF if intake.kind == "int8" else 0),))
    said = intake.said
    low, high = said.range or _PIXELS
    step = 255 / (high - low) if high != low else 0.0
    mean, std = said.mean or (0.0,), said.std or (1.0,)
    width = max(len(mean), len(std))
    mean, std = (one * width if len(one) == 1 else one for one in (mean, std))
    quantum, zero = intake.quantised if not intake.kind.startswith("float") else (1.0, 0.0)
    return about._replace(
        is_normalised=said.mean is not None or said.std is not None,
        pixel_scale=tuple(quantum * one * step for one in std),
        pixel_offset=tuple((m - low - quantum * zero * s) * step for m, s in zip(mean, std, strict=True)),
        real_scale=float(quantum), real_offset=-float(quantum * zero), slip=_slip(intake),
    )  # fmt: skip


def _slip(intake: Intake) -> str:
    """The two usual slips: a mean of numbers up to 1 for pixels up to 255, and the other way round."""
    said, (low, high) = intake.said, intake.said.range or _PIXELS
    largest = max(map(abs, (*(said.mean or ()), *(said.std or ()))), default=None)
    if largest is None:
        return ""
    if largest <= 2 and high - low > _WIDE:
        units = "the pixels, 0 to 255, as no range is said" if said.range is None else f"the range, {low:g} to {high:g}"
        return f"mean and std are in units of {units}: say range=0..1 for such as these"
    if largest > _WIDE * max(abs(low), abs(high), 1e-9) / 2:
        return f"mean and std are in units of the range, {low:g} to {high:g}: leave it out, or give them in its units"
    return ""


def _by_normalise(module: Any, inputs: Tensor) -> NetworkInputs:
    with torch.inference_mode():
        values = module(inputs.to(module.mean.device)).float().cpu()
    mean, std = module.mean.reshape(-1).tolist(), module.std.reshape(-1).tolist()
    words = "float32" if values.ndim != 4 else "float32 NCHW"
    if inputs.dtype == torch.uint8:
        words += f", pixels as 0 to {255 * module.scale:g}"
    words += f", less {_listed(mean)}, divided by {_listed(std)}"
    if module.size is not None:
        words = f"pictures of {module.size[1]}×{module.size[0]} as {words}"
    width = max(len(mean), len(std))
    mean, std = (one * width if len(one) == 1 else one for one in (mean, std))
    said = Statement(
        words, colours="grey" if values.ndim != 4 or values.shape[1] == 1 else "RGB",
        is_normalised=any(mean) or any(one != 1 for one in std),
        pixel_scale=tuple(one / module.scale for one in std), pixel_offset=tuple(one / module.scale for one in mean),
    )  # fmt: skip
    return NetworkInputs(values, tuple(values.shape[1:]), "float32", said)


def _as_they_are(module: nn.Module, inputs: Tensor) -> NetworkInputs:
    published = next((p for one in module.modules() if (p := vars(one).get("pretrained_cfg"))), None)
    mean = published.get("mean") if isinstance(published, Mapping) else None
    slip = ""
    if mean is not None and isinstance(published, Mapping) and inputs.dtype == torch.uint8 and inputs.ndim == 4:
        slip = (
            f"the network was published for numbers less {_listed(mean)}, divided by {_listed(published['std'])};"
            " unless the module does that itself, it is shown bytes"
        )
    said = Statement(
        f"{shown_as(inputs)}: to scale them is the module's own affair",
        colours="grey" if inputs.ndim != 4 or inputs.shape[1] == 1 else "RGB", slip=slip,
    )  # fmt: skip
    return NetworkInputs(inputs.float().cpu(), tuple(inputs.shape[1:]), str(inputs.dtype).removeprefix("torch."), said)


_TAKING: Final[Mapping[type[nn.Module], Callable[[Any, Tensor], NetworkInputs]]] = {
    Foreign: _by_intake,
    Normalise: _by_normalise,
}


def _listed(values: Any) -> str:
    shown = [f"{one:.4g}" for one in values]
    return "/".join(shown[:4]) + ("/…" if len(shown) > 4 else "")
