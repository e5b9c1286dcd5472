"""Pictures as one process hands them to another: what is packed comes out, in order and to the last byte."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from joryu.examples.decoding import Decoded
from joryu.examples.picture import Read
from joryu.examples.picture_record import packed, unpacked

SHAPES = st.tuples(st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5))
READS = st.builds(
    lambda pixels, width, height, key: Read(Decoded(pixels, width, height), key),
    SHAPES.flatmap(lambda shape: hnp.arrays(np.uint8, shape)),
    st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1), st.binary(min_size=16, max_size=16),
)  # fmt: skip


@given(st.lists(READS, max_size=5), st.booleans())
def test_what_is_packed_comes_out_again(reads: list[Read], turned: bool) -> None:
    if turned:  # memory in another order
        reads = [Read(Decoded(np.asfortranarray(one.picture.pixels), *one.picture[1:]), one.key) for one in reads]
    memory = bytearray(b"".join(map(packed, reads)))
    found = list(unpacked(memoryview(memory)))
    memory[:] = bytes(len(memory))  # the next message is read into it
    assert len(found) == len(reads)
    for one, other in zip(found, reads, strict=True):
        assert np.array_equal(one.picture.pixels, other.picture.pixels)
        assert (one.picture[1:], one.key) == (other.picture[1:], other.key)


def test_a_record_that_is_cut_off_is_no_picture() -> None:
    whole = packed(Read(Decoded(np.zeros((3, 4, 5), np.uint8), 5, 4), bytes(16)))
    for length in (1, 20, 36, len(whole) - 1):
        with pytest.raises((ValueError, struct.error)):
            list(unpacked(memoryview(whole)[:length]))
