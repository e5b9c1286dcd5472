from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from joryu.errors import InputError
from joryu.evaluation import cost, count_parameters, measure_latency, state_bytes


class Slow(nn.Module):
    """A network whose passes take so many seconds each, by a clock that nothing else moves."""

    now = 0.0

    def __init__(self, seconds: Iterable[float], log: list[str], name: str) -> None:
        super().__init__()
        self.seconds, self.log, self.name = iter(seconds), log, name

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.log.append(self.name)
        Slow.now += next(self.seconds)
        return inputs


def test_parameters_by_hand_and_shared_ones_once() -> None:
    layer = nn.Linear(4, 4)
    assert count_parameters(nn.Sequential(layer, nn.ReLU(), layer)) == 4 * 4 + 4
    assert count_parameters(nn.BatchNorm1d(3)) == 6  # running statistics are no parameters


def test_bytes_are_those_of_the_safetensors_file(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    data = (tmp_path / "net.safetensors").read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    assert state_bytes(net) == len(data) - header


def test_shared_memory_counts_once() -> None:
    layer = nn.Linear(4, 4)
    assert state_bytes(nn.ModuleList([layer, layer])) == 4 * (16 + 4)


def test_latency_is_the_median_of_interleaved_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: Slow.now))
    log: list[str] = []
    nets = {
        "slow": Slow([9, 9, 0.005, 0.003, 0.004, 0.002, 7], log, "slow"),
        "fast": Slow([9, 9, *[0.001] * 5], log, "fast"),
    }
    found = measure_latency(nets, torch.zeros(1, 2), repeats=5, block_seconds=0)
    assert log[4:] == ["slow", "fast"] * 5  # after two trial passes each
    assert found["slow"].milliseconds == pytest.approx(4)
    assert found["fast"].milliseconds == pytest.approx(1)
    assert (found["fast"].repeats, found["fast"].batch, found["fast"].device) == (5, 1, "cpu")


def test_threads_are_stated_and_given_back() -> None:
    before = torch.get_num_threads()
    net = nn.Linear(2, 2)
    found = measure_latency({"net": net}, torch.zeros(1, 2), repeats=2, block_seconds=0, threads=before + 1)
    assert found["net"].threads == before + 1
    assert torch.get_num_threads() == before
    assert net.training


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="latency"):
        measure_latency({}, torch.zeros(1, 2), repeats=0)


class Faulty(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError("no answer")


def test_a_network_that_fails_leaves_threads_and_modes_as_they_were() -> None:
    before = torch.get_num_threads()
    nets = {"sound": nn.Dropout(), "faulty": Faulty()}
    with pytest.raises(ZeroDivisionError):
        measure_latency(nets, torch.zeros(1, 2), repeats=2, block_seconds=0, threads=before + 1)
    assert torch.get_num_threads() == before
    assert nets["sound"].training and nets["faulty"].training


def test_a_network_with_inputs_of_its_own_is_measured_on_them_and_says_how_many() -> None:
    shapes: dict[str, list[int]] = {}

    class Noting(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            shapes[self.name] = list(inputs.shape)
            return inputs

    nets = {"student": Noting("student"), "teacher": Noting("teacher")}
    own = {"teacher": torch.zeros(3, 5)}
    found = measure_latency(nets, torch.zeros(1, 2), repeats=1, block_seconds=0, own_inputs=own)
    assert shapes == {"student": [1, 2], "teacher": [3, 5]}
    assert (found["student"].batch, found["teacher"].batch) == (1, 3)


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused_before_anything_is_changed(threads: int) -> None:
    before = torch.get_num_threads()
    with pytest.raises(InputError, match="repeats and threads >= 1"):
        measure_latency({"net": nn.Identity()}, torch.zeros(1, 2), threads=threads)
    assert torch.get_num_threads() == before
