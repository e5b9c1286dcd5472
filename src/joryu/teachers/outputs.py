"""Check the outputs of a teacher network, and turn them into logits in the examples' order of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.questions import Link, Question
from joryu.questions.value_kinds import ValueKind, both, value_kind

Output = Literal["logits", "probs"]
"""How a network's outputs are meant; log-probabilities are logits."""

OUTPUTS: tuple[Output, ...] = ("logits", "probs")
Meant = Literal["logits", "probs", "moments"]
"""How the outputs of a module are meant: `Output`, or numbers ``[B, C]`` followed by their variances, ``[B, 2 C]``."""

MOMENTS: Final = "moments"


def split_output(spec: str) -> tuple[str, str | None]:
    """A spec without its ``,output=…``, and what stands there.

    >>> split_output("pkg.mod:factory,output=probs"), split_output("teacher")
    (('pkg.mod:factory', 'probs'), ('teacher', None))
    """
    named, comma, output = spec.rpartition(",output=")
    return (named, output) if comma else (spec, None)


def one_output(said: str | None) -> Output | None:
    """What is said of a network that has one output, a tensor.

    Raises:
        InputError: it is none of `OUTPUTS`.
    """
    known = next((one for one in OUTPUTS if one == said), None)
    if said is not None and known is None:
        raise InputError("unknown output of a network", expected=" or ".join(OUTPUTS), received=said or "nothing")
    return known


class FromProbs(nn.Module):
    """Probabilities to logits: ``log p`` of classes, ``log (p / (1 - p))`` of tags.

    >>> FromProbs(Link.SOFTMAX)(torch.tensor([[0.5, 0.5]])).exp()
    tensor([[0.5000, 0.5000]])
    """

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link

    def forward(self, probs: Tensor) -> Tensor:
        return self.link.logits(probs)


class InOrder(nn.Module):
    """Reorder a network's outputs from its own order of classes (``own``) to that of ``classes``.

    With ``parts`` 2 the outputs are two rows after one another, such as numbers and their variances.

    >>> InOrder(["0", "1", "2", "10"], ["0", "1", "10", "2"])(torch.tensor([[5.0, 6.0, 7.0, 8.0]]))
    tensor([[5., 6., 8., 7.]])

    Raises:
        MismatchError: the two do not hold the same classes.
    """

    columns: Tensor

    def __init__(self, own: Sequence[str], classes: Sequence[str], *, parts: int = 1) -> None:
        super().__init__()
        if sorted(own) != sorted(classes):
            strange = [name for name in own if name not in classes]
            absent = [name for name in classes if name not in own]
            raise MismatchError(
                "the examples name their own classes, and the teacher's are others",
                expected=f"{short(classes)}, in the teacher's order",
                received=f"{len(own)} classes {'with' if strange else 'without'} {', '.join((strange or absent)[:6])}",
                hint="ask it about examples of its own classes; if --classes was typed, it must name these",
            )
        place = {name: at for at, name in enumerate(own)}
        columns = [at * len(own) + place[name] for at in range(parts) for name in classes]
        self.register_buffer("columns", torch.tensor(columns))

    def forward(self, outputs: object) -> Tensor:
        # Other faults of the outputs are reported by the network that uses this.
        if not torch.is_tensor(outputs) or outputs.ndim < 2 or outputs.shape[1] != len(self.columns):
            return require_rows(outputs, None, Question.one_of(len(self.columns)))
        return outputs.index_select(1, self.columns)


def require_rows(outputs: object, rows: int | None, question: Question) -> Tensor:
    """Check that outputs are ``[B, C]``, or ``[B, C, height, width]`` for questions about pixels; returns them.

    Raises:
        MismatchError: they are not.
    """
    n_classes, axes = len(question), 2 + len(question.grid)
    fits = torch.is_tensor(outputs) and outputs.ndim == axes and outputs.shape[1] == n_classes
    if torch.is_tensor(outputs) and fits and rows in (None, len(outputs)):
        return outputs
    wanted = [str("B" if rows is None else rows), str(n_classes), *question.grid]
    hint = f"let the module return one row of {n_classes} numbers for each {'pixel' if question.grid else 'example'}"
    if not torch.is_tensor(outputs):
        hint += ", and nothing beside it: of several outputs the one that holds the answers"
    elif outputs.ndim > axes:
        hint += ": average what it says of each place in a picture"
    elif outputs.ndim == axes and outputs.shape[1] != n_classes:
        hint = "name as many classes as it has outputs, in its order, or give it a head for these"
    raise MismatchError(
        "the teacher's answers do not fit its classes",
        expected=f"outputs [{', '.join(wanted)}]",
        received=list(outputs.shape) if torch.is_tensor(outputs) else _kind(outputs),
        hint=hint,
    )


def moments(outputs: object, rows: int, question: Question) -> tuple[Tensor, Tensor]:
    """Numbers and variances, each ``[B, C]`` (or ``[B, C, height, width]``), of outputs that hold both on axis 1.

    Raises:
        MismatchError: they are not twice as wide as the question.
        InputError: a variance is negative or no number.
    """
    width, axes = 2 * len(question), 2 + len(question.grid)
    if not torch.is_tensor(outputs) or outputs.ndim != axes or outputs.shape[:2] != (rows, width):
        raise MismatchError(
            "the teacher's answers do not fit its numbers", expected=f"[{rows}, {width}]: the numbers, then their"
            " variances", received=list(outputs.shape) if torch.is_tensor(outputs) else _kind(outputs),
        )  # fmt: skip
    numbers, variances = outputs.chunk(2, dim=1)
    if bool((variances < 0).any()) or bool(variances.isnan().any()):
        raise InputError("the teacher's variances are none", expected="numbers >= 0",
                         received=f"{float(variances.min()):.4g}")  # fmt: skip
    return numbers, variances


def _kind(outputs: object) -> str:
    """The type of an output that is not a tensor, in words; for a dictionary with its keys."""
    if not isinstance(outputs, Mapping):
        return type(outputs).__name__
    entries = [repr(name) for name in outputs]
    return f"a {type(outputs).__name__} of {', '.join(entries[:6])}{', …' if len(entries) > 6 else ''}"


class Doubt:
    """Checks a network's first outputs for probabilities or percentages that were taken for logits.

    Every batch is checked until one is neither; after that there is no cost. Rows that are not finite are ignored here,
    because the store refuses them anyway.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._so_far: ValueKind | None = None

    def hear(self, outputs: Tensor) -> None:
        """Check one more batch of outputs.

        Raises:
            InputError: all rows so far, and at least two, are probabilities or percentages.
        """
        if self._so_far is not None and self._so_far not in _NO_LOGITS:
            return
        finite = outputs[outputs.flatten(1).isfinite().all(1)]
        if not len(finite):
            return
        self._so_far = both(value_kind(finite), self._so_far)
        self._rows += len(finite)
        if self._so_far in _NO_LOGITS and self._rows > 1:
            looks, hint = _NO_LOGITS[self._so_far]
            raise InputError(
                f"the teacher's answers are {self._so_far}, and were taken for logits",
                expected="logits, which lie on both sides of zero", received=looks, hint=f"{hint}; {_INSIST}",
            )  # fmt: skip


_SAY_PROBS = "end the teacher's spec in ,output=probs (in Python: output='probs')"
_INSIST = ",output=logits insists"
_NO_LOGITS = {
    ValueKind.PROBABILITIES: ("rows between 0 and 1 that sum to 1, as out of a softmax", _SAY_PROBS),
    ValueKind.PERCENTAGES: (
        "rows between 0 and 100 that sum to 100", f"let the module divide them by 100, and {_SAY_PROBS}"
    ),
}  # fmt: skip


def require_probs(
    outputs: Tensor, link: Link, *, hint: str = "leave ,output=probs out (in Python: output='probs')"
) -> None:
    """Check that outputs declared as probabilities are probabilities.

    Raises:
        InputError: they are not between 0 and 1, or (classes) do not sum to 1.
    """
    found = value_kind(outputs)
    if found is ValueKind.PROBABILITIES or (link.independent and found is ValueKind.SIGMOIDS):
        return
    sums = outputs.float().sum(-1)
    raise InputError(
        "the teacher's answers are no probabilities",
        expected="numbers between 0 and 1" + ("" if link.independent else ", of which every row sums to 1"),
        received=f"{float(outputs.min()):.4g} to {float(outputs.max()):.4g}, sums {float(sums.min()):.4g} to"
        f" {float(sums.max()):.4g}",
        hint=hint,
    )


def short(classes: Sequence[str], most: int = 6) -> str:
    """The first ``most`` classes and how many more there are, as text."""
    return f"{len(classes)} classes {', '.join(classes[:most])}{', …' if len(classes) > most else ''}"
