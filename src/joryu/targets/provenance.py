"""Where an artefact came from: versions, time and kind of machine, without host names and paths."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch


def now() -> str:
    """The present time in UTC, in ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, str]:
    """The kind of machine that this runs on: processor, cores, threads, accelerator, and versions.

    >>> sorted(machine())
    ['accelerator', 'cores', 'cpu', 'python', 'system', 'threads', 'torch']
    """
    cuda = torch.cuda.is_available()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0)) if platform.system() == "Linux" else os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "accelerator": torch.cuda.get_device_name() if cuda else "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def joryu_version() -> str:
    """The installed version of Joryu."""
    return version("joryu")


def _cpu() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
