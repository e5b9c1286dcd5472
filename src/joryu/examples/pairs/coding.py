"""Find the meaning of a set's mask values: one tag that holds or not, or numbers of classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.layouts import some
from joryu.examples.pairs.masks import Values, shown
from joryu.examples.tabular.target import TargetKind
from joryu.questions import PICTURE, UNKNOWN, Question

FOREGROUND: Final = "foreground"
IGNORED: Final = 255  #: the value for "unknown" among numbers of classes (as in Pascal VOC)
_MOST = 100  #: the most classes without names; more values are blurred edges
NO_VALUE: Final = "none"  #: ``ignore=none``: no value means unknown, not even 255
_ODD: Final = "save masks as PNG and resize them without blending; a value that means unknown is named by ignore=VALUE"
_ON = (1, 255, 65535)  #: the values with which a mask may mark that its tag holds
_NUMBERED: Final = re.compile(r"^(\d{1,9})\s*[:,=\s]\s*(\S.*)$")  #: a name with its value before it
Held = Mapping[str, frozenset[int]]
"""The values in each mask, by the name of its file."""


class CodingOptions(NamedTuple):
    """What a spec says about the values of masks.

    ``names``: of the classes; ``ignore``: the value that means unknown, or `NO_VALUE`; ``kind``: of the question, where
    a table of masks names classes; ``first``: the value that has the first name, if it is said.
    """

    names: Sequence[str] = ()
    ignore: str = ""
    kind: TargetKind | None = None
    first: int | None = None

    @classmethod
    def of(cls, names: Sequence[str], ignore: str, kind: TargetKind | None) -> Self:
        """The options, with names such as ``0: ground`` taken apart; if 0 is unknown, they may also begin at 1.

        >>> CodingOptions.of(["1: cat", "2: dog"], "0", None)[::3]
        (('cat', 'dog'), 1)
        """
        found = [match for name in names if (match := _NUMBERED.match(name))]
        numbers = [int(match[1]) for match in found]
        for first in (0, 1) if ignore.isdecimal() and int(ignore) == 0 else (0,):
            if numbers and len(found) == len(names) and numbers == list(range(first, first + len(names))):
                return cls(tuple(match[2] for match in found), ignore, kind, first)
        return cls(tuple(names), ignore, kind)

    @property
    def ignored(self) -> int | None:
        """The value that means unknown, where one is named.

        Raises:
            InputError: it is no whole number.
        """
        if self.ignore in ("", NO_VALUE):
            return None
        if not re.fullmatch(r"-?\d{1,9}", self.ignore):
            raise InputError(
                "no value to ignore", expected=f"ignore=VALUE, a whole number, or ignore={NO_VALUE}",
                received=repr(self.ignore),
            )  # fmt: skip
        return int(self.ignore)


class Coding(NamedTuple):
    """The question of a set of masks.

    ``on`` is the value where the tag holds, or 0 if values are numbers of classes, the first of which is ``first``.
    With ``bits`` each bit of a value is a tag. ``ignored`` is the value that means unknown. ``one`` is a mask of two
    values that says by 1 what is there, if it is only guessed that `IGNORED` means unknown: no mask of these held it.
    """

    question: Question
    on: int
    remarks: tuple[str, ...] = ()
    ignored: int | None = None
    first: int = 0
    bits: bool = False
    one: str = ""

    def check(self, held: Held) -> None:
        """Check that all masks hold only values that have a meaning in this coding.

        Raises:
            InputError: a mask holds another value, or says by 255 what the others say by 1; the message names its file.
        """
        if self.bits:
            return
        if self.one and (others := _instead_of_1(held)):
            raise _mixture(f"1 in {self.one} of another split", f"{IGNORED} in {others} of this one")
        last = self.first + len(self.question) - 1
        allowed = {0, self.on} if self.on else set(range(self.first, last + 1))
        unknown = "" if self.ignored is None else f", and {self.ignored}: unknown"
        for name, values in held.items():
            if not values <= allowed | {self.ignored}:
                expected = f"0 and {self.on}" if self.on else f"{self.first} to {last}"
                raise InputError(
                    f"the mask {name} has values that mean nothing here", expected=f"{expected}{unknown}",
                    received=shown(values - allowed - {self.ignored}), hint=_ODD,
                )  # fmt: skip

    def labels(self, values: Values) -> Tensor:
        """Labels from values ``[n, height, width]``: int8 ``[n, height, width, C]`` for tags, else int16 classes."""
        if self.bits:
            tags = (values[..., None] >> np.arange(len(self.question))) & 1
            return torch.from_numpy(tags.astype(np.int8))
        if self.on:
            labels: Values = (values == self.on).astype(np.int8)
        else:
            labels = values.astype(np.int16 if len(self.question) < 2**15 else np.int32)
            labels -= self.first
        if self.ignored is not None:
            labels[values == self.ignored] = UNKNOWN
        return torch.from_numpy(labels[..., None] if self.on else labels)


def find_coding(held: Held, options: CodingOptions) -> Coding:
    """Find the coding of a set's masks from all their values, and from what the spec says of them.

    Values 0 and 1, 0 and 255, or 0 and 65535 are one tag. It has the given name (of two names the second). More values
    are numbers of classes. Without names they must be 0, 1, 2, … without a gap, so that blurred masks are not taken
    for classes. If ``ignore=`` names no value, 255 means unknown beside a tag's 1 and among up to 255 classes. If it
    names 0, classes are counted from 1, and so are their names, which must be one for each value or say their values.

    Raises:
        InputError: values have no meaning, or different meanings in different masks; the message names the files.
    """
    if not held:
        raise InputError("none of the masks can be used")
    names, ignored = options.names, options.ignored
    guessed = IGNORED if not options.ignore else None
    seen = frozenset[int]().union(*held.values())
    told = _about_ignored(ignored, seen)
    if ignored is not None:
        held = {name: values - {ignored} for name, values in held.items()}
    union = seen - {ignored}
    if not union:
        raise InputError(f"all values of the masks are {ignored}, which is to be ignored")
    if len(names) <= 1 or (len(names) == 2 and 1 not in union and union & {255, 65535}):
        if (on := _on(held, union, guessed)) is not None:
            unknown = guessed if on == 1 and ignored is None else ignored
            one = _guessed_from(held) if on == 1 and guessed == IGNORED else ""
            return _tag(names[-1] if names else FOREGROUND, on, unknown, union, told)._replace(one=one)
        if names:
            _refuse(held, "0 and one other value (1, 255 or 65535)")
    if names:
        return _named(held, union, options, told)
    classes = union - {guessed}
    if len(classes) < len(union) and not classes - {0, 1}:
        raise _mixture(f"1 in {_holding(1, held)}", f"{IGNORED} in {_holding(IGNORED, held)}")
    first = int(ignored == 0)
    count = max(classes) + 1 - first
    if classes != frozenset(range(first, first + count)) or count > _MOST:
        _refuse(held, f"0 and 255, 0 and 1, or {first}, {first + 1}, {first + 2}, … without a gap")
    names = [str(number) for number in range(first, first + count)]
    said = f"the {count} classes of the masks have no names but their numbers"
    unknown = guessed if ignored is None else ignored
    return Coding(Question.one_of(names, grid=PICTURE), 0, (said, *told), unknown, first)


def _tag(name: str, on: int, unknown: int | None, union: frozenset[int], told: tuple[str, ...]) -> Coding:
    question = Question.tags([name], grid=PICTURE)
    if union == {0}:
        return Coding(question, on, (f"no mask says {name} anywhere: all are 0", *told), unknown)
    said = f"masks say {name} by {on}" + (f", and nothing by {unknown}" if unknown in union else "")
    return Coding(question, on, (said, *told), unknown)


def _about_ignored(ignored: int | None, seen: frozenset[int]) -> tuple[str, ...]:
    if ignored is None:
        return ()
    return (f"{ignored} is unknown" if ignored in seen else f"no mask holds the value {ignored} that is to be ignored",)


def _named(held: Held, union: frozenset[int], options: CodingOptions, told: tuple[str, ...]) -> Coding:
    """The coding of classes with names."""
    names, ignored = options.names, options.ignored
    guessed = IGNORED if not options.ignore and len(names) <= IGNORED else None
    first = _first_named(options, union)
    if ignored == 0:
        told = (*told, f"the value 1 is {names[1 - first]}")
    one = ""
    if len(names) == 2 and guessed is not None:
        if 1 in union and (others := _instead_of_1(held)):
            raise _mixture(f"1 in {_holding(1, held)}", f"{IGNORED} in {others}")
        one = _guessed_from(held)
    unknown = guessed if ignored is None else ignored
    coding = Coding(Question.one_of(names, grid=PICTURE), 0, told, unknown, first, one=one)
    coding.check(held)
    return coding


def _first_named(options: CodingOptions, union: frozenset[int]) -> int:
    """The value that has the first name.

    Raises:
        InputError: 0 is unknown, and the names may begin at it or at 1.
    """
    names = options.names
    if options.first is not None or options.ignored != 0:
        return options.first or 0
    if max(union) >= len(names):  # more than there would be names for if 0 had one
        return 1
    raise InputError(
        "0 is unknown, and the names of the classes may begin at 0 or at 1",
        expected=f"one name for each of the values 1 to {max(union)}, or names with their values",
        received=f"{len(names)}: {some(names)}",
        hint=f"try classes=1: {names[0]};2: {names[1]};… or classes=0: {names[0]};1: {names[1]};…",
    )


def _on(held: Held, union: frozenset[int], guessed: int | None) -> int | None:
    """The value that marks the tag, if the masks are of one tag; else ``None``."""
    # Beside 1, a value of 255 means unknown; this is only certain from a mask that holds both.
    if guessed == IGNORED and union == {0, 1, IGNORED} and any(values >= {1, IGNORED} for values in held.values()):
        return 1
    return next((on for on in _ON[::-1] if union <= {0, on} and on in union), 255 if union == {0} else None)


def _holding(value: int, held: Held) -> str:
    """A mask that holds a value; empty if none does."""
    return min((name for name, values in held.items() if value in values), default="")


def _guessed_from(held: Held) -> str:
    """A mask that says by 1 what is there, if none holds 255, which may then be what another split says it by."""
    return "" if _holding(IGNORED, held) else _holding(1, held)


def _instead_of_1(held: Held) -> str:
    """A mask in which 255 may be what 1 is in others: where one holds both it is not. Empty if there is none."""
    return "" if any(values >= {1, IGNORED} for values in held.values()) else _holding(IGNORED, held)


def _mixture(ones: str, others: str) -> InputError:
    return InputError(
        "what is there has one value in some masks and another in others", expected="0 and 1, or 0 and 255, in all",
        received=f"{ones}, {others}", hint=f"if {IGNORED} means unknown, try ignore={IGNORED}",
    )  # fmt: skip


def _refuse(held: Held, expected: str) -> None:
    name = max(held, key=lambda name: len(held[name]))
    raise InputError(
        f"the values of these masks mean nothing, as those of {name}", expected=expected, received=shown(held[name]),
        hint=f"{_ODD}; name classes by classes=… or in classes.txt",
    )  # fmt: skip
