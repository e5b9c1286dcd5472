"""At which precision a network is asked about a whole set: bf16 only where a sample shows that no answer changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from torch import Tensor

from joryu.errors import InputError, MismatchError, Stop
from joryu.precision import Answering, best_precision, device_type, worth_a_try
from joryu.questions import Link
from joryu.targets.encoding import Encoding, decode, encode
from joryu.targets.manifest import FILE, Manifest
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.targets.writer import StoreWriter
from joryu.teachers.answer_distance import distances
from joryu.teachers.teacher import Reply, Teacher, TeacherBatch

SAMPLE = 256  #: answers that are looked at in both precisions before bf16 is taken
FIRST = 32  #: as many show first whether the others are worth asking: nearly always they show that they are not
WORTH = 8 * SAMPLE  #: fewer answers than these take no longer in float32 than the sample does

Wish = Answering | Literal["auto"]


class StorePrecision:
    """The precision that one store's answers are computed at, settled when the first of them has come.

    A store that has answers goes on at theirs. A new one is at what was ``wished``; ``auto`` is bf16 where the machine
    multiplies it (or ``JORYU_AUTO_PRECISION`` says so) and the teacher, asked about a sample in both, says the same:
    as far apart as `joryu.teachers.answer_distance` explains by rounding to the store's encoding, and the same class or
    tags. Else it is float32. Who computed at none of these (another runtime, people) is asked
    nothing twice.

    Args:
        teacher: who is asked.
        writer: of the store, which is told what was settled.
        wished: what somebody asked for.
        sample: batches of the set for the sample; none where the set is so small that it would not pay.
    """

    def __init__(
        self, teacher: Teacher, writer: StoreWriter, wished: Wish, sample: Callable[[], Iterator[TeacherBatch]]
    ) -> None:
        self._teacher, self._writer, self._wished, self._sample = teacher, writer, wished, sample
        self._settled = writer.manifest.asked_at is not None
        self.asked: Answering = writer.manifest.asked_at or ("32-true" if wished == "auto" else wished)

    def settle(self, batch: TeacherBatch, reply: Reply) -> Reply:
        """The reply to the first batch that was answered, asked again where bf16 is taken; every other one as it is.

        Raises:
            InputError: a precision was named, and this teacher computes at none.
        """
        if self._settled or reply.soft_targets is None:
            return reply
        self._settled = True
        if reply.precision is None:
            if self._wished != "auto":
                raise InputError(
                    "this teacher does not compute its answers with PyTorch",
                    expected="a network to ask at a precision",
                    received=f"precision {self._wished}", hint="leave the precision out",
                )  # fmt: skip
            return reply
        again = self._in_bf16(batch) if self._wished == "auto" and worth_a_try() else None
        if again is not None:
            reply, self.asked = replace(again, cost=reply.cost + again.cost), "bf16-mixed"
        self._writer.keep_precision(self.asked)
        return reply

    def _in_bf16(self, batch: TeacherBatch) -> Reply | None:
        """The same batch in bf16, if the sample shows that bf16 changes nothing."""
        try:
            if not self._is_harmless():
                return None
            again = self._teacher.answer(replace(batch, precision="bf16-mixed"))
        except Stop:
            raise
        except Exception:  # noqa: BLE001 - not every layer is made for bf16; float32 has answered already
            return None
        return None if again.failures or again.soft_targets is None else again

    def _is_harmless(self) -> bool:
        encoding = self._writer.manifest.encoding
        seen = 0
        for batch in self._sample():
            parts = [slice(0, FIRST), slice(FIRST, None)] if not seen else [slice(None)]
            for part in (batch.part(rows) for rows in parts):
                if len(part) and not self._same(part, encoding):
                    return False
            seen += len(batch)
        return seen > 0

    def _same(self, part: TeacherBatch, encoding: Encoding | None) -> bool:
        exact, coarse = (
            self._teacher.answer(replace(part, precision=precision)).whole(len(part))
            for precision in ("32-true", "bf16-mixed")
        )
        return bool(unchanged(exact, coarse, encoding).all())


def require_same_precision(stored: Answering | None, wished: Wish) -> None:
    """Check that a store which has answers would get no others than of their precision.

    Raises:
        MismatchError: another one was named.
    """
    if stored is not None and wished not in ("auto", stored):
        raise MismatchError(
            "these soft targets were computed at another precision", expected=stored, received=wished,
            hint="leave the precision out to keep the stored one, or label into another folder",
        )  # fmt: skip


def slowness_remark(out: Path, wished: Wish) -> str | None:
    """What to say where answers are to be computed in bf16 and this machine has no products in it of its own."""
    stored = Manifest.read(out).asked_at if (out / FILE).is_file() else None
    if (stored or wished) != "bf16-mixed" or best_precision(device_type()) == "bf16-mixed":
        return None
    why = f"{out} was begun in bf16 and goes on in it" if stored else "bf16 was asked for"
    return f"{why}, which this machine computes more slowly than float32"


def unchanged(exact: SoftTargets, coarse: SoftTargets, encoding: Encoding | None = None) -> Tensor:
    """Which rows say the same in bf16 as in float32, once they are kept: bool ``[B]``.

    >>> import torch
    >>> from joryu.questions import Question
    >>> ask, values = Question.one_of(["cat", "dog"]), torch.tensor([[8.0, 0.0], [8.0, 0.0]])
    >>> exact, coarse = (
    ...     SoftTargets(values=values + off, space=Space.LOGITS, question=ask)
    ...     for off in (torch.zeros(2, 1), torch.tensor([[0.0, 0.001], [0.0, 0.25]]))
    ... )
    >>> unchanged(exact, coarse).tolist()
    [True, False]
    """
    kept = encoding or Encoding.natural(exact.space)
    encoded = encode(exact, kept)
    stored = decode(encoded.columns, encoded.form, exact.question, kept)
    close = [far.within(None) for far in distances(stored, coarse, kept)]
    same = (_decisions(exact) == _decisions(coarse)).flatten(1).all(1)
    for within in close:
        same = same & within
    return same


def _decisions(answers: SoftTargets) -> Tensor:
    """The best class, the tags that hold; numbers decide nothing."""
    if answers.space is Space.NUMBERS:
        return answers.values.new_zeros(len(answers), 1)
    probs = answers.probs()
    return probs > 0.5 if answers.link is Link.SIGMOID else probs.argmax(-1, keepdim=True)
