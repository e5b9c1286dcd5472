"""Try a student on a few examples before it is trained, to report at once what would otherwise fail after minutes."""

from __future__ import annotations

import traceback
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy

from joryu.errors import InputError, JoryuError
from joryu.questions import Question
from joryu.questions.value_kinds import ValueKind, value_kind_under


def failure_of(error: Exception) -> str:
    """An error of somebody else's code in one line: its type, its message and the line of code that raised it."""
    said = (str(error).splitlines() or [""])[0]
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {said} ({frame.filename}, line {frame.lineno})"


def require_outputs(
    module: nn.Module, name: str, inputs: Tensor, *, width: int, question: Question | None = None
) -> None:
    """Check on a few inputs ``[B, ...]`` that a network, named ``name`` in messages, gives outputs it can learn by.

    In training and in evaluation mode it must give ``width`` outputs, ``[B, width]``, or as many for each pixel if the
    question has a grid. The first ``len(question)`` of them answer the question, and must be logits if its link is
    softmax or sigmoid. Parameters, buffers (such as the averages of a batch norm) and the random state are left as they
    were; the network is in training mode afterwards.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    >>> require_outputs(network, "three", torch.zeros(2, 2, 2), width=3)
    >>> require_outputs(network, "three", torch.zeros(2, 2, 2), width=5)
    Traceback (most recent call last):
    joryu.errors.InputError: three gives something else than the outputs asked for (expected [2, 5]; received [2, 3])

    Raises:
        InputError: the forward pass fails, the outputs have another shape or are no floats, they do not depend on the
            parameters, or they are probabilities already.
    """
    on_grid = question is not None and bool(question.grid)
    expected = [len(inputs), width, *(inputs.shape[2:] if on_grid else ())]
    for training in (True, False):
        outputs = _tried(module.train(training), name, inputs)
        if not torch.is_tensor(outputs) or list(outputs.shape) != expected or not outputs.is_floating_point():
            raise InputError(
                f"{name} gives something else than the outputs asked for", expected=expected,
                received=_described(outputs), hint=_hint(outputs, on_grid),
            )  # fmt: skip
        if training and not outputs.requires_grad:
            raise InputError(
                f"{name} cannot learn", expected="outputs that depend on its parameters", received="a constant",
                hint="leave torch.no_grad and detach out of its forward",
            )  # fmt: skip
        if question is not None:
            _require_logits(outputs, name, question)
    module.train()


def require_gradients_in_bf16(module: nn.Module, name: str, inputs: Tensor) -> None:
    """Check on a few inputs ``[B, ...]`` that PyTorch computes a network's gradients in bf16 on a CPU.

    A padded convolution whose stride is larger than its input, such as one of stride 2 over a single pixel, has weights
    that meet nothing of the input. Their gradient is 0. In bf16 PyTorch 2.14 (oneDNN, a CPU with AVX-512) leaves it
    unset: it is whatever was in memory, NaN or a number. Not so in float32, nor of depthwise convolutions. The same
    holds for transposed ones whose stride is larger than their output.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1))
    >>> require_gradients_in_bf16(network, "two", torch.zeros(2, 3, 4, 4))

    Raises:
        InputError: one of its convolutions is of this kind.
    """
    met: list[tuple[_ConvNd, torch.Size]] = []

    def look(convolution: _ConvNd, given: tuple[Tensor, ...], outputs: Tensor) -> None:
        met.append((convolution, (outputs if convolution.transposed else given[0]).shape[2:]))

    convolutions = [part for part in module.modules() if isinstance(part, _ConvNd)]
    looks = [part.register_forward_hook(look) for part in convolutions if _may_leave_gradients(part)]
    try:
        _tried(module.eval(), name, inputs)
    finally:
        for one in looks:
            one.remove()
        module.train()
    for part, sides in met:
        over = [side for side, step in zip(sides, part.stride, strict=True) if step > side]
        if over:
            raise InputError(
                f"{name} cannot be trained in bf16 on a CPU on so small inputs: PyTorch leaves gradients of a"
                f" convolution unset whose stride is larger than its {'output' if part.transposed else 'input'}",
                expected=f"a stride of at most {min(over)}",
                received=f"{type(part).__name__} with stride {max(part.stride)} over {'×'.join(map(str, sides))}",
                hint="try --precision 32-true, or larger pictures",
            )  # fmt: skip


def _may_leave_gradients(part: _ConvNd) -> bool:
    """Whether a convolution learns, is padded and is not depthwise."""
    depthwise = part.groups == part.in_channels > 1
    padded = isinstance(part.padding, str) or any(part.padding)
    return part.weight.requires_grad and padded and not depthwise


def _require_logits(outputs: Tensor, name: str, question: Question) -> None:
    """Refuse a network that ends in a softmax or sigmoid: the loss applies another, and it would hardly learn.

    A softmax is recognised by its rows. Tags may lie between 0 and 1 by chance, so a sigmoid must also have made them.
    """
    if not question.link.has_probs:
        return
    rows = outputs.detach()[:, : len(question)].movedim(1, -1).flatten(0, -2)
    found = value_kind_under(question.link, rows)
    made_by = type(outputs.grad_fn).__name__ if outputs.requires_grad else ""
    # One row may look so by chance, as one of two classes in three hundred does.
    softmax = found is ValueKind.PROBABILITIES and (len(rows) > 1 or made_by.startswith("Softmax"))
    sigmoid = found is ValueKind.SIGMOIDS and made_by.startswith("Sigmoid")
    if softmax or sigmoid:
        end = "softmax" if softmax else "sigmoid"
        raise InputError(
            f"{name} ends in a {end}", expected="logits, which training makes probabilities of itself",
            received="rows between 0 and 1" + (" that sum to 1" if softmax else ""),
            hint=f"let its forward return what it has before the {end}",
        )  # fmt: skip


def _hint(outputs: object, on_grid: bool) -> str | None:
    if not torch.is_tensor(outputs):
        return "return the outputs alone"
    return "an answer for each pixel takes a network such as unet:8x4" if on_grid and outputs.ndim == 2 else None


def require_parameters(module: nn.Module, name: str) -> None:
    """Check that a network, named ``name`` in messages, has a parameter that can learn.

    Raises:
        InputError: a parameter or buffer has no size yet (a lazy layer), or there is none that requires a gradient.
    """
    unsized = [where for where, part in _state(module) if is_lazy(part)]
    if unsized:
        raise InputError(
            f"{name} has parameters without a size", expected="layers that are told how many inputs they have",
            received=", ".join(unsized[:3]) + (", …" if len(unsized) > 3 else ""),
            hint="call it once in its factory, on torch.zeros(1, *input_shape)",
        )  # fmt: skip
    parameters = list(module.parameters())
    if not any(parameter.requires_grad for parameter in parameters):
        raise InputError(
            f"{name} cannot learn", expected="some parameter that requires a gradient",
            received=f"{len(parameters)} frozen ones" if parameters else "no parameter",
        )  # fmt: skip


def _state(module: nn.Module) -> list[tuple[str, Any]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _tried(module: nn.Module, name: str, inputs: Tensor) -> Any:
    """The outputs; a batch norm's averages move in copies of them."""
    copies = {where: buffer.clone() for where, buffer in module.named_buffers()}
    try:
        with torch.random.fork_rng(devices=[inputs.device] if inputs.device.type == "cuda" else []):
            return torch.func.functional_call(module, copies, (inputs,))
    except JoryuError:
        raise
    except Exception as error:
        if len(inputs) == 1 and "more than 1 value per channel" in str(error):
            raise InputError(
                f"{name} has a batch norm, which can do nothing with a batch of one", setting=None,
                expected="at least 2 examples in a step", received=1, hint="try a larger --batch-size or more examples",
            ) from error  # fmt: skip
        raise InputError(
            f"{name} fails on these examples", expected=f"a forward pass on {list(inputs.shape)}",
            received=failure_of(error),
        ) from error  # fmt: skip


def _described(outputs: object) -> str:
    if not torch.is_tensor(outputs):
        return f"a {type(outputs).__name__}"
    kind = "" if outputs.is_floating_point() else f" of {outputs.dtype}"
    return f"{list(outputs.shape)}{kind}"
