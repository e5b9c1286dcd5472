"""Students with frozen layers: trained, interrupted, averaged, quantised, reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from scenes import STEPS, Scene, digits, outcome, recipe, total

from joryu.cli.outcome import in_words
from joryu.cli.outcome import outcome as said
from joryu.evaluation import count_learning, count_parameters
from joryu.objectives import Distillation
from joryu.report.evaluation_set import EvaluationSet
from joryu.report.writing import report_run
from joryu.students import load_student
from joryu.targets import Store
from joryu.training import Run
from joryu.training.checkpoint import TrainingProgress
from joryu.training.distill import distill
from joryu.training.optimiser import make_optimiser
from joryu.training.quantise import fine_tuning_recipe, quantise
from joryu.training.setup import DistillationSetup

timm = pytest.importorskip("timm", reason="timm is in the extra vision")
OPTIONS = "frozen=3,head=flat/8,dropout=0.3"
INSIDE = "1.network.features.model."  #: normalisation, network, named outputs


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    model = timm.create_model("test_resnet", pretrained=False)
    model.train()(torch.randn(8, 3, 32, 32))  # averages that are not those of a new batch norm
    path = tmp_path_factory.mktemp("weights") / "resnet.safetensors"
    save_file(model.state_dict(), path)
    return path


def scene(file: Path) -> Scene:
    return Scene(
        f"timm:test_resnet,{OPTIONS}@{file}",
        recipe(epochs=2, ema=0.9, weight_decay=0.01, precision="32-true"),
        Distillation(temperature=3.0, hard_weight=0.2),
        soft=True,
    )


def first_layers(state: dict[str, torch.Tensor], inside: str) -> dict[str, torch.Tensor]:
    """What is frozen of the network, and of its norms the averages."""
    return {
        name.removeprefix(inside): value
        for name, value in state.items()
        if name.startswith((f"{inside}conv1.", f"{inside}bn1."))
        and not name.endswith(("num_batches_tracked", "conv1.0.weight"))  # the first is summed: the digits are grey
    }


def test_frozen_layers_stay_those_of_the_file_while_the_others_learn_and_are_averaged(
    file: Path, tmp_path: Path, targets: Path
) -> None:
    done = scene(file).train(tmp_path, targets)
    published, found = load_file(file), load_file(tmp_path / "student.safetensors")
    frozen = first_layers(found, INSIDE)
    assert len(frozen) == 14
    assert all(torch.equal(value, published[name]) for name, value in frozen.items())
    later = f"{INSIDE}layer1.0.conv1.weight"
    assert not torch.equal(found[later], published[later.removeprefix(INSIDE)])
    student, plan = load_student(tmp_path)
    assert "frozen=3" in plan.architecture
    learning, whole = count_learning(student), count_parameters(student)
    assert whole - learning == sum(one.numel() for name, one in student.named_parameters() if not one.requires_grad)
    assert 0 < learning < whole
    assert said(done)["learning"] == learning and said(done)["parameters"] == whole
    assert f"{learning:,} of {whole:,} parameters learned" in in_words(done)


def test_no_optimiser_holds_what_is_frozen(file: Path, tmp_path: Path, targets: Path) -> None:
    student, _ = load_student(scene(file).train(tmp_path, targets).folder)
    held = {id(one) for group in make_optimiser(student, scene(file).recipe).param_groups for one in group["params"]}
    assert held == {id(one) for one in student.parameters() if one.requires_grad}


def test_an_interrupted_training_ends_as_one_that_was_not(file: Path, tmp_path: Path, targets: Path) -> None:
    scene(file).train(tmp_path / "whole", targets)

    def stop(progress: TrainingProgress, steps: int, epochs: int) -> None:
        if total(progress, steps) == STEPS + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scene(file).train(tmp_path / "cut", targets, watch=stop)
    scene(file).train(tmp_path / "cut", targets)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


def test_under_fake_quantisation_they_stay_frozen_too_and_the_page_counts_what_learned(
    file: Path, tmp_path: Path, targets: Path
) -> None:
    store = Store.open(targets)
    setup = DistillationSetup(student=f"timm:test_resnet,{OPTIONS}@{file}", test=0.2, twin=True)
    given = replace(setup, objective=Distillation(temperature=3.0, hard_weight=0.2))
    short = recipe(epochs=2, precision="32-true")
    distill(digits(), store, setup=given, recipe=short, run=Run(tmp_path / "float"))
    quantise(
        tmp_path / "float", digits(), store, recipe=fine_tuning_recipe(tmp_path / "float"), run=Run(tmp_path / "int8")
    )
    before, after = (load_file(tmp_path / one / "student.safetensors") for one in ("float", "int8"))
    frozen = first_layers(before, INSIDE)
    assert frozen and all(torch.equal(value, after[INSIDE + name]) for name, value in frozen.items())
    last = "1.network.head.4.weight"
    assert not torch.equal(before[last], after[last])
    page, _ = report_run(tmp_path / "float", EvaluationSet(examples="digits"))
    assert "Parameters that learned" in page.read_text()
