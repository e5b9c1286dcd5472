"""Several processes, started as ``fabric run`` starts them, are one training."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from scenes import TOGETHER, one_of, one_of_two_kinds, outcome
from torch.distributed import DistNetworkError, TCPStore

from joryu.errors import InputError
from joryu.training import Recipe
from joryu.training.checkpoint import load_checkpoint
from joryu.training.processes import (
    any_says,
    make_fabric,
    mean_of,
    no_gpu_search,
    own_randomness,
    rows_of,
)

VISIBLE = "CUDA_VISIBLE_DEVICES"
Start = Callable[..., ForkServerProcess]
Meet = Callable[[], int]


@pytest.fixture
def meet() -> Meet:
    """Open a place where processes find one another, as ``torchrun`` does for them; its port, which is never let go."""
    opened: list[TCPStore] = []

    def open_one() -> int:
        try:
            opened.append(TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False))
        except DistNetworkError as error:
            pytest.skip(f"no local sockets here: {error}")
        return opened[-1].port

    return open_one


def together(
    start: Start, port: int, name: str, folder: Path, targets: Path, stop: dict[int, int] | None = None
) -> Sequence[int | None]:
    """The exit codes of two processes that train together."""
    both = [start(one_of, 2, rank, port, name, folder, targets, stop or {}) for rank in (0, 1)]
    for process in both:
        process.join(100)
    return [process.exitcode for process in both]


@pytest.mark.slow
@pytest.mark.sockets
def test_two_processes_do_what_one_does(elsewhere: Start, meet: Meet, tmp_path: Path, targets: Path) -> None:
    """Each takes half of every batch: the mean of their mean losses and gradients is the batch's."""
    assert together(elsewhere, meet(), "exact", tmp_path / "two", targets) == [0, 0]
    TOGETHER["exact"].train(tmp_path / "one", targets)
    for name in ("student.safetensors", "student.json"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "two" / "twin" / name).read_bytes()
    two, one = (load_file(tmp_path / name / "student.safetensors") for name in ("two", "one"))
    for name, weights in one.items():
        assert torch.allclose(weights, two[name], atol=1e-5), name
    (_, records, best), (_, expected, expected_best) = outcome(tmp_path / "two"), outcome(tmp_path / "one")
    assert best == expected_best
    for record, other in zip(records, expected, strict=True):
        assert record == pytest.approx(other, abs=1e-5)
    assert len(list((tmp_path / "two").glob("events*"))) == 1
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2


@pytest.mark.slow
@pytest.mark.sockets
def test_two_processes_stop_at_the_same_step_and_go_on(
    elsewhere: Start, meet: Meet, tmp_path: Path, targets: Path
) -> None:
    """Each has its own dropout and its own statistics of batch norm; Ctrl-C reaches them at different steps."""
    assert together(elsewhere, meet(), "dropout", tmp_path / "whole", targets) == [0, 0]
    stopped = together(elsewhere, meet(), "dropout", tmp_path / "stopped", targets, {0: 12, 1: 11})
    assert stopped == [1, 1]  # a KeyboardInterrupt each, and nobody waits for the other
    saved = load_checkpoint(tmp_path / "stopped")
    assert saved is not None
    assert saved["random"].shape[0] == 2
    assert not torch.equal(*saved["random"])
    assert together(elsewhere, meet(), "dropout", tmp_path / "stopped", targets) == [0, 0]
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.sockets
def test_a_batch_that_cannot_be_shared_out(elsewhere: Start, meet: Meet, tmp_path: Path, targets: Path) -> None:
    port = meet()
    three = [elsewhere(one_of, 3, rank, port, "exact", tmp_path / "run", targets, {}) for rank in range(3)]
    for rank, process in enumerate(three):
        process.join(100)
        assert process.exitcode == 1
        assert "a multiple of 3 processes; received 32" in (tmp_path / f"run-{rank}.txt").read_text()


@pytest.mark.slow
@pytest.mark.sockets
def test_processors_of_two_kinds_are_told_apart(elsewhere: Start, meet: Meet, tmp_path: Path, targets: Path) -> None:
    port = meet()
    both = [elsewhere(one_of_two_kinds, rank, port, tmp_path / "run", targets) for rank in (0, 1)]
    for rank, process in enumerate(both):
        process.join(100)
        assert process.exitcode == 1
        said = (tmp_path / f"run-{rank}.txt").read_text()
        assert "the processes would train at two precisions" in said
        assert f"received {('32-true', 'bf16-mixed')[rank]} on this one); name it with --precision" in said


def test_alone_nobody_is_asked() -> None:
    fabric = make_fabric(Recipe(precision="32-true"))
    assert isinstance(fabric, Fabric)
    assert (fabric.world_size, fabric.is_global_zero) == (1, True)
    assert any_says(fabric, True, False) == (True, False)
    assert mean_of(fabric, torch.tensor(2.5)) == 2.5
    state = torch.get_rng_state()
    assert rows_of(fabric, state) is state


def test_fabric_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    make_fabric(Recipe(precision="bf16-mixed"))
    assert capfd.readouterr() == ("", "")


def test_a_strategy_that_splits_the_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning_fabric.strategies.single_device.SingleDeviceStrategy", type("Other", (), {}))
    with pytest.raises(InputError, match="strategy cannot train a student"):
        make_fabric(Recipe())


def test_what_cudnn_may_do_is_set_back() -> None:
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with own_randomness(torch.device("cpu")):
        assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == (True, False)
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == before


def test_no_gpu_is_looked_for_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv(VISIBLE, raising=False)
    with no_gpu_search(torch.device("cpu")):
        looked_for.append(os.environ[VISIBLE])
    assert looked_for == [""]
    assert VISIBLE not in os.environ


def test_that_no_gpu_is_found_is_no_news_on_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    said = logging.getLogger("torch.utils.cpp_extension")
    with no_gpu_search(torch.device("cpu")):
        said.warning("No CUDA runtime is found, using CUDA_HOME='%s'", "/usr/local/cuda")
        said.warning("something else")
    assert [record.getMessage() for record in caplog.records] == ["something else"]
    said.warning("No CUDA runtime is found, using CUDA_HOME='%s'", "/usr/local/cuda")
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("device", "present", "earlier"), [("cuda", True, None), ("cpu", True, None), ("cpu", False, "1")]
)
def test_what_is_said_about_gpus_is_left_alone(
    device: str, present: bool, earlier: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    monkeypatch.delenv(VISIBLE, raising=False)
    if earlier is not None:
        monkeypatch.setenv(VISIBLE, earlier)
    with no_gpu_search(torch.device(device)):
        assert os.environ.get(VISIBLE) == earlier
    assert os.environ.get(VISIBLE) == earlier
