"""Threads and processes of the training tests."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import scenes
import torch

from joryu.targets import Store


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Bits are compared between processes, so all of them add in the same order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of answers about the digits and two views of each."""
    folder = tmp_path_factory.mktemp("targets")
    scenes.label(folder, views="shift:1", n_views=2)
    return folder


@pytest.fixture
def store(targets: Path) -> Store:
    return Store.open(targets)


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, targets: Path) -> Callable[[str], Any]:
    """The outcome of a scene that nothing disturbed; each is played once."""
    root, seen = tmp_path_factory.mktemp("uninterrupted"), {}

    def play(name: str) -> Any:
        if name not in seen:
            scenes.SCENES[name].train(root / name, targets, every=1e9)
            seen[name] = scenes.outcome(root / name)
        return seen[name]

    return play


#: what a training imports only once it has begun, some of it under fake quantisation
LATE = ("sklearn.datasets", "tensorboardX", "torch._dynamo", "torch._functorch.aot_autograd", "torch.export._trace")


@pytest.fixture(scope="session")
def elsewhere() -> Callable[..., ForkServerProcess]:
    """Start a function in a process of its own, forked from one that has imported everything already.

    Before Python 3.13 that one does not know where pytest found `scenes`, and imports nothing without a word; nor does
    one that is there already.
    """
    context = multiprocessing.get_context("forkserver")
    forkserver._forkserver._stop()  # type: ignore[attr-defined] # what tests of the benchmarks began
    context.set_forkserver_preload(["scenes", "lightning_fabric", *LATE])
    with pytest.MonkeyPatch.context() as starting:
        starting.setenv("PYTHONPATH", str(Path(scenes.__file__).parent), prepend=os.pathsep)
        forkserver.ensure_running()

    def start(act: Callable[..., None], *arguments: object) -> ForkServerProcess:
        process = context.Process(target=act, args=arguments)
        process.start()
        return process

    return start


@pytest.fixture
def kill(elsewhere: Callable[..., ForkServerProcess]) -> Callable[..., bool]:
    """Run a function that means to kill its own process; whether it got that far."""

    def run(act: Callable[..., None], *arguments: object) -> bool:
        process = elsewhere(act, *arguments)
        process.join(120)
        assert process.exitcode in (-signal.SIGKILL, 0), f"it ended by itself with {process.exitcode}"
        return process.exitcode != 0

    return run
