"""Where a training stands, on disk, so that no interruption costs more than the last half minute."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joryu.durable import LOCK, durable_file
from joryu.errors import TrainingError
from joryu.training.state_file import read_state, write_state

NAME = "checkpoint.safetensors"
OLD_NAME = "checkpoint.pt"  #: a pickle, as Joryu wrote them once; never read


@dataclass
class TrainingProgress:
    """The trainer's own state: where it is, what it has summed, the best epoch so far.

    ``epoch`` counts the finished epochs, ``step`` the steps done in the one under way. In that epoch ``loss_rows``
    batches were learned from; ``sums`` adds up their mean losses, term by term. ``best_epoch`` counts from 1, as in
    ``metrics.jsonl``; ``best_loss`` is in ``units``, which a loss of an earlier version was not.
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
    """Write the checkpoint, whole or not at all."""
    with durable_file(folder / NAME) as file:
        write_state(file, state)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last checkpoint of a run folder, or ``None``.

    Raises:
        TrainingError: the file is damaged, or there is one that an earlier Joryu pickled.
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
    """What to say of a checkpoint that cannot be gone on from."""
    why = (str(error).splitlines() or [""])[0] or type(error).__name__
    return TrainingError(
        f"cannot go on from the checkpoint {path}",
        received=why,
        hint="delete that file to begin this training again",
    )


def best_file(folder: Path, epoch: int) -> Path:
    """The student as it was after its best epoch so far.

    Kept under the epoch's name: going back to an older checkpoint may mean going back to an older best.
    """
    return folder / f"best-{epoch}.safetensors"


def drop_best_files(folder: Path, *, but: int | None) -> None:
    """Delete the students of epochs that no checkpoint calls best any more."""
    for path in folder.glob("best-*.safetensors"):
        if but is None or path != best_file(folder, but):
            path.unlink()


def clean(folder: Path) -> None:
    """Delete what only an unfinished run needs; its lock too, for whoever takes it now finds the run finished."""
    drop_best_files(folder, but=None)
    for path in (folder / NAME, folder / OLD_NAME, folder / LOCK):
        if path.exists():  # asked first: a finished run may lie where nothing can be deleted
            path.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, whole or not at all."""
    with durable_file(path) as file:
        file.write(json.dumps(content, indent=2).encode() + b"\n")
