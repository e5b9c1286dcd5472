"""Freed memory is kept where the C library is glibc, and only where nobody decided otherwise."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from joryu.allocator import keep_freed_memory

LABELS = """
import resource, tempfile, torch
from joryu.allocator import keep_freed_memory
from joryu.examples import Examples
from joryu.teachers import Network
from joryu.teachers.labelling import label_examples

keep_freed_memory()
torch.set_num_threads(1)
examples = Examples.of(torch.randint(0, 256, (40 * 256, 1, 28, 28), dtype=torch.uint8), classes=["a", "b"])
layers = [torch.nn.Flatten(), torch.nn.Linear(784, 1200), torch.nn.ReLU(), torch.nn.Linear(1200, 1200), torch.nn.ReLU()]
teacher = Network(torch.nn.Sequential(*layers, torch.nn.Linear(1200, 2)), examples.classes, normalise=Floats())
with tempfile.TemporaryDirectory() as folder:
    label_examples(teacher, examples.select(range(1024)), folder)
with tempfile.TemporaryDirectory() as folder:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    label_examples(teacher, examples, folder)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 40)
"""
TRAINS = """
import resource, torch
from joryu.allocator import keep_freed_memory

keep_freed_memory()
torch.set_num_threads(1)
network = torch.nn.Sequential(torch.nn.Conv2d(3, 24, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(24, 1, 3))
pictures = torch.rand(50, 3, 96, 96)
for step in range(8):
    network(pictures).sum().backward()
    if step == 3:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 4)
"""
FLOATS = "import torch\nclass Floats(torch.nn.Module):\n    def forward(self, x): return x.float()\n"

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")


def faults(program: str) -> int:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", FLOATS + program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.slow
@glibc
def test_labelling_fetches_its_memory_once() -> None:
    assert faults(LABELS) < 100  # of 4 KiB, a batch; without it 1,463


@pytest.mark.slow
@glibc
def test_a_step_fetches_large_pieces_once() -> None:
    assert faults(TRAINS) < 500  # of 4 KiB, a step whose activations take 42 MiB each; without it 115,209


@glibc
def test_settings_of_the_environment_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_freed_memory.cache_clear()
    assert keep_freed_memory()
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    keep_freed_memory.cache_clear()
    assert not keep_freed_memory()
    keep_freed_memory.cache_clear()


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    keep_freed_memory.cache_clear()
    assert not keep_freed_memory()
    keep_freed_memory.cache_clear()
