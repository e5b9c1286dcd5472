"""Some tiles with their masks and what networks marked in them: as text that fits into JSON, and as a figure."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from joryu.evaluation import StudentReplies
from joryu.examples import Examples
from joryu.experiments.salt import with_salt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 6
MARKED = "#E69F00"  #: the colour of a mask's outline

Strip = dict[str, Any]
"""One tile: ``tile``, ``mask`` and each network's mask as text, and ``iou``, each network's, by its name."""


def drawn_tiles(examples: Examples, n: int = SHOWN) -> list[int]:
    """The rows of ``n`` tiles with salt, drawn by lot; for the same examples always the same."""
    rows = with_salt(examples).nonzero().flatten()
    lot = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:n]
    return sorted(rows[lot].tolist())


def marked(networks: Mapping[str, nn.Sequential], examples: Examples, rows: Sequence[int]) -> list[Strip]:
    """What each network marks (probability above 0.5) in the tiles of these rows, and the IoU of that."""
    asked = torch.tensor(rows)
    true = examples.labels_or_empty[asked][..., 0] == 1
    strips: list[Strip] = [
        {"tile": as_text(picture[0]), "mask": as_text(mask), "iou": {}}
        for picture, mask in zip(examples.inputs[asked], true, strict=True)
    ]
    for name, network in networks.items():
        outputs = StudentReplies(network, examples, examples.asked_question).about(asked).outputs["main"]
        for strip, answer, mask in zip(strips, outputs[..., 0] > 0, true, strict=True):
            union = int((answer | mask).sum())
            strip[name] = as_text(answer)
            strip["iou"][name] = int((answer & mask).sum()) / union if union else 1.0
    return strips


def as_text(picture: Tensor) -> str:
    """A grey picture uint8 or a mask bool, ``[height, width]``, as a PNG in base64.

    >>> bool(from_text(as_text(torch.eye(8, dtype=torch.bool)))[3, 3])
    True
    """
    pixels = picture.to(torch.uint8) * 255 if picture.dtype == torch.bool else picture
    buffer = io.BytesIO()
    Image.fromarray(pixels.cpu().numpy()).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def from_text(text: str) -> npt.NDArray[np.uint8]:
    """The picture that `as_text` wrote, uint8 ``[height, width]``; a mask has 0 and 255."""
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image)


def picture_table(strips: Sequence[Strip]) -> Figure:
    """One row for each tile: the tile, its mask, and what each network marked, with its IoU.

    The outline of the mask is drawn over every answer.
    """
    from matplotlib.figure import Figure

    from joryu.report.figures import house_style

    names = list(strips[0]["iou"])
    with house_style():
        figure = Figure(figsize=(1.35 * (2 + len(names)), 1.45 * len(strips) + 0.3), layout="constrained")
        table = figure.subplots(len(strips), 2 + len(names), squeeze=False)
        for at, (strip, line) in enumerate(zip(strips, table, strict=True)):
            for column, (name, axes) in enumerate(zip(("tile", "mask", *names), line, strict=True)):
                _draw(axes, from_text(strip[name]), from_text(strip["mask"]) if column else None)
                if not at:
                    axes.set_title(name, loc="center", fontsize=10)
                if name in strip["iou"]:
                    axes.set_xlabel(f"IoU {strip['iou'][name]:.2f}", fontsize=8, labelpad=2)
    return figure


def _draw(axes: Axes, picture: npt.NDArray[np.uint8], outline: npt.NDArray[np.uint8] | None) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    if outline is not None and outline.min() < outline.max():
        axes.contour(outline, levels=[127.5], colors=[MARKED], linewidths=1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
