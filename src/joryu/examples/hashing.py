"""Random numbers as a counter-based hash of (example id, seed, purpose).

There is no generator with a state. So the same view of the same example can be made again on any machine, in any order
and batch size, from the id and the seed alone.

The mixer is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators";
constants of Stafford's variant 13).
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from joryu.examples.examples import Ids

Words = npt.NDArray[np.uint64]

_GAMMA = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, made odd, so that successive lanes are far apart
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_HALF = np.uint64(32)


def mix(words: Words) -> Words:
    """SplitMix64's finaliser: a bijection of 64-bit words in which every input bit flips half of the output bits.

    >>> hex(int(mix(np.array([1], dtype=np.uint64))[0]))
    '0x5692161d100b05e5'
    """
    words = (words ^ (words >> _SHIFTS[0])) * _MULTIPLIER_1
    words = (words ^ (words >> _SHIFTS[1])) * _MULTIPLIER_2
    return words ^ (words >> _SHIFTS[2])


class Draws:
    """The random numbers of a batch: row ``i`` depends only on ``ids[i]``, ``seeds[i]`` and ``purpose``.

    ``ids``: uint64 ``[B, 2]``; ``seeds``: uint64 ``[B]``. Each *lane* gives another independent number for every row.

    >>> ids = np.array([[1, 2], [3, 4]], dtype=np.uint64)
    >>> draws = Draws(ids, np.array([5, 5], dtype=np.uint64), "shift")
    >>> draws.integers(10).tolist() == draws.integers(10).tolist()
    True
    """

    def __init__(self, ids: Ids, seeds: Words, purpose: str) -> None:
        key = np.frombuffer(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), dtype="<u8").astype(np.uint64)
        self._state = mix(mix(mix(mix(key) ^ ids[:, 0]) ^ ids[:, 1]) ^ seeds)

    def bits(self, lane: int = 0) -> Words:
        """64 random bits for each row, ``[B]``."""
        step = (lane + 1) * _GAMMA % 2**64  # Python's integers: NumPy warns when a scalar wraps around
        return mix(self._state + np.uint64(step))

    def integers(self, below: int, lane: int = 0) -> npt.NDArray[np.int64]:
        """Integers in ``0 .. below - 1``, ``[B]``; the bias of multiply-and-shift is at most ``below / 2^32``."""
        return (((self.bits(lane) >> _HALF) * np.uint64(below)) >> _HALF).astype(np.int64)

    def fractions(self, lane: int = 0) -> npt.NDArray[np.float64]:
        """Uniform numbers in the open interval (-1, 1), ``[B]``; exact in float64, so the same on every machine."""
        return (self.bits(lane) >> _HALF).astype(np.float64) * 2.0**-31 + (2.0**-32 - 1.0)
