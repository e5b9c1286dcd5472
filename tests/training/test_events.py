"""TensorBoard events: written beside the metrics, and no reason to hide another error."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning_fabric import Fabric

from joryu.errors import JoryuError
from joryu.training.events import Events


def broken(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_told_once_by_what_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(JoryuError, match="cannot write metrics"), Events(tmp_path, 0, Fabric(devices=1)) as events:
        close, events._writer.close = events._writer.close, broken  # type: ignore[method-assign,union-attr]
        raise JoryuError("cannot write metrics.jsonl")
    close()
    with pytest.raises(OSError, match="No space left"), Events(tmp_path, 0, Fabric(devices=1)) as events:
        close, events._writer.close = events._writer.close, broken  # type: ignore[method-assign,union-attr]
    close()


def test_the_scalars_of_an_epoch_are_on_disk_after_it(tmp_path: Path) -> None:
    with Events(tmp_path, 0, Fabric(devices=1)) as events:
        events.write({"epoch": 1, "train_loss": 0.5})
        (found,) = tmp_path.glob("events.out.tfevents.*")
        assert found.stat().st_size > 0
