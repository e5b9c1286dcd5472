"""Parity: whether an exported model answers as the student that it was made from, on real examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.evaluation import evaluator_for
from joryu.evaluation.evaluator import Better, Evaluator, Measure
from joryu.evaluation.masks import Overlap
from joryu.evaluation.predictions import evaluating
from joryu.examples import Examples
from joryu.export.running import Answers
from joryu.questions import LOG_VARIANCE, MAIN, Link, Question
from joryu.students.named_outputs import outputs_of

_FIRST: Final = (1, 2, 7)  #: sizes of the first batches: a model that was traced with 2 must take others
_BATCH, _PIXEL_BATCH = 64, 8
FLOAT_WITHIN: Final = 1e-4  #: of the largest output, or of 1: float32 added in another order mostly differs by less
OTHER_ORDERS: Final = 4.0  #: times as far as PyTorch's own two ways of adding are apart, where that is more
_SAMPLE: Final = 256  #: examples that these are compared on
LEAST_AGREEMENT: Final = 0.9  #: of int8 with the student, where no label says what is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """An exported model beside the student that it was made from, on ``n`` examples in batches of several sizes.

    ``largest`` and ``mean`` are differences of outputs: logits, or numbers in their units and, where there are any, the
    logarithms of their variances. ``size`` is the largest logit or number of the student, ``agreement`` the share of
    top answers that are the same: of classes, of tags at 0.5, of pixels; ``iou`` that of the two masks of a picture,
    their mean. Numbers have neither.

    ``measure`` names the headline of the evaluation by labels, ``student`` and ``exported`` are both values of it;
    ``lost`` is how much worse the exported model is, negative where it is better: of an error a share of it.
    """

    n: int
    batches: tuple[int, ...]
    largest: float
    mean: float
    size: float
    agreement: float | None
    iou: float | None
    measure: str | None = None
    student: float | None = None
    exported: float | None = None
    lost: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return {**asdict(self), "batches": list(self.batches)}


def student_answers(student: nn.Sequential) -> Answers:
    """What the student itself answers."""

    def answer(inputs: Tensor) -> Mapping[str, Tensor]:
        with evaluating(student):
            found = outputs_of(student, inputs)
            return {name: part.float().clone() for name, part in found.items() if name in (MAIN, LOG_VARIANCE)}

    return answer


def parity(
    student: Answers, exported: Answers, examples: Examples, question: Question, *, units: tuple[float, ...] = ()
) -> Parity:
    """Ask both about the examples and compare.

    Raises:
        MismatchError: outputs of other shapes.
        InputError: outputs that are not finite.
    """
    evaluators = [evaluator_for(question, units=units) for _ in range(2)]
    labelled = examples.labels is not None and bool(examples.known.any())
    differences, alike, overlaps, largest_output, batches = [], list[Tensor](), list[Tensor](), 0.0, list[int]()
    for rows in _batches(len(examples), bool(question.grid)):
        inputs = examples.inputs[rows]
        one, other = student(inputs), exported(inputs)
        _require_alike(one, other)
        batches.append(len(rows))
        apart = [(one[name].double() - other[name].double()).abs().flatten(1) for name in one]
        differences.append(torch.cat(apart, dim=1))
        largest_output = max(largest_output, one[MAIN].abs().max().item())
        same = _ALIKE[question.link](one[MAIN], other[MAIN], bool(question.grid))
        alike += [part for part in same[:1] if part is not None]
        overlaps += [part for part in same[1:] if part is not None]
        if labelled and examples.labels is not None:
            for evaluator, outputs in zip(evaluators, (one, other), strict=True):
                evaluator.add(outputs, examples.labels[rows])
    found = torch.cat(differences)
    return Parity(
        n=len(examples), batches=tuple(sorted(set(batches))), largest=found.max().item(), mean=found.mean().item(),
        size=largest_output, agreement=_mean(alike), iou=_mean(overlaps), **(_lost(evaluators) if labelled else {}),
    )  # fmt: skip


def rounding(student: nn.Sequential, examples: Examples) -> float:
    """The largest difference between a student's outputs where its convolutions are added in two orders.

    oneDNN's and PyTorch's own kernels do the same sums in float32. Networks whose sums nearly cancel, as those of many
    depthwise layers do, differ by more than `FLOAT_WITHIN`, and so does any other runtime.
    """
    most = min(len(examples), _PIXEL_BATCH if examples.asked_question.grid else _SAMPLE)
    inputs = examples.inputs[torch.linspace(0, len(examples) - 1, most).long()]
    answer = student_answers(student)
    one = answer(inputs)[MAIN]
    with _without_onednn():
        other = answer(inputs)[MAIN]
    return (one.double() - other.double()).abs().max().item()


@contextmanager
def _without_onednn() -> Iterator[None]:
    """PyTorch's own ``flags`` touch settings of GPUs besides, and warn."""
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


def require_parity(found: Parity, what: str, *, most_lost: float | None, rounding: float = 0.0) -> None:
    """Refuse an export that answers otherwise than the student.

    Without ``most_lost`` outputs must be the same to float32's rounding, of which ``rounding`` is a measured part. With
    it, what is lost by the labels must not be more; without labels, top answers must agree to `LEAST_AGREEMENT`.

    Raises:
        MismatchError: they differ by more.
    """
    if most_lost is None:
        bound = max(FLOAT_WITHIN * max(1.0, found.size), OTHER_ORDERS * rounding)
        if not found.largest <= bound:
            raise MismatchError(
                f"{what} answers otherwise than the student, and was not written",
                expected=f"outputs that differ by at most {bound:.2g}",
                received=f"{found.largest:.2g} on {found.n} examples",
                hint="the exporter takes some operation for another: look for one that is rarely used",
            )
        return
    if found.lost is not None and not found.lost <= most_lost:
        raise MismatchError(
            f"{what} loses too much, and was not written",
            expected=f"at most {most_lost:g} of the {found.measure}",
            received=f"{found.student:.4f} of the student, {found.exported:.4f} of int8, on {found.n} examples",
            hint="try joryu quantise, which learns under int8, or more --calibration, or allow it with --most-lost",
        )  # fmt: skip
    if found.lost is None and found.agreement is not None and found.agreement < LEAST_AGREEMENT:
        raise MismatchError(
            f"{what} answers otherwise than the student, and was not written",
            expected=f"agreement of at least {LEAST_AGREEMENT:g}",
            received=f"{found.agreement:.4f} on {found.n} examples without labels",
            hint="try joryu quantise, which learns under int8, or more --calibration",
        )  # fmt: skip


def _batches(n: int, on_grid: bool) -> Iterator[Tensor]:
    start, sizes = 0, iter(_FIRST)
    while start < n:
        stop = min(n, start + next(sizes, _PIXEL_BATCH if on_grid else _BATCH))
        yield torch.arange(start, stop)
        start = stop


def _require_alike(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    if one.keys() != other.keys() or any(one[name].shape != other[name].shape for name in one):
        raise MismatchError(
            "the exported model has other outputs than the student",
            expected=f"{', '.join(one)} {list(one[MAIN].shape)}",
            received=f"{', '.join(other)} {list(other[MAIN].shape)}",
        )
    if not all(bool(part.isfinite().all()) for part in (*one.values(), *other.values())):
        raise InputError(
            "outputs are not finite", expected="finite numbers", hint="was the student trained to its end?"
        )


_Alike = tuple[Tensor | None, Tensor | None]


def _classes(one: Tensor, other: Tensor, on_grid: bool) -> _Alike:
    best, chosen = one.argmax(-1), other.argmax(-1)
    same = (best == chosen).double().flatten()
    return same, Overlap.of_classes(chosen, best, one.shape[-1]).iou() if on_grid else None


def _tags(one: Tensor, other: Tensor, on_grid: bool) -> _Alike:
    held, holds = one > 0, other > 0
    same = (held == holds).double().flatten()
    return same, Overlap.of_tags(holds, held, torch.ones_like(held)).iou() if on_grid else None


def _numbers(one: Tensor, other: Tensor, on_grid: bool) -> _Alike:
    del one, other, on_grid
    return None, None


_ALIKE: Final[Mapping[Link, Callable[[Tensor, Tensor, bool], _Alike]]] = {
    Link.SOFTMAX: _classes,
    Link.SIGMOID: _tags,
    Link.IDENTITY: _numbers,
}


def _mean(parts: list[Tensor]) -> float | None:
    return torch.cat(parts).mean().item() if parts else None


def _lost(evaluators: list[Evaluator]) -> dict[str, Any]:
    before, after = (evaluator.result().measures[0] for evaluator in evaluators)
    said = {"measure": before.name, "student": before.value, "exported": after.value}
    return said | {"lost": _worse(before, after)}


def _worse(before: Measure, after: Measure) -> float | None:
    if before.value is None or after.value is None:
        return None
    if before.better is Better.HIGHER:
        return before.value - after.value
    return (after.value - before.value) / before.value if before.value else after.value
