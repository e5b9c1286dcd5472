"""The processes of a training: one, or several that ``fabric run`` started."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.training.precision import ASKED, chosen_precision, fabric_device_type
from joryu.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_fabric(recipe: Recipe) -> Fabric:
    """Set up Fabric at the recipe's precision.

    Devices and nodes are those of ``fabric run`` (its ``LT_*`` variables); without it, one device is taken.

    Raises:
        InputError: the strategy splits the weights, which the moving average, max-norm and the saved student need
            whole; the precision is not available (`chosen_precision`), or is not the same in every process.
    """
    # As slow to import as PyTorch, and whoever only reads a run does without.
    from lightning_fabric import Fabric  # noqa: PLC0415
    from lightning_fabric.strategies.ddp import DDPStrategy  # noqa: PLC0415
    from lightning_fabric.strategies.single_device import SingleDeviceStrategy  # noqa: PLC0415

    precision = chosen_precision(recipe, fabric_device_type())
    settings: dict[str, Any] = {} if ASKED in os.environ else {"precision": precision}  # Fabric reads that by itself
    if "LT_DEVICES" not in os.environ:
        # Fabric alone would take every GPU it sees and start this program once for each: not in a user's notebook.
        settings["devices"] = 1
    with _quiet():
        fabric = Fabric(**settings)
        if "LT_CLI_USED" not in os.environ:  # fabric run has started the processes already
            fabric.launch()
    if not isinstance(fabric.strategy, SingleDeviceStrategy | DDPStrategy):
        raise InputError("this strategy cannot train a student", expected="ddp", received=os.environ.get("LT_STRATEGY"))
    if all(any_says(fabric, precision == "32-true", precision != "32-true")):
        raise InputError(
            "the processes would train at two precisions", expected="the same on every machine",
            received=f"{precision} on this one", hint="name it with --precision",
        )  # fmt: skip
    return fabric


def any_says(fabric: Fabric, *flags: bool) -> tuple[bool, ...]:
    """For each flag, whether it is set in any process. If there are several processes, all must call this."""
    if fabric.world_size == 1:
        return flags
    said: Any = fabric.all_reduce(torch.tensor(flags, dtype=torch.float32, device=fabric.device), reduce_op="max")
    return tuple(flag > 0 for flag in said.tolist())


def mean_of(fabric: Fabric, value: Tensor) -> float:
    """The mean of a number over all processes. If there are several processes, all must call this."""
    if fabric.world_size == 1:
        return float(value)
    mean: Any = fabric.all_reduce(value.clone(), reduce_op="mean")
    return float(mean)


def rows_of(fabric: Fabric, state: Tensor) -> Tensor:
    """The vectors of all processes as the rows of a matrix on the CPU; of a lone process, the vector itself.

    If there are several processes, all must call this.
    """
    if fabric.world_size == 1:
        return state
    rows = torch.zeros(fabric.world_size, len(state), dtype=state.dtype, device=fabric.device)
    rows[fabric.global_rank] = state.to(fabric.device)
    gathered: Any = fabric.all_reduce(rows, reduce_op="sum")  # Fabric's all_gather uses what PyTorch 2.14 deprecates
    return torch.as_tensor(gathered).cpu()


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Within a ``with`` block cuDNN uses deterministic kernels only; afterwards the random state is as before."""
    deterministic, benchmark = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic, benchmark


@contextmanager
def no_gpu_search(device: torch.device) -> Iterator[None]:
    """Within a ``with`` block, tell PyTorch that there is no GPU, so that it does not look for one in every step.

    The optimisers of PyTorch 2.14 ask before each step whether there is a GPU. A build with CUDA then tries to open the
    driver's library, which takes 0.2 ms: a tenth of the step of a small student. With an empty
    ``CUDA_VISIBLE_DEVICES`` it does not try. The variable is left alone if it is set already, or if there is a GPU.
    The warning of ``torch.compile`` on a CPU that no GPU was found is not shown.
    """
    name = "CUDA_VISIBLE_DEVICES"
    logger = logging.getLogger("torch.utils.cpp_extension")
    if device.type != "cpu":
        yield
        return
    logger.addFilter(_is_news)
    searched = name not in os.environ and not torch.cuda.is_available()
    if searched:
        os.environ[name] = ""
    try:
        yield
    finally:
        logger.removeFilter(_is_news)
        if searched:
            os.environ.pop(name, None)


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("No CUDA runtime is found")


@contextmanager
def _quiet() -> Iterator[None]:
    """Within a ``with`` block, hide Fabric's advice about the environment, of which a user can make no use."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
