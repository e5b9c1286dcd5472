"""A summary of many predictions: how many there were, and which files were left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from joryu.errors import InputError
from joryu.examples.clutter import by_weight
from joryu.examples.examples import Rejected
from joryu.serving.predictor import Predicted

LEAST = 0.001  #: a smaller unseen share of a picture is not reported: it comes from rounding its size


class Outcome:
    """Counts the predictions that pass through `counted`.

    Afterwards ``predicted`` is the number of answers, ``left_out`` lists the files without one, and ``unseen`` says
    how much of the pictures a student of masks was not shown.
    """

    def __init__(self) -> None:
        self.predicted = 0
        self._cut, self._most, self._name = 0, 0.0, ""
        self._left_out: list[Rejected] = []

    def counted(self, found: Iterable[Predicted]) -> Iterator[Predicted]:
        """Pass the predictions on unchanged, and count them."""
        for one in found:
            if one.answer is None:
                self._left_out.append(Rejected(one.name, one.reason or ""))
            else:
                self.predicted += 1
                self._note(one)
            yield one

    def _note(self, one: Predicted) -> None:
        unseen = 0.0 if one.seen is None else one.seen.unseen
        self._cut += unseen >= LEAST
        if unseen > self._most:
            self._most, self._name = unseen, one.name

    @property
    def unseen(self) -> str | None:
        """A sentence about the pictures of which the student saw only the middle; ``None`` if it saw all of each."""
        if not self._cut:
            return None
        said = "masks hold 0 there, those of classes 255 (65535 of more than 255 classes): unknown"
        if self.predicted == 1:
            return f"{self._most:.1%} of {self._name}, beside its middle, was not seen: {said}"
        many = f"{self._cut:,} of {self.predicted:,} pictures"
        return f"of {many} only the middle was seen ({self._most:.1%} of {self._name} was not): {said}"

    @property
    def left_out(self) -> list[Rejected]:
        """The files without an answer, with reasons; files of the operating system come last."""
        return by_weight(self._left_out)

    def require_some(self) -> None:
        """Raise an error if there was no answer at all.

        Raises:
            InputError: nothing was predicted.
        """
        if self.predicted:
            return
        if not self._left_out:
            raise InputError("there is nothing to predict", expected="at least one file", received="none")
        first, *others = self.left_out
        if not others:
            raise InputError(f"{first.name}: {first.reason}")
        raise InputError(f"none of {len(others) + 1:,} files can be used; {first.name}: {first.reason}")
