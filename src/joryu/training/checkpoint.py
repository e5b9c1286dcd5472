"""Where a training stands, on disk, so that no interruption costs more than the last half minute."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from joryu.errors import TrainingError
from joryu.targets.durable import durable_file

NAME = "checkpoint.pt"


@dataclass
class Progress:
    """The trainer's own state: where it is, what it has summed, the best epoch so far."""

    epoch: int = 0
    step: int = 0  #: steps done in this epoch
    loss_sum: float = 0.0
    loss_rows: int = 0
    seconds: float = 0.0
    best_epoch: int | None = None
    best_loss: float = float("inf")
    history: list[dict[str, float]] = field(default_factory=list)


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint, whole or not at all."""
    with durable_file(folder / NAME) as file:
        torch.save(state, file)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last checkpoint of a run folder, or ``None``.

    Raises:
        TrainingError: the file is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, OSError) as error:
        raise TrainingError(
            f"cannot read the checkpoint {path}",
            received=str(error).splitlines()[0],
            hint="delete that file to begin this training again",
        ) from error
    return state


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, whole or not at all."""
    with durable_file(path) as file:
        file.write(json.dumps(content, indent=2).encode() + b"\n")
