"""Find the meaning of a set's mask values: one tag that holds or not, or numbers of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.pairs.masks import Values, shown
from joryu.questions import PICTURE, UNKNOWN, Question

FOREGROUND: Final = "foreground"
IGNORED: Final = 255  #: the value for "unknown" among numbers of classes (as in Pascal VOC)
_MOST = 100  #: the most classes without names; more values are blurred edges
_ON = (1, 255, 65535)  #: the values with which a mask may mark that its tag holds
Held = Mapping[str, frozenset[int]]
"""The values in each mask, by the name of its file."""


class Coding(NamedTuple):
    """The question of a set of masks. ``on`` is the value where the tag holds, or 0 if values are class numbers."""

    question: Question
    on: int
    remarks: tuple[str, ...] = ()

    def check(self, held: Held) -> None:
        """Check that all masks hold only values that have a meaning in this coding.

        Raises:
            InputError: a mask holds another value; the message names its file.
        """
        allowed = {0, self.on} if self.on else set(range(len(self.question)))
        if self.on <= 1 and len(self.question) <= IGNORED:
            allowed.add(IGNORED)
        for name, values in held.items():
            if not values <= allowed:
                expected = f"0 and {self.on}" if self.on else f"0 to {len(self.question) - 1}, and {IGNORED}: unknown"
                raise InputError(f"the mask {name} has values that mean nothing here", expected=expected,
                                 received=shown(values - allowed))  # fmt: skip

    def labels(self, values: Values) -> Tensor:
        """Labels from values ``[n, height, width]``: int8 ``[n, height, width, 1]`` for a tag, else int16 classes."""
        if self.on:
            tags = (values == self.on).astype(np.int8)
            if self.on == 1:
                tags[values == IGNORED] = UNKNOWN
            return torch.from_numpy(tags[..., None])
        classes = values.astype(np.int16)
        if len(self.question) <= IGNORED:
            classes[values == IGNORED] = UNKNOWN
        return torch.from_numpy(classes)


def find_coding(held: Held, names: Sequence[str]) -> Coding:
    """Find the coding of a set's masks from all their values, and from the names of the classes, if given.

    Values 0 and 1, 0 and 255, or 0 and 65535 are one tag. It has the given name (of two names the second). More values
    are numbers of classes, 255 meaning unknown. Without names they must be 0, 1, 2, … without a gap, so that blurred
    masks are not taken for classes.

    Raises:
        InputError: values have no meaning, or different meanings in different masks; the message names the files.
    """
    if not held:
        raise InputError("none of the masks can be used")
    union = frozenset[int]().union(*held.values())
    if len(names) <= 1 or (len(names) == 2 and 1 not in union and union & {255, 65535}):
        if (on := _on(held, union)) is not None:
            name = names[-1] if names else FOREGROUND
            if union == {0}:
                return Coding(Question.tags([name], grid=PICTURE), on, (f"no mask says {name} anywhere: all are 0",))
            told = f"masks say {name} by {on}" + (f", and nothing by {IGNORED}" if on == 1 and IGNORED in union else "")
            return Coding(Question.tags([name], grid=PICTURE), on, (told,))
        if names:
            _refuse(held, "0 and one other value (1, 255 or 65535)")
    if names:
        coding = Coding(Question.one_of(names, grid=PICTURE), 0)
        coding.check(held)
        return coding
    classes = union - {IGNORED}
    if len(classes) < len(union) and not classes - {0, 1}:
        _refuse_mixture(held)
    count = max(classes) + 1
    if classes != frozenset(range(count)) or count > _MOST:
        _refuse(held, "0 and 255, 0 and 1, or 0, 1, 2, … without a gap")
    told = f"the {count} classes of the masks have no names but their numbers"
    return Coding(Question.one_of(count, grid=PICTURE), 0, (told,))


def _on(held: Held, union: frozenset[int]) -> int | None:
    """The value that marks the tag, if the masks are of one tag; else ``None``."""
    # Beside 1, a value of 255 means unknown; this is only certain from a mask that holds both.
    if union == {0, 1, IGNORED} and any(values >= {1, IGNORED} for values in held.values()):
        return 1
    return next((on for on in _ON[::-1] if union <= {0, on} and on in union), 255 if union == {0} else None)


def _refuse_mixture(held: Held) -> None:
    ones = next((name for name, values in held.items() if 1 in values), "")
    others = next((name for name, values in held.items() if IGNORED in values), "")
    raise InputError(
        "what is there has one value in some masks and another in others", expected="0 and 1, or 0 and 255, in all",
        received=f"1 in {ones}, {IGNORED} in {others}",
    )  # fmt: skip


def _refuse(held: Held, expected: str) -> None:
    name = max(held, key=lambda name: len(held[name]))
    raise InputError(
        f"the values of these masks mean nothing, as those of {name}", expected=expected, received=shown(held[name]),
        hint="save masks as PNG and resize them without blending; name classes by classes=… or in classes.txt",
    )  # fmt: skip
