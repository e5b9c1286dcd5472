"""Estimate how hard a token chosen by a person is to guess."""

from __future__ import annotations

ENOUGH = 12  #: unpredictable characters needed; a random token of 16 has more
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def surprises(token: str) -> int:
    """Count the characters of a token that are not predictable from those before: no repetitions or runs such as 1234.

    Runs may also go backwards (dcba) or along the keyboard (qwer). Known words and phrases are not recognised.

    >>> [surprises(token) for token in ("aaaaaaaaaaaaaaaa", "1234567890123456", "passwordpassword", "o7Rk-2vXq_9mTz4B")]
    [2, 4, 9, 16]
    """
    said = token.lower()
    pairs = [said[at : at + 2] for at in range(len(said) - 1)]
    steps = [_step(*pair) for pair in pairs]
    fresh = [
        pair not in pairs[:at] and not (steps[at] is not None and at > 0 and steps[at] == steps[at - 1])
        for at, pair in enumerate(pairs)
    ]
    return min(1, len(said)) + sum(fresh)


def _step(first: str, second: str) -> tuple[str, int] | None:
    """The sequence in which two characters are neighbours, and the direction; ``None`` if they are not."""
    for row in _ROWS:
        if first in row and second in row and abs(row.index(second) - row.index(first)) == 1:
            return "row", row.index(second) - row.index(first)
    step = ord(second) - ord(first)
    return ("code", step) if abs(step) <= 1 else None
