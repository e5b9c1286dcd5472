"""The checkpoint of a training, from which an interrupted run resumes exactly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joryu.durable import LOCK, durable_file
from joryu.errors import TrainingError
from joryu.training.state_file import read_state, write_state

NAME = "checkpoint.safetensors"
OLD_NAME = "checkpoint.pt"  #: the name of the pickles that Joryu once wrote; they are never read


@dataclass
class TrainingProgress:
    """How far a training has come.

    - ``epoch``: the number of finished epochs; ``step``: the number of steps done in the epoch under way.
    - ``sums``: for each term of the loss, the sum of the batch means of this epoch; ``loss_rows``: their number.
    - ``seconds``: the time of training, interruptions not counted.
    - ``best_epoch``: the epoch with the best validation loss so far, from 1 as in ``metrics.jsonl``; ``best_loss``:
      that loss.
    - ``history``: the record of each finished epoch, the lines of ``metrics.jsonl``.
    - ``units``: what errors of numbers are divided by in validation losses; those of earlier versions were not divided.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    loss_rows: int = 0
    seconds: float = 0.0
    best_epoch: int | None = None
    best_loss: float = float("inf")
    history: list[dict[str, Any]] = field(default_factory=list)
    units: tuple[float, ...] = ()


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint of a run folder, whole or not at all."""
    with durable_file(folder / NAME) as file:
        write_state(file, state)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the checkpoint of a run folder; ``None`` if there is none.

    Raises:
        TrainingError: the file is damaged, or is a pickle of an earlier Joryu.
    """
    path = folder / NAME
    if not path.is_file():
        if (folder / OLD_NAME).is_file():
            raise unusable(folder / OLD_NAME, ValueError("a pickle, which only an earlier Joryu reads"))
        return None
    try:
        return read_state(path)
    except Exception as error:  # a file that is no checkpoint makes its readers stumble in every way
        raise unusable(path, error) from error


def unusable(path: Path, error: Exception) -> TrainingError:
    """The error for a checkpoint from which no training can resume."""
    why = (str(error).splitlines() or [""])[0] or type(error).__name__
    return TrainingError(
        f"cannot go on from the checkpoint {path}",
        received=why,
        hint="delete that file to begin this training again",
    )


def best_file(folder: Path, epoch: int) -> Path:
    """The file of the student's weights after its best epoch so far.

    The epoch is part of the name, because an older checkpoint may refer to an older best epoch.
    """
    return folder / f"best-{epoch}.safetensors"


def drop_best_files(folder: Path, *, but: int | None) -> None:
    """Delete the weights of best epochs of which no checkpoint knows any more, all ``but`` the present one."""
    for path in folder.glob("best-*.safetensors"):
        if but is None or path != best_file(folder, but):
            path.unlink()


def clean(folder: Path) -> None:
    """Delete what only an unfinished run needs, its lock included: whoever takes it now finds the run finished."""
    drop_best_files(folder, but=None)
    for path in (folder / NAME, folder / OLD_NAME, folder / LOCK):
        if path.exists():  # asked first: a finished run may lie where nothing can be deleted
            path.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, whole or not at all."""
    with durable_file(path) as file:
        file.write(json.dumps(content, indent=2).encode() + b"\n")
