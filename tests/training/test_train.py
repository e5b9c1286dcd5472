"""The loop against plain PyTorch, and what it promises about seeds, averages and precision."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from scenes import PLAN, SCENES, at_step, digits, fit, outcome, recipe
from torch import Tensor, nn

from joryu.errors import TrainingError
from joryu.examples import load_examples, split_examples
from joryu.objectives import HardLabels, Outputs, Terms
from joryu.questions import MAIN
from joryu.students import Blueprint, Float32Linear
from joryu.targets import SoftTargets
from joryu.training import Recipe, Run, Trained, TrainingData, read_run, train
from joryu.training.checkpoint import load_checkpoint
from joryu.training.run import Watch


def by_hand(recipe: Recipe, data: TrainingData, *, clip: float | None = None) -> list[dict[str, Tensor]]:
    """Plain SGD without momentum, every rule written out; the weights after each step."""
    torch.manual_seed(recipe.seed)
    module = PLAN.build()
    steps, seen = data.epoch_size // recipe.batch_size, []
    for epoch in range(recipe.epochs):
        order = data.showings(epoch, seed=recipe.seed)
        for step in range(steps):
            rows = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            loss = F.cross_entropy(module(data.examples.inputs[rows])[MAIN], data.examples.labels_or_empty[rows])
            grads = torch.autograd.grad(loss, list(module.parameters()))
            norm = torch.sqrt(sum((g.square().sum() for g in grads), torch.zeros(())))
            scale = 1.0 if clip is None else min(1.0, clip / float(norm))
            rate = recipe.rate(epoch * steps + step, recipe.epochs * steps)
            with torch.no_grad():
                for p, g in zip(module.parameters(), grads, strict=True):
                    decay = recipe.weight_decay if p.ndim > 1 else 0.0
                    p.sub_(rate * (scale * g + decay * p))
                if recipe.max_norm is not None:
                    for part in module.modules():
                        if isinstance(part, nn.Linear):
                            norms = part.weight.norm(dim=1, keepdim=True)
                            part.weight *= torch.minimum(torch.ones(()), recipe.max_norm / norms)
            seen.append({name: value.clone() for name, value in module.state_dict().items()})
    return seen


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"weight_decay": 0.3},
        {"clip": 0.1},
        {"max_norm": 0.8},
        {"schedule": "one-cycle", "clip": 0.1, "max_norm": 0.8, "weight_decay": 0.1},
    ],
    ids=lambda settings: "+".join(settings) or "plain",
)
def test_a_step_is_the_step_written_out_by_hand(settings: dict[str, Any], tmp_path: Path) -> None:
    given = recipe(optimiser="sgd", momentum=0.0, learning_rate=0.5, keep="last", precision="32-true", **settings)
    trained = fit(tmp_path, given)
    expected = by_hand(given, TrainingData(digits(96)), clip=given.clip)[-1]
    unlike = by_hand(recipe(optimiser="sgd", momentum=0.0, learning_rate=0.5), TrainingData(digits(96)))[-1]
    for name, value in trained.module.state_dict().items():
        assert torch.allclose(value, expected[name], atol=2e-5), name
    if settings:  # and what was asked for made a difference
        assert not torch.allclose(trained.module.state_dict()["1.1.weight"], unlike["1.1.weight"], atol=1e-3)


def test_the_moving_average_by_hand(tmp_path: Path) -> None:
    given = recipe(optimiser="sgd", momentum=0.0, learning_rate=0.5, ema=0.7, precision="32-true", keep="last")
    trained = fit(tmp_path, given)
    steps = by_hand(given, TrainingData(digits(96)))
    average = steps[0]
    for weights in steps[1:]:
        average = {name: 0.7 * value + 0.3 * weights[name] for name, value in average.items()}
    for name, value in trained.module.state_dict().items():
        assert torch.allclose(value, average[name], atol=2e-5), name
    assert not torch.allclose(average["1.1.weight"], steps[-1]["1.1.weight"], atol=1e-3)


def test_max_norm_holds_for_every_unit(tmp_path: Path) -> None:
    bound = fit(tmp_path / "bound", recipe(max_norm=0.5, learning_rate=0.1, precision="32-true"))
    free = fit(tmp_path / "free", recipe(learning_rate=0.1, precision="32-true"))
    for trained, holds in ((bound, True), (free, False)):
        norms = torch.cat([part.weight.norm(dim=1) for part in trained.module.modules() if isinstance(part, nn.Linear)])
        assert bool((norms <= 0.5 + 1e-5).all()) is holds


def test_the_recorded_loss_and_rate_are_those_of_the_epoch(tmp_path: Path) -> None:
    given = recipe(epochs=1, learning_rate=1e-9, schedule="constant", precision="32-true")
    (record,) = fit(tmp_path, given).history
    torch.manual_seed(given.seed)
    untouched = PLAN.build().eval()
    with torch.no_grad():
        expected = F.cross_entropy(untouched(digits(96).inputs), digits(96).labels_or_empty)
    assert record["train_loss"] == pytest.approx(float(expected), abs=1e-4)
    assert record["learning_rate"] == 1e-9
    assert record["epoch"] == 1


@pytest.mark.slow
def test_it_learns_to_read_digits(tmp_path: Path) -> None:
    shown, held_out = split_examples(load_examples("digits"), [0.8, 0.2], seed=1)
    plan = Blueprint.fitted("mlp:64x1", shown.inputs, shown.question)
    given = recipe(epochs=15, learning_rate=5e-3, precision="32-true")
    trained = train(
        plan, TrainingData(shown, validation=held_out), objective=HardLabels(), recipe=given, run=Run(tmp_path)
    )
    accuracies = [record["validation_accuracy"] for record in trained.history]
    assert accuracies[-1] > 0.94
    assert accuracies[-1] > accuracies[0]
    right = trained.module(held_out.inputs).argmax(-1) == held_out.labels_or_empty
    assert float(right.double().mean()) == pytest.approx(max_by_loss(trained))
    assert not trained.module.training


def max_by_loss(trained: Trained) -> float:
    """The accuracy of the epoch with the lowest validation loss."""
    return float(min(trained.history, key=lambda record: record["validation_loss"])["validation_accuracy"])


@pytest.mark.parametrize("name", SCENES)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    name: str, tmp_path: Path, targets: Path, uninterrupted: Callable[[str], Any]
) -> None:
    torch.manual_seed(123)  # whatever the caller did before
    SCENES[name].train(tmp_path / "again", targets, every=1e9)
    assert outcome(tmp_path / "again") == uninterrupted(name)
    scene = replace(SCENES[name], recipe=SCENES[name].recipe.model_copy(update={"seed": 1}))
    scene.train(tmp_path / "other", targets)
    assert outcome(tmp_path / "other")[0] != uninterrupted(name)[0]


def test_the_callers_random_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(9)
    expected = torch.rand(2)
    torch.manual_seed(9)
    fit(tmp_path, recipe(epochs=1))
    assert torch.equal(torch.rand(2), expected)


def test_a_loss_that_is_not_finite_stops_and_is_never_saved(tmp_path: Path) -> None:
    given = recipe(optimiser="sgd", learning_rate=1e30, precision="32-true")
    run = Run(tmp_path, checkpoint_seconds=0.0)
    with pytest.raises(TrainingError, match=r"not finite in epoch 1 .*--clip 1\.0"):
        train(PLAN, TrainingData(digits(96)), objective=HardLabels(), recipe=given, run=run)
    saved = load_checkpoint(tmp_path)
    assert saved is None or all(value < float("inf") for value in saved["progress"]["sums"].values())
    assert not (tmp_path / "student.safetensors").exists()


def test_the_watcher_hears_every_step(tmp_path: Path) -> None:
    heard = []

    def watch(progress: Any, steps: int, epochs: int) -> None:
        heard.append((progress.epoch, progress.step, steps, epochs))

    data = TrainingData(digits(96))
    train(PLAN, data, objective=HardLabels(), recipe=recipe(epochs=2), run=Run(tmp_path, watch=watch))
    assert heard == [(epoch, step, 3, 2) for epoch in (0, 1) for step in (1, 2, 3)]


def test_a_set_smaller_than_a_batch_is_one_batch(tmp_path: Path) -> None:
    steps = []
    run = Run(tmp_path, watch=at_step(2, lambda: steps.append(2)))
    train(PLAN, TrainingData(digits(20)), objective=HardLabels(), recipe=recipe(epochs=2), run=run)
    assert steps == [2]


def test_outside_the_main_thread_it_trains_too_and_the_watcher_can_stop_it(tmp_path: Path) -> None:
    """Python lets no other thread handle signals."""

    def stop() -> None:
        raise KeyboardInterrupt

    def work(watch: Watch | None) -> list[dict[str, Any]] | str:
        run = Run(tmp_path, watch=watch)
        try:
            return train(PLAN, TrainingData(digits(96)), objective=HardLabels(), recipe=recipe(), run=run).history
        except KeyboardInterrupt:
            return "stopped"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work, at_step(4, stop)).result() == "stopped"
        saved = load_checkpoint(tmp_path)
        assert saved is not None
        assert (saved["progress"]["epoch"], saved["progress"]["step"]) == (1, 1)
        assert len(pool.submit(work, None).result()) == 3


class Seen:
    """Hard labels, and a note of what the student's logits were."""

    name: ClassVar[str] = "seen"

    def __init__(self) -> None:
        self.dtypes: set[torch.dtype] = set()

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def __call__(self, outputs: Outputs, soft_targets: SoftTargets | None, labels: Tensor | None) -> Terms:
        self.dtypes.add(outputs[MAIN].dtype)
        return HardLabels()(outputs, soft_targets, labels)


def test_bf16_mixed_computes_in_bf16_and_keeps_the_logits_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, features = Float32Linear.forward, set()

    def noted(self: Float32Linear, input: Tensor) -> Tensor:
        features.add(input.dtype) if self.training else None
        return forward(self, input)

    monkeypatch.setattr(Float32Linear, "forward", noted)
    seen = Seen()
    trained = fit(tmp_path, recipe(precision="bf16-mixed", epochs=10), objective=seen)
    assert seen.dtypes == {torch.float32}
    assert features == {torch.bfloat16}
    assert {p.dtype for p in trained.module.parameters()} == {torch.float32}
    assert trained.history[-1]["train_loss"] < trained.history[0]["train_loss"]
    assert read_run(tmp_path)["precision"] == "bf16-mixed"
