"""`AskedTeacher`: a network as a teacher answers about files, as `joryu.serving.Predictor` does for a student."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import final

import numpy as np
import torch
from torch import Tensor

from joryu.examples.preparation import Preparation
from joryu.questions import MAIN
from joryu.serving.answers import Answer, answers_by, require_settings
from joryu.serving.inputs import ReadInput, Wanted, reader_of
from joryu.serving.predictor import THRESHOLD, Predicted
from joryu.teachers import Network


@final
class AskedTeacher:
    """A teacher that is a network, asked about pictures: each is prepared, and answered in batches.

    ``question``, ``preparation``, ``threshold`` and ``fingerprint`` are as those of a `joryu.serving.Predictor`.

    Raises:
        InputError: the threshold means nothing for its question.
    """

    def __init__(
        self, teacher: Network, preparation: Preparation, *, threshold: float | None = None, batch_size: int = 32
    ) -> None:
        require_settings(teacher.question, threshold=threshold)
        self.question, self.fingerprint = teacher.question, teacher.fingerprint
        self.preparation, self.batch_size = preparation, batch_size
        self.threshold = THRESHOLD if threshold is None else threshold
        self._teacher, self._answers = teacher, answers_by(teacher.question)

    def predict_each(self, files: Iterable[Wanted]) -> Iterator[Predicted]:
        """The answers about pictures in their order; one that cannot be read comes with the reason."""
        waiting = list[ReadInput]()
        for one in reader_of(self.preparation)(files, self.batch_size, lambda _: None):
            waiting.append(one)
            if len(waiting) == self.batch_size:
                yield from self._answered(waiting)
                waiting = []
        yield from self._answered(waiting)

    def _answered(self, waiting: list[ReadInput]) -> Iterator[Predicted]:
        usable = [one for one in waiting if one.input is not None]
        rows = [one.input for one in usable if one.input is not None]
        found = iter(self._said(torch.from_numpy(np.stack(rows)), usable) if rows else [])
        for one in waiting:
            if one.input is None:
                yield Predicted(one.wanted, None, one.reason, one.row)
                continue
            answer = next(found)
            reason = None if answer is not None else "the teacher's outputs for it are not finite"
            yield Predicted(one.wanted, answer, reason, one.row, seen=one.seen if self.question.grid else None)

    def _said(self, inputs: Tensor, asked: list[ReadInput]) -> list[Answer | None]:
        values = self._teacher.label(inputs).values
        answers = self._answers(self.question, {MAIN: values}, self.threshold, [one.seen for one in asked])
        sound = values.isfinite().flatten(1).all(1).tolist()
        return [answer if fine else None for answer, fine in zip(answers, sound, strict=True)]
