"""What ``auto`` means, what is refused, and that one run keeps to one precision."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from scenes import at_step, digits, label, recipe

from joryu.errors import InputError, MismatchError
from joryu.precision import AUTO, best_precision
from joryu.training import Recipe, Run, read_run
from joryu.training.distill import distill
from joryu.training.on_labels import train_on_labels
from joryu.training.precision import ASKED, chosen_precision, fabric_device_type
from joryu.training.processes import make_fabric
from joryu.training.setup import DistillationSetup

SETUP = DistillationSetup(student="mlp:8x1")


@pytest.fixture(autouse=True)
def nobody_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (AUTO, ASKED, "LT_ACCELERATOR"):
        monkeypatch.delenv(variable, raising=False)


def test_precision_is_what_the_hardware_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert best_precision("cpu") == "32-true"
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert best_precision("cpu") == "bf16-mixed"
    assert best_precision("mps") == "32-true"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    assert best_precision("cuda") == "bf16-mixed"


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_auto_is_what_the_machine_is_told(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "bf16-mixed" if precision == "32-true" else "32-true"
    monkeypatch.setenv(AUTO, precision)
    assert chosen_precision(Recipe(), "cpu") == precision
    assert chosen_precision(Recipe.of(precision=other), "cpu") == other  # what a recipe names is what it gets
    assert make_fabric(Recipe()).strategy.precision.precision == precision
    monkeypatch.setenv(ASKED, other)  # fabric run asks for this one training, the other variable for all of them
    assert chosen_precision(Recipe(), "cpu") == other
    assert make_fabric(Recipe()).strategy.precision.precision == other


def test_fabric_s_short_names_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ASKED, "bf16")
    for given in ("auto", "bf16-mixed"):
        assert make_fabric(Recipe.of(precision=given)).strategy.precision.precision == "bf16-mixed"


@pytest.mark.parametrize(
    ("variable", "value", "given", "said"),
    [
        (ASKED, "bf16-mixed", "32-true", r"two precisions are asked for \(expected 32-true.*received bf16-mixed from"),
        (ASKED, "64-true", "auto", "LT_PRECISION is no precision to train at .*received 64-true"),
        (AUTO, "fast", "auto", "JORYU_AUTO_PRECISION is no precision to train at .*received fast"),
        (AUTO, "16-mixed", "auto", "a CPU does not train in 16-mixed .*try --precision bf16-mixed"),
        (AUTO, "", "16-mixed", "a CPU does not train in 16-mixed .*try --precision bf16-mixed"),
    ],
)
def test_what_cannot_be_had_is_refused(
    variable: str, value: str, given: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fabric would take another one without a word, or fail with a traceback."""
    monkeypatch.setenv("LT_ACCELERATOR", "cpu")
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=said) as caught:
        train_on_labels("mlp:4x1", digits(), validation=0.2, recipe=recipe(precision=given), run=Run(tmp_path / "run"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_device_is_the_one_that_fabric_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert fabric_device_type() == "cuda"
    monkeypatch.setenv("LT_ACCELERATOR", "cpu")
    assert fabric_device_type() == "cpu"


def interrupted(folder: Path, start: Callable[..., object]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(Run(folder, watch=at_step(5, stop)))


@pytest.mark.parametrize("began", ["32-true", "bf16-mixed"])
def test_a_run_goes_on_at_the_precision_it_began_with(
    began: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is carried to another machine is not finished there at what ``auto`` means there."""

    def start(run: Run) -> Any:
        return train_on_labels("mlp:4x1", digits(), validation=0.2, recipe=recipe(), run=run)

    monkeypatch.setenv(AUTO, began)
    interrupted(tmp_path, start)
    assert read_run(tmp_path)["precision"] == began  # from the first step on
    monkeypatch.setenv(AUTO, "bf16-mixed" if began == "32-true" else "32-true")
    with pytest.raises(MismatchError, match=f"began at another precision .*set JORYU_AUTO_PRECISION={began} to go on"):
        start(Run(tmp_path))
    monkeypatch.setenv(AUTO, began)
    start(Run(tmp_path))
    assert read_run(tmp_path)["precision"] == began
    monkeypatch.setenv(AUTO, "bf16-mixed" if began == "32-true" else "32-true")
    assert start(Run(tmp_path)).history  # finished: there is nothing left to compute


def test_a_twin_is_trained_at_the_precision_of_its_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, setup = label(tmp_path / "targets"), replace(SETUP, twin=True)
    monkeypatch.setenv(AUTO, "32-true")
    distill(digits(), store, setup=SETUP, recipe=recipe(), run=Run(tmp_path / "alone"))
    whole = distill(digits(), store, setup=setup, recipe=recipe(), run=Run(tmp_path / "whole"))
    assert whole.twin is not None
    assert read_run(whole.twin.folder)["precision"] == read_run(whole.student.folder)["precision"] == "32-true"
    shutil.rmtree(whole.twin.folder)
    monkeypatch.setenv(AUTO, "bf16-mixed")
    with pytest.raises(MismatchError, match="the student was trained at another precision than its twin"):
        distill(digits(), store, setup=setup, recipe=recipe(), run=Run(tmp_path / "whole"))
    assert not whole.twin.folder.exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler (c++)")
@pytest.mark.parametrize(("precision", "near"), [("32-true", 1e-4), ("bf16-mixed", 2e-3)])
def test_a_compiled_student_is_the_same_student(precision: str, near: float, tmp_path: Path) -> None:
    """Its names, its moving average and the norms of its units too."""
    store, found = label(tmp_path / "targets"), {}
    for compiled in (False, True):
        settings = recipe(epochs=2, optimiser="sgd", precision=precision, compile=compiled, ema=0.5, max_norm=0.6)
        done = distill(digits(), store, setup=SETUP, recipe=settings, run=Run(tmp_path / str(compiled)))
        assert read_run(done.student.folder)["precision"] == precision
        found[compiled] = load_file(done.student.folder / "student.safetensors")
    assert found[True].keys() == found[False].keys()
    for name, weights in found[False].items():
        assert torch.allclose(weights, found[True][name], atol=near), name
    assert float(found[True]["1.1.weight"].norm(dim=1).max()) <= 0.6 + 1e-5
