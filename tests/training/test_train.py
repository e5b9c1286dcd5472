"""The loop against plain PyTorch, and what it promises about validation, seeds and averages."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from scenes import SCENES, at_step, digits, outcome, recipe
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError, TrainingError
from joryu.examples import Examples, load_examples, parse_views, split_examples
from joryu.objectives import Distillation, HardLabels, Objective, Outputs, Terms
from joryu.questions import MAIN
from joryu.students import Blueprint, Float32Linear, fingerprint, load_student
from joryu.targets import SoftTargets, Store
from joryu.training import LabelsAlone, Recipe, Replayed, Run, Trained, TrainingData, read_history, read_run, train
from joryu.training.checkpoint import load_checkpoint
from joryu.training.run import Watch
from joryu.training.trainer import describe

PLAN = Blueprint(architecture="mlp:6x1", input_shape=(1, 8, 8), classes=tuple("0123456789"), scale=1 / 255)


def fit(
    folder: Path, recipe: Recipe, *, plan: Blueprint = PLAN, objective: Objective | None = None, **data: Any
) -> Trained:
    shown = data.pop("examples", digits(96))
    return train(plan, TrainingData(shown, **data), objective=objective or HardLabels(), recipe=recipe, run=Run(folder))


# --- the step, by hand ----------------------------------------------------------------------------------------------


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


# --- learning -------------------------------------------------------------------------------------------------------


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


# --- validation -----------------------------------------------------------------------------------------------------


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


# --- what can go wrong ----------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_and_is_never_saved(tmp_path: Path) -> None:
    given = recipe(optimiser="sgd", learning_rate=1e30, precision="32-true")
    run = Run(tmp_path, checkpoint_seconds=0.0)
    with pytest.raises(TrainingError, match=r"not finite in epoch 1 .*--clip 1\.0"):
        train(PLAN, TrainingData(digits(96)), objective=HardLabels(), recipe=given, run=run)
    saved = load_checkpoint(tmp_path)
    assert saved is None or all(value < float("inf") for value in saved["progress"]["sums"].values())
    assert not (tmp_path / "student.safetensors").exists()


def test_another_request_is_refused_and_named(tmp_path: Path) -> None:
    fit(tmp_path, recipe())
    with pytest.raises(MismatchError, match=r"another recipe \(expected epochs 3; received epochs 4\)") as caught:
        fit(tmp_path, recipe(epochs=4))
    assert "choose another folder" in str(caught.value)
    for change, named in (
        ({"plan": PLAN.model_copy(update={"architecture": "mlp:7x1"})}, "student"),
        ({"examples": digits(97)}, "examples"),
        ({"validation": digits(97)}, "validation"),
        ({"objective": HardLabels(label_smoothing=0.1)}, "objective"),
        ({"examples_per_epoch": 96}, "examples_per_epoch"),
    ):
        with pytest.raises(MismatchError, match=f"a run with another {named} ") as caught:
            fit(tmp_path, recipe(), **change)
        assert "\n" not in str(caught.value)


def test_other_labels_are_other_examples(tmp_path: Path) -> None:
    fit(tmp_path, recipe())
    with pytest.raises(MismatchError, match="another examples"):
        fit(tmp_path, recipe(), examples=digits(96).hide_labels(torch.tensor([3])))


def test_a_run_that_never_got_anywhere_gives_way(tmp_path: Path) -> None:
    """A mistake that shows at the first step does not cost the folder."""
    with pytest.raises(InputError, match="no soft targets"):
        fit(tmp_path, recipe(), objective=Distillation())
    assert "finished" not in read_run(tmp_path)
    fit(tmp_path, recipe())
    assert read_run(tmp_path)["request"]["objective"]["name"] == "hard-labels"


def test_two_cannot_train_in_one_folder(tmp_path: Path) -> None:
    with Run(tmp_path).held(), pytest.raises(InputError, match="written by another process"):
        fit(tmp_path, recipe())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the run folder"):
        fit(tmp_path / "file" / "run", recipe())


def test_a_store_is_no_place_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="holds soft targets"):
        fit(tmp_path, recipe())
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


# --- the run folder -------------------------------------------------------------------------------------------------


def test_the_run_folder(tmp_path: Path) -> None:
    held_out = digits(300).select(range(200, 300))
    notes = {"examples": "digits"}
    run = Run(tmp_path, command="joryu train", notes=notes)
    data = TrainingData(digits(96), validation=held_out)
    trained = train(PLAN, data, objective=HardLabels(), recipe=recipe(), run=run)
    record = read_run(tmp_path)
    assert record["request"] == json.loads(json.dumps(describe(PLAN, data, HardLabels(), recipe())))
    assert (record["command"], record["notes"]) == ("joryu train", notes)
    assert {"started", "finished", "seconds", "joryu", "machine", "best_epoch", "precision", "device"} <= set(record)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == trained.history == read_history(tmp_path)
    names = {"epoch", "train_loss", "train_hard", "learning_rate", "seconds", "validation_loss", "validation_accuracy"}
    assert [set(line) for line in lines] == [names] * 3
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    (events,) = tmp_path.glob("events.out.tfevents.*")
    content = events.read_bytes()
    assert all(name.encode() in content for name in names - {"epoch"})
    module, plan = load_student(tmp_path)
    assert plan == PLAN
    assert torch.equal(module(held_out.inputs), trained.module(held_out.inputs))


def test_the_request_of_a_run_on_labels_and_views() -> None:
    """Runs that take days are gone on with by later versions: these are the entries they agree on."""
    found = describe(PLAN, TrainingData(digits(96), LabelsAlone(parse_views("shift:1"))), HardLabels(), Recipe())
    assert set(found) == {"student", "examples", "validation", "targets", "views", "objective", "recipe"}
    assert found["examples"] == {"name": "digits", "n": 96, "content": found["examples"]["content"]}
    assert (found["validation"], found["targets"], found["views"]) == (None, None, "shift:1")
    assert found["objective"] == {"name": "hard-labels", "label_smoothing": 0.0}
    assert ",".join(found["recipe"]) == (
        "epochs,batch_size,optimiser,learning_rate,weight_decay,momentum,schedule,warmup,final_rate,clip,max_norm,ema,"
        "patience,keep,precision,compile,seed"
    )
    assert ",".join(found["student"]) == "architecture,input_shape,classes,mean,std,scale"


def test_a_run_can_begin_with_the_weights_of_another(tmp_path: Path) -> None:
    first = fit(tmp_path / "first", recipe(ema=0.5))
    hardly = recipe(seed=1, epochs=1, learning_rate=1e-9, schedule="constant")
    shown = TrainingData(digits(96))
    run = Run(tmp_path / "second", begin_with=first.folder)
    second = train(PLAN, shown, objective=HardLabels(), recipe=hardly, run=run)
    for name, weights in first.module.state_dict().items():
        torch.testing.assert_close(second.module.state_dict()[name], weights, rtol=0, atol=1e-7)
    assert not torch.equal(second.module[1][1].weight, fit(tmp_path / "third", hardly).module[1][1].weight)
    asked = read_run(run.folder)["request"]["begin_with"]
    assert asked == fingerprint(first.module)

    other = fit(tmp_path / "other", recipe(seed=2))
    for folder, what in (
        (other.folder, f"expected {asked}; received [0-9a-f]+"),
        (None, f"expected {asked}; received none"),
    ):
        with pytest.raises(MismatchError, match=f"another begin_with .*{what}"):
            train(PLAN, shown, objective=HardLabels(), recipe=hardly, run=replace(run, begin_with=folder))
    wider = PLAN.model_copy(update={"architecture": "mlp:7x1"})
    with pytest.raises(MismatchError, match=r"another student .*expected architecture mlp:7x1; received .*mlp:6x1"):
        train(wider, shown, objective=HardLabels(), recipe=hardly, run=replace(run, folder=tmp_path / "wider"))
    with pytest.raises(InputError, match="not a finished run"):
        train(PLAN, shown, objective=HardLabels(), recipe=hardly, run=replace(run, begin_with=tmp_path))


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


# --- precision ------------------------------------------------------------------------------------------------------


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
