"""What validation chooses, stops and measures; that it neither trains nor disturbs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from scenes import PLAN, digits, fit, recipe

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.objectives import Distillation
from joryu.targets import Store
from joryu.training import Replayed, read_run


def test_validation_neither_trains_nor_disturbs(tmp_path: Path) -> None:
    """Other validation examples, or none, give the same weights: with dropout and batch norm, which would notice."""
    plan = PLAN.model_copy(update={"architecture": "cnn:4x2,dropout=0.3"})
    held_out = digits(300).select(range(200, 300))
    poisoned = Examples.of(255 - held_out.inputs, (held_out.labels_or_empty + 1) % 10, classes=held_out.classes)
    found = []
    for name, validation in (("none", None), ("some", held_out), ("poisoned", poisoned)):
        fit(tmp_path / name, recipe(keep="last"), plan=plan, validation=validation)
        found.append((tmp_path / name / "student.safetensors").read_bytes())
    assert found[0] == found[1] == found[2]


def test_keep_best_gives_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    """With a constant rate, training for just that many epochs ends at the same weights."""
    held_out = digits(300).select(range(200, 300))
    settings: dict[str, Any] = {
        "learning_rate": 0.15, "schedule": "constant", "batch_size": 16, "precision": "32-true",
    }  # fmt: skip
    best = fit(tmp_path / "best", recipe(epochs=8, keep="best", **settings), validation=held_out)
    last = fit(tmp_path / "last", recipe(epochs=8, keep="last", **settings), validation=held_out)
    losses = [record["validation_loss"] for record in best.history]
    epoch = losses.index(min(losses)) + 1
    assert epoch < 8
    assert read_run(tmp_path / "best")["best_epoch"] == epoch
    short = fit(tmp_path / "short", recipe(epochs=epoch, keep="last", **settings), validation=held_out)
    weights = [trained.module.state_dict()["1.1.weight"] for trained in (best, short, last)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_patience_stops_after_epochs_without_a_better_one(tmp_path: Path) -> None:
    held_out = digits(300).select(range(200, 300))
    given = recipe(epochs=50, learning_rate=0.3, schedule="constant", patience=2, precision="32-true")
    history = fit(tmp_path, given, validation=held_out).history
    losses = [record["validation_loss"] for record in history]
    assert len(losses) < 50
    assert losses.index(min(losses)) == len(losses) - 3
    with pytest.raises(InputError, match="patience needs something to validate by"):
        fit(tmp_path / "blind", given)


def test_without_labels_validation_is_agreement_with_the_teacher(tmp_path: Path, targets: Path) -> None:
    store = Store.open(targets)
    shown, held_out = digits().select(range(200)), digits().select(range(200, 320)).hide_labels(torch.arange(120))
    given = recipe(precision="32-true")
    trained = fit(
        tmp_path, given, examples=shown, source=Replayed(store), validation=held_out, objective=Distillation()
    )
    teacher = store.gather(store.rows(held_out.ids, 0)).probs()
    logits = trained.module(held_out.inputs)
    record = min(trained.history, key=lambda record: record["validation_loss"])
    assert record["validation_agreement"] == pytest.approx(
        float((logits.argmax(-1) == teacher.argmax(-1)).double().mean())
    )
    expected = -(teacher * torch.log_softmax(logits.detach(), -1)).sum(-1).mean()
    assert record["validation_loss"] == pytest.approx(float(expected), abs=1e-5)
    assert "validation_accuracy" not in record
