"""What a network costs: parameters, bytes and the time of one answer."""

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
    """Time of one forward pass: the median of ``repeats`` measurements, in milliseconds."""

    milliseconds: float
    repeats: int
    batch: int
    threads: int  #: PyTorch's intra-op threads while measuring
    device: str


def count_parameters(module: nn.Module) -> int:
    """Number of parameters; one that is shared between layers counts once.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in module.parameters())


def state_bytes(module: nn.Module) -> int:
    """Bytes of the weights and buffers that a safetensors file of the module holds (its header of a few KB left out).

    Memory that is shared between tensors counts once.

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
    """Median time of a forward pass of each network on ``example_input`` (``[1, ...]`` for batch 1).

    ``own_inputs`` are those of networks that are shown others, such as a teacher at a size of its own.

    The repeats are *interleaved* (a, b, c, a, b, c, …), so that a machine that slows down slows every network alike and
    the ratios stay honest. One repeat runs a block of passes that lasts about ``block_seconds``, which keeps the
    clock's resolution out of the number. ``threads`` sets PyTorch's threads for the measurement (default: as they are).

    >>> times = measure_latency({"student": nn.Linear(4, 2)}, torch.zeros(1, 4), repeats=3, block_seconds=0)
    >>> times["student"].batch, times["student"].milliseconds > 0
    (1, True)

    Raises:
        InputError: fewer than one repeat or thread.
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
                batch=len(example_input),
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
    """Accelerators answer before they have finished."""
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
