"""What a training came to, in the figures of the epoch whose weights were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joryu.training import Trained


def outcome(done: Trained) -> dict[str, Any]:
    """For scripts: the record of the epoch that was kept, its number as ``epoch``, how many there were as ``epochs``.

    ``seconds`` is what all of them took. A finished run may have lost its history: then there is nothing.
    """
    if not done.chosen:
        return {}
    return done.chosen | {"seconds": done.history[-1]["seconds"], "epochs": len(done.history)}


def in_words(done: Trained) -> str:
    """For people: the same epoch's validation, and which one it was."""
    if not done.chosen:
        return "finished"
    names = [name for name in done.chosen if name.startswith("validation_")]
    figures = [f"{name.replace('_', ' ')} {done.chosen[name]:.4f}" for name in sorted(names, key=LOSS.__eq__)]
    epochs = len(done.history)
    counted = f"{epochs} epoch" + ("" if epochs == 1 else "s")
    which = counted if done.best_epoch is None or epochs == 1 else f"best of {counted}: {done.best_epoch}"
    return ", ".join([*figures, which])


LOSS = "validation_loss"  #: told last
