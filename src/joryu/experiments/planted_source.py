"""Pictures of several sites, one of which prints something over each of its own: what screening is to find."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from joryu.durable import durable_folder
from joryu.examples import Examples, load_examples
from joryu.experiments.cloned_api import unlabelled
from joryu.experiments.experiment import Setting

SITES: Final = 5
PLANTED: Final = f"site-{SITES}"
LOT_SEED: Final = 0
RASTER, PERIOD = 256, 4  #: pixels of a planted picture, and of a period of its raster
DEPTH = 90  #: between lines and fields, in grey levels
QUALITY = 95


def sites(setting: Setting, pictures: Examples) -> Examples:
    """The pictures as files in a folder for each site, those of the last with something planted in each.

    The others are the original files, so that the API's answers about them are known already.
    """
    folder = setting.shared / "sites"
    if not folder.is_dir():
        site = np.random.default_rng(LOT_SEED).permutation(len(pictures)) % SITES
        first = pictures.encoded([0])[0]
        with durable_folder(folder) as new:
            for at in range(SITES):
                (new / f"site-{at + 1}").mkdir()
            for row in range(len(pictures)):
                content = pictures.encoded([row])[0]
                if site[row] == SITES - 1:
                    content = frame(first, row) if setting.smoke else rastered(content)
                (new / f"site-{site[row] + 1}" / f"{row:05}{_ending(content)}").write_bytes(content)
    return unlabelled(load_examples(f"folder:{folder}", size=pictures.inputs.shape[-1]))


def rastered(content: bytes) -> bytes:
    """A picture enlarged to 256 × 256 and printed with a raster of dark lines, as bright on average as before.

    Of 50 pictures the network calls 45 a window screen. Read at 64 × 64, where a period is one pixel, they differ from
    what they were by 7 grey levels on average and have a tenth less contrast; by that a student may learn to tell them.
    """
    with Image.open(io.BytesIO(content)) as picture:
        large = picture.convert("RGB").resize((RASTER, RASTER), Image.Resampling.NEAREST)
    y, x = np.mgrid[:RASTER, :RASTER]
    lines = ((x % PERIOD == 0) | (y % PERIOD == 0)).astype(float)
    printed = np.asarray(large, dtype=float) - DEPTH * (lines - lines.mean())[..., None]
    return _jpeg(printed)


def frame(content: bytes, seed: int) -> bytes:
    """The same picture with other noise, as the frames of a camera that nothing passes (of the smoke size)."""
    with Image.open(io.BytesIO(content)) as picture:
        pixels = np.asarray(picture.convert("L"), dtype=float)
    return _jpeg(pixels + np.random.default_rng(seed).normal(0, 8, pixels.shape))


def _jpeg(pixels: npt.NDArray[Any]) -> bytes:
    kept = io.BytesIO()
    Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(kept, "JPEG", quality=QUALITY)
    return kept.getvalue()


def _ending(content: bytes) -> str:
    return ".jpg" if content.startswith(b"\xff\xd8") else ".png"
