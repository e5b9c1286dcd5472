"""The means of a picture's blocks: by hand, by another library, and alike wherever they are computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from joryu.examples.grey_blocks import block_means


def test_by_hand() -> None:
    """Blocks of 2 × 2 whose means are plain; and the luma of red, green and blue."""
    grey = np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8)
    assert block_means(grey)[0, :5].tolist() == [4.5, 6.5, 8.5, 10.5, 20.5]
    colours = np.zeros((3, 3, 4, 4), dtype=np.uint8)
    for channel in range(3):
        colours[channel, channel] = 100
    assert block_means(colours)[:, 0].tolist() == pytest.approx([29.9, 58.7, 11.4])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 5), (1, 1), (28, 30), (63, 127)])
def test_as_adaptive_pooling(height: int, width: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 3, height, width), dtype=np.uint8)
    luma = torch.from_numpy(np.einsum("c,nchw->nhw", [0.299, 0.587, 0.114], pictures))
    pooled = torch.nn.functional.adaptive_avg_pool2d(luma, 4).flatten(1).numpy()
    np.testing.assert_allclose(block_means(pictures), pooled, rtol=1e-6)


def test_of_a_large_picture_some_pixels_are_enough() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 1, 130, 200), dtype=np.uint8)
    assert (block_means(pictures) == block_means(pictures[:, :, ::2, ::3])).all()


def test_a_mean_does_not_depend_on_the_pictures_beside() -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (9, 3, 61, 47), dtype=np.uint8)
    alone = np.concatenate([block_means(picture[None]) for picture in pictures])
    assert (block_means(pictures) == alone).all()
    assert (block_means(np.ascontiguousarray(pictures.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)) == alone).all()
