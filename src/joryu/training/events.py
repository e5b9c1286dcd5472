"""`Events`: writes the metrics of a run for TensorBoard, next to ``metrics.jsonl``."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tensorboardX import SummaryWriter

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Events:
    """Writes one scalar per metric and epoch, in the first process alone; a context manager.

    ``epoch`` is the number of finished epochs. TensorBoard then drops what an interrupted run had written after it.
    """

    def __init__(self, folder: Path, epoch: int, fabric: Fabric) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=epoch + 1) if fabric.is_global_zero else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._writer is None:
            return
        # The disk that made the training stop does not take the last events either: the first error is the one to tell.
        with suppress(OSError) if kind is not None else nullcontext():
            self._writer.close()

    def write(self, record: dict[str, Any]) -> None:
        """Write the record of one epoch."""
        if self._writer is not None:
            for name, value in record.items():
                if name != "epoch":
                    self._writer.add_scalar(name, value, record["epoch"])
            self._writer.flush()
