"""`AskedTeacher`: a network as a teacher answers about files, as `joryu.serving.Predictor` does for a student."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import final

from torch import Tensor

from joryu.examples.preparation import Preparation
from joryu.questions import MAIN
from joryu.serving.answers import Answer, answers_by, require_settings
from joryu.serving.framing import Framing
from joryu.serving.inputs import ReadInput, Wanted, reader_of
from joryu.serving.predictor import THRESHOLD, Predicted, paired
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
        return paired(waiting, self.question, self._said, "the teacher")

    def _said(self, inputs: Tensor, seen: Sequence[Framing | None]) -> list[Answer | None]:
        values = self._teacher.label(inputs).values
        answers = self._answers(self.question, {MAIN: values}, self.threshold, seen)
        sound = values.isfinite().flatten(1).all(1).tolist()
        return [answer if fine else None for answer, fine in zip(answers, sound, strict=True)]
