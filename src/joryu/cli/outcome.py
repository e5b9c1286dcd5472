"""Report the outcome of a training: the numbers of the epoch whose weights were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joryu.training import Trained


def outcome(done: Trained) -> dict[str, Any]:
    """The record of the epoch that was kept, for scripts: ``epoch`` is its number, ``epochs`` how many there were.

    ``seconds`` is the time of all epochs. The result is empty if the run has lost its history. Of a student with frozen
    layers it says how many ``parameters`` it has, and how many of them were ``learning``.
    """
    if not done.chosen:
        return {}
    whole, learning = _parameters(done)
    frozen = {} if whole == learning else {"parameters": whole, "learning": learning}
    return done.chosen | {"seconds": done.history[-1]["seconds"], "epochs": len(done.history)} | frozen


def in_words(done: Trained) -> str:
    """The validation of the epoch that was kept, and its number, in one line for people."""
    if not done.chosen:
        return "finished"
    names = [name for name in done.chosen if name.startswith("validation_")]
    figures = [f"{name.replace('_', ' ')} {done.chosen[name]:.4f}" for name in sorted(names, key=LOSS.__eq__)]
    epochs = len(done.history)
    counted = f"{epochs} epoch" + ("" if epochs == 1 else "s")
    which = counted if done.best_epoch is None or epochs == 1 else f"best of {counted}: {done.best_epoch}"
    whole, learning = _parameters(done)
    frozen = [] if whole == learning else [f"{learning:,} of {whole:,} parameters learned"]
    return ", ".join([*figures, which, *frozen])


def _parameters(done: Trained) -> tuple[int, int]:
    """How many parameters the student has, and how many of them learned."""
    from joryu.evaluation.cost import count_learning, count_parameters

    return count_parameters(done.module), count_learning(done.module)


LOSS = "validation_loss"  #: the number that is shown last
