"""What a network costs: its parameters, its bytes, and the time of a forward pass."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.evaluation.predictions import device_of, evaluating


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The time of one forward pass on a batch of ``batch`` examples: the median of ``repeats`` measurements."""

    milliseconds: float
    repeats: int
    batch: int
    threads: int  #: PyTorch's intra-op threads while measuring
    device: str


def count_parameters(module: nn.Module) -> int:
    """The number of parameters; one that layers share counts once.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in module.parameters())


def count_learning(module: nn.Module) -> int:
    """The number of the parameters that learn: all but those of frozen layers (`joryu.students.frozen`).

    >>> layer = nn.Linear(3, 2)
    >>> layer.bias.requires_grad_(False)
    Parameter containing:
    ...
    >>> count_learning(layer)
    6
    """
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def state_bytes(module: nn.Module) -> int:
    """The bytes of all weights and buffers of a module. Memory that tensors share counts once.

    A safetensors file of the module has a few KB more for its header, and holds tied weights twice.

    >>> state_bytes(nn.Linear(3, 2))
    32
    """
    sizes = {
        (tensor.untyped_storage().data_ptr(), tensor.storage_offset()): tensor.nbytes
        for tensor in module.state_dict().values()
    }
    return sum(sizes.values())


def measure_latency(
    modules: Mapping[str, nn.Module],
    example_input: Tensor,
    *,
    repeats: int = 30,
    block_seconds: float = 0.005,
    threads: int | None = None,
    own_inputs: Mapping[str, Tensor] | None = None,
) -> dict[str, Latency]:
    """Measure the median time of a forward pass of each network on ``example_input`` (``[1, ...]`` for a batch of one).

    ``own_inputs`` holds inputs for networks that take another shape, such as a teacher with a size of its own.
    ``threads`` sets PyTorch's threads during the measurement; without it they stay as they are.

    The repeats are *interleaved* (a, b, c, a, b, c, …). If the machine slows down, every network is slowed alike, and
    the ratios stay right. Each repeat runs a block of passes that lasts about ``block_seconds``, because a single pass
    may be too short for the clock.

    >>> times = measure_latency({"student": nn.Linear(4, 2)}, torch.zeros(1, 4), repeats=3, block_seconds=0)
    >>> times["student"].batch, times["student"].milliseconds > 0
    (1, True)

    Raises:
        InputError: ``repeats`` or ``threads`` is below 1.
    """
    if repeats < 1 or (threads is not None and threads < 1):
        raise InputError("latency cannot be measured", expected="repeats and threads >= 1", received=(repeats, threads))
    with ExitStack() as stack:
        stack.enter_context(_threads(threads))
        own = own_inputs or {}
        inputs = {name: own.get(name, example_input).to(device_of(module)) for name, module in modules.items()}
        for module in modules.values():
            stack.enter_context(evaluating(module))
        passes = {name: _warm_up(module, inputs[name], block_seconds) for name, module in modules.items()}
        seconds: dict[str, list[float]] = {name: [] for name in modules}
        for _ in range(repeats):
            for name, module in modules.items():
                seconds[name].append(_block(module, inputs[name], passes[name]) / passes[name])
        return {
            name: Latency(
                milliseconds=1000 * statistics.median(seconds[name]),
                repeats=repeats,
                batch=len(inputs[name]),
                threads=torch.get_num_threads(),
                device=str(inputs[name].device),
            )
            for name in modules
        }


def _warm_up(module: nn.Module, inputs: Tensor, block_seconds: float) -> int:
    """Passes per block, from the second of two trial passes (the first pays for allocation and kernel selection)."""
    _block(module, inputs, 1)
    return max(1, round(block_seconds / max(_block(module, inputs, 1), 1e-7)))


def _block(module: nn.Module, inputs: Tensor, passes: int) -> float:
    _wait(inputs.device)
    start = time.perf_counter()
    for _ in range(passes):
        module(inputs)
    _wait(inputs.device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    """Wait until an accelerator has finished; its calls return before that."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
