"""`evaluate_logits`: accuracy, likelihood, calibration and confusion of a classifier, from its logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.evaluation.agreement import Agreement, agreement
from joryu.evaluation.calibration import reliability
from joryu.evaluation.confusion import (
    DENSE_CLASSES,
    ConfusedPair,
    most_confused,
    per_class_accuracy,
)
from joryu.targets.calibration import ReliabilityBin, expected_calibration_error
from joryu.targets.confusion import confusion_matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The numbers of one classifier on one labelled set; `joryu.evaluation.as_json` prepares them for JSON.

    With label ``y``, softmax probabilities ``p`` and means over the ``n`` examples:

    * ``errors = #(argmax_c p_c != y)``, ``accuracy = 1 - errors / n``
    * ``top_k[k]``: share of examples whose label is among the ``k`` best answers (only ``k <= C``)
    * ``nll = mean(-log p_y)``, in nats
    * ``brier = mean(Σ_c (p_c - [c = y])²)``, in [0, 2] (Brier 1950, the multi-class form)
    * ``ece``: the expected calibration error over 15 bins (Guo et al. 2017, eq. 3); ``reliability`` holds the bins
    * ``confusion[y][answer]``: counts, ``None`` for more than 100 classes; ``most_confused`` holds the 50 largest cells
      off the diagonal for any number of classes
    * ``per_class_accuracy``: the recall of each class, ``None`` for a class without examples
    * ``agreement``: how closely the student follows its teacher, ``None`` without a teacher
    """

    n: int
    n_classes: int
    accuracy: float
    errors: int
    top_k: dict[int, float]
    nll: float
    brier: float
    ece: float
    reliability: tuple[ReliabilityBin, ...]
    per_class_accuracy: tuple[float | None, ...]
    most_confused: tuple[ConfusedPair, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    agreement: Agreement | None


def evaluate_logits(
    student_logits: Tensor,
    labels: Tensor,
    *,
    teacher_probs: Tensor | None = None,
    top_k: Sequence[int] = (1, 5),
) -> Evaluation:
    """Evaluate a classifier from ``student_logits [n, C]`` and ``labels [n]`` (int64): all numbers of `Evaluation`.

    ``teacher_probs [n, C]``, if given, are the teacher's probabilities at T = 1 for the same examples. ``top_k`` names
    the ``k`` of the top-k accuracies.

    The formulas are short, and the tests check them against torchmetrics. Importing torchmetrics here would cost every
    command three seconds, because it imports pyplot and torchvision.

    >>> from torch import tensor
    >>> found = evaluate_logits(tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]), tensor([0, 1, 1]))
    >>> found.errors, round(found.accuracy, 4), round(found.nll, 4)
    (1, 0.6667, 1.1629)

    Raises:
        InputError: there is no example, a label is unknown or outside the classes, or a logit is not finite.
        MismatchError: the shapes do not fit one another.
    """
    labels = _checked(student_logits, labels, teacher_probs)
    logits, n_classes = student_logits.float(), student_logits.shape[1]
    log_probs = F.log_softmax(logits, dim=-1)
    probs, predicted = log_probs.exp(), logits.argmax(-1)
    errors, n = int((predicted != labels).sum()), len(labels)
    label_log_probs = log_probs.gather(1, labels[:, None]).squeeze(1).double()
    # sum_c (p_c - [c = y])² = sum_c p_c² - 2 p_y + 1, without a one-hot matrix as large as the logits.
    brier = probs.square().sum(-1).double() - 2 * label_log_probs.exp() + 1
    table = reliability(probs, labels)
    matrix = confusion_matrix(predicted, labels, n_classes).cpu()
    return Evaluation(
        n=n,
        n_classes=n_classes,
        accuracy=1 - errors / n,
        errors=errors,
        top_k={k: 1 - errors / n if k == 1 else _top_k(logits, labels, k) for k in top_k if k <= n_classes},
        nll=-label_log_probs.mean().item(),
        brier=brier.mean().item(),
        ece=expected_calibration_error(table),
        reliability=table,
        per_class_accuracy=per_class_accuracy(matrix),
        most_confused=most_confused(matrix),
        confusion=tuple(map(tuple, matrix.tolist())) if n_classes <= DENSE_CLASSES else None,
        agreement=None if teacher_probs is None else agreement(log_probs, teacher_probs.to(log_probs), labels),
    )


def _top_k(logits: Tensor, labels: Tensor, k: int) -> float:
    return (logits.topk(k, dim=-1).indices == labels[:, None]).any(-1).double().mean().item()


def _checked(logits: Tensor, labels: Tensor, teacher_probs: Tensor | None) -> Tensor:
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise MismatchError(
            "logits and labels do not fit one another",
            expected="logits [n, classes] and labels [n]",
            received=f"{list(logits.shape)} and {list(labels.shape)}",
        )
    if len(labels) == 0:
        raise InputError("there is nothing to evaluate", expected="at least one labelled example", received=0)
    if teacher_probs is not None and teacher_probs.shape != logits.shape:
        raise MismatchError(
            "teacher and student answered different questions",
            expected=f"teacher probabilities {list(logits.shape)}",
            received=list(teacher_probs.shape),
        )
    if not logits.isfinite().all():
        raise InputError(
            "logits are not finite", expected="finite numbers", hint="the model diverged; try a lower learning rate"
        )
    labels = labels.to(logits.device).long()
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= logits.shape[1]:
        raise InputError(
            "every evaluated example needs a label among the classes",
            expected=f"0..{logits.shape[1] - 1}",
            received=f"{low}..{high}",
            hint="try examples.labelled()",
        )
    return labels
