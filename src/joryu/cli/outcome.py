"""Report the outcome of a training: the numbers of the epoch whose weights were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joryu.training import Trained


def outcome(done: Trained) -> dict[str, Any]:
    """The record of the epoch that was kept, for scripts: ``epoch`` is its number, ``epochs`` how many there were.

    ``seconds`` is the time of all epochs. The result is empty if the run has lost its history.
    """
    if not done.chosen:
        return {}
    return done.chosen | {"seconds": done.history[-1]["seconds"], "epochs": len(done.history)}


def in_words(done: Trained) -> str:
    """The validation of the epoch that was kept, and its number, in one line for people."""
    if not done.chosen:
        return "finished"
    names = [name for name in done.chosen if name.startswith("validation_")]
    figures = [f"{name.replace('_', ' ')} {done.chosen[name]:.4f}" for name in sorted(names, key=LOSS.__eq__)]
    epochs = len(done.history)
    counted = f"{epochs} epoch" + ("" if epochs == 1 else "s")
    which = counted if done.best_epoch is None or epochs == 1 else f"best of {counted}: {done.best_epoch}"
    return ", ".join([*figures, which])


LOSS = "validation_loss"  #: the number that is shown last
