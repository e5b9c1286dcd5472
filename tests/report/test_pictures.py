"""Pictures inside a page, of any shape: small, whole, and of the proportions that they had."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from joryu.report.pictures import LARGEST, are_pictures, data_uri, thumbnail_uri


def read(uri: str) -> Image.Image:
    head, _, content = uri.partition("base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert head == f"data:image/{(picture.format or '').lower()};"
    return picture


def ramp(channels: int, height: int, width: int) -> torch.Tensor:
    across = torch.linspace(0, 255, width).expand(channels, height, width)
    return across.to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (5000, 1), (3, 700), (160, 161), (400, 300)])
def test_a_picture_of_any_shape_is_small_and_keeps_its_proportions(channels: int, height: int, width: int) -> None:
    for uri, most in ((data_uri(ramp(channels, height, width)), LARGEST), (_thumbnail(channels, height, width), 96)):
        found = read(uri)
        assert found.mode == ("L" if channels == 1 else "RGB")
        assert max(found.size) == min(most, max(height, width))
        scale = max(found.size) / max(height, width)
        assert found.size[0] == pytest.approx(max(1, width * scale), abs=1)
        assert found.size[1] == pytest.approx(max(1, height * scale), abs=1)


def _thumbnail(channels: int, height: int, width: int) -> str:
    return thumbnail_uri(ramp(channels, height, width), 96)


def test_what_is_not_in_one_piece_in_memory_comes_back_whole() -> None:
    whole = torch.randint(0, 256, (3, 9, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for part in (whole.flip(2), whole.transpose(1, 2), whole[:, ::2, 1:], whole[:1].expand(3, -1, -1)):
        assert np.array_equal(np.asarray(read(data_uri(part))), part.permute(1, 2, 0).numpy())


def test_up_to_32_pixels_nothing_is_lost_and_beyond_it_little() -> None:
    small, large = ramp(3, 32, 32), ramp(3, 33, 33)
    assert np.array_equal(np.asarray(read(thumbnail_uri(small, 96))), small.permute(1, 2, 0).numpy())
    found = read(thumbnail_uri(large, 96))
    assert found.format == "JPEG"
    assert np.abs(np.asarray(found).astype(int) - large.permute(1, 2, 0).numpy()).max() < 30


@pytest.mark.parametrize(
    "inputs",
    [
        torch.zeros(2, 2, 8, 8, dtype=torch.uint8), torch.zeros(2, 4, 8, 8, dtype=torch.uint8),
        torch.zeros(2, 3, 8, 8), torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(2, 3, 8, 8, dtype=torch.int16),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_no_picture(inputs: torch.Tensor) -> None:
    assert not are_pictures(inputs)
