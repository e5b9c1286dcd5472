"""Teachers whose answers show how they were asked, and the options that tests label with."""

from collections.abc import Callable

import torch
from torch import Tensor

from joryu.examples import Examples
from joryu.questions import Question
from joryu.targets import Encoding, Flush, SoftTargets, Space, Store
from joryu.teachers import Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions

N, B = 100, 16


class Sums:
    """A teacher whose answers depend on the picture *and* on its batch, in size and place, as a matrix product's do."""

    question = Question.one_of(10)

    def __init__(self, fingerprint: str = "sums") -> None:
        self.fingerprint = fingerprint
        self.asked: list[Tensor] = []

    def answer(self, batch: TeacherBatch) -> Reply:
        self.asked.append(batch.inputs)
        return Reply(self.say(batch.inputs))

    def say(self, batch: Tensor) -> SoftTargets:
        place = torch.arange(len(batch))[:, None] / 1000 + len(batch) / 10
        values = batch.float().flatten(1)[:, 10:20] + place
        return SoftTargets(values=values, space=Space.LOGITS, question=Question.one_of(10))


class Failing(Sums):
    """Raises where a rule says so."""

    def __init__(self, fails: Callable[[Tensor], bool], error: Callable[[], Exception] | None = None) -> None:
        super().__init__()
        self.fails = fails
        self.error = error or (lambda: OSError("no such picture"))

    def say(self, batch: Tensor) -> SoftTargets:
        if self.fails(batch):
            raise self.error()
        return super().say(batch)


def options(**changes: object) -> LabelOptions:
    plain = {"batch_size": B, "encoding": Encoding(dtype="float32"), "flush": Flush(rows=B), "recheck": False}
    return LabelOptions(**plain | changes)


def contents(store: Store, examples: Examples, n_views: int = 0) -> Tensor:
    return torch.cat([store.gather(store.rows(examples.ids, view)).values for view in range(n_views + 1)])


def contains(batch: Tensor, picture: Tensor) -> bool:
    return bool((batch == picture).flatten(1).all(1).any())


def stop_at(rows: int) -> Callable[[int, int], None]:
    def stop(done: int, _total: int) -> None:
        if done >= rows:
            raise KeyboardInterrupt

    return stop
