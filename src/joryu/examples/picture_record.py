"""A picture that was read, as the bytes that one process hands to another."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from joryu.examples.decoding import Decoded
from joryu.examples.original_bytes import KEY_BYTES
from joryu.examples.picture import Read

_HEAD: Final = struct.Struct(f"<5I{KEY_BYTES}s")


def packed(read: Read) -> bytes:
    """One picture.

    >>> picture = Decoded(np.zeros((1, 2, 3), dtype=np.uint8), 30, 20)
    >>> [one] = unpacked(memoryview(packed(Read(picture, bytes(16)))))
    >>> one.picture.pixels.shape, one.picture[1:]
    ((1, 2, 3), (30, 20))
    """
    pixels, width, height = read.picture
    return _HEAD.pack(*pixels.shape, width, height, read.key) + pixels.tobytes()


def unpacked(records: memoryview) -> Iterator[Read]:
    """Those that stand one after another, as copies."""
    at = 0
    while at < len(records):
        channels, down, across, width, height, key = _HEAD.unpack_from(records, at)
        at += _HEAD.size
        size = channels * down * across
        pixels = np.frombuffer(records[at : at + size], np.uint8).reshape(channels, down, across).copy()
        at += size
        yield Read(Decoded(pixels, width, height), key)
