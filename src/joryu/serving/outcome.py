"""What came of many predictions: how many there were, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from joryu.errors import InputError
from joryu.examples.clutter import by_weight
from joryu.examples.examples import Rejected
from joryu.serving.predictor import Predicted


class Outcome:
    """Counts what passes through it.

    Afterwards ``predicted`` is how many had an answer, and ``left_out`` names the files that had none.
    """

    def __init__(self) -> None:
        self.predicted = 0
        self._left_out: list[Rejected] = []

    def counted(self, found: Iterable[Predicted]) -> Iterator[Predicted]:
        """The same predictions."""
        for one in found:
            if one.answer is None:
                self._left_out.append(Rejected(one.name, one.reason or ""))
            else:
                self.predicted += 1
            yield one

    @property
    def left_out(self) -> list[Rejected]:
        """The files without an answer and why; what nobody misses comes last."""
        return by_weight(self._left_out)

    def require_some(self) -> None:
        """Refuse an outcome without a single answer.

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
        raise InputError(f"none of {len(others) + 1:,} files can be used", received=f"{first.name}: {first.reason}, …")
