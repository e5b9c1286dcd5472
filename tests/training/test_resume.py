"""However a training is interrupted, going on gives the same bits as never stopping."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from scenes import SCENES, STEPS, at_step, killed_at_rename, killed_at_step, outcome

from joryu.errors import MismatchError, TrainingError
from joryu.training.checkpoint import NAME, load_checkpoint, save_checkpoint
from joryu.training.validation import validate

NAMES = list(SCENES)


@pytest.mark.parametrize("name", NAMES)
def test_ctrl_c(name: str, tmp_path: Path, targets: Path, uninterrupted: Callable[[str], Any]) -> None:
    def ctrl_c() -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)  # a shell starts background jobs with SIGINT ignored
    for step in (STEPS + 3, 2 * STEPS):  # in the middle of an epoch, and at the very end of one
        with pytest.raises(KeyboardInterrupt):
            SCENES[name].train(tmp_path, targets, watch=at_step(step, ctrl_c), every=1e9)
        saved = load_checkpoint(tmp_path)
        assert saved is not None
        assert saved["progress"]["epoch"] * STEPS + saved["progress"]["step"] == step
    assert signal.getsignal(signal.SIGINT) == before
    SCENES[name].train(tmp_path, targets, every=1e9)
    assert outcome(tmp_path) == uninterrupted(name)


def test_a_keyboard_interrupt_from_the_watcher_is_as_polite(
    tmp_path: Path, targets: Path, uninterrupted: Callable[[str], Any]
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SCENES[NAMES[0]].train(tmp_path, targets, watch=at_step(5, stop), every=1e9)
    saved = load_checkpoint(tmp_path)
    assert saved is not None
    assert saved["progress"]["step"] == 5
    SCENES[NAMES[0]].train(tmp_path, targets)
    assert outcome(tmp_path) == uninterrupted(NAMES[0])


def test_ctrl_c_in_the_last_epoch_is_not_swallowed(
    tmp_path: Path, targets: Path, uninterrupted: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the last epoch is validated, when no step is left that could hear it."""
    calls = 0

    def interrupted(*arguments: Any) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 3:
            signal.raise_signal(signal.SIGTERM)
        return validate(*arguments)

    monkeypatch.setattr("joryu.training.loop.validate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        SCENES["store, best epoch"].train(tmp_path, targets, every=1e9)
    SCENES["store, best epoch"].train(tmp_path, targets, every=1e9)
    assert calls == 3
    assert outcome(tmp_path) == uninterrupted("store, best epoch")


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path, targets: Path) -> None:
    def impatient() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second one was polite too")

    with pytest.raises(KeyboardInterrupt):
        SCENES[NAMES[0]].train(tmp_path, targets, watch=at_step(2, impatient))


@pytest.mark.slow
def test_sigint_from_another_process(
    tmp_path: Path, targets: Path, elsewhere: Callable[..., Any], uninterrupted: Callable[[str], Any]
) -> None:
    from scenes import slowly

    process = elsewhere(slowly, NAMES[1], tmp_path, targets)
    deadline = time.monotonic() + 60
    while not (tmp_path / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 1  # an uncaught KeyboardInterrupt, not a signal
    assert "finished" not in json.loads((tmp_path / "run.json").read_text())
    assert load_checkpoint(tmp_path) is not None
    SCENES[NAMES[1]].train(tmp_path, targets)
    assert outcome(tmp_path) == uninterrupted(NAMES[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_kill_at_random_steps(
    name: str, tmp_path: Path, targets: Path, uninterrupted: Callable[[str], Any], kill: Callable[..., bool]
) -> None:
    draws = random.Random(name)
    steps = sorted(draws.sample(range(1, 2 * STEPS + 1), 3))
    for step, every in zip(steps, (1e9, 0.0, 0.005), strict=True):
        assert kill(killed_at_step, name, tmp_path, targets, step, every)
    SCENES[name].train(tmp_path, targets)
    assert outcome(tmp_path) == uninterrupted(name)


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False])
def test_kill_around_any_file_being_put_in_its_place(
    before: bool, tmp_path: Path, targets: Path, uninterrupted: Callable[[str], Any], kill: Callable[..., bool]
) -> None:
    """Among them best epoch saved, metrics written, checkpoint written, student saved, run finished."""
    name, draws = "store, best epoch", random.Random(int(before))
    whole = count_renames(name, tmp_path / "counted", targets)
    assert whole > 3 * STEPS
    # The last three are the student's two files and the record; of the rest one at random, and one more on the way on.
    early = draws.randrange(4, whole // 2)
    for number in (whole, whole - 1, whole - 2, early):
        folder = tmp_path / str(number)
        assert kill(killed_at_rename, name, folder, targets, number, before)
        if number == early:
            assert kill(killed_at_rename, name, folder, targets, 3, before)
        SCENES[name].train(folder, targets)
        assert outcome(folder) == uninterrupted(name)
        assert sorted(path.name for path in folder.iterdir() if not path.name.startswith("events")) == [
            "metrics.jsonl", "run.json", "student.json", "student.safetensors",
        ]  # fmt: skip


def count_renames(name: str, folder: Path, targets: Path) -> int:
    rename, done = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        return rename(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        SCENES[name].train(folder, targets)
    return done


def test_a_finished_run_returns_at_once(tmp_path: Path, targets: Path) -> None:
    scene = SCENES[NAMES[0]]
    first = scene.train(tmp_path, targets)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    def never() -> None:
        raise AssertionError("a finished run was trained again")

    again = scene.train(tmp_path, targets, watch=at_step(1, never))
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert again.history == first.history
    inputs = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    assert torch.equal(again.module(inputs), first.module(inputs))


def test_what_a_kill_after_the_finish_leaves_is_cleared(tmp_path: Path, targets: Path) -> None:
    scene = SCENES[NAMES[0]]
    scene.train(tmp_path, targets)
    (tmp_path / NAME).write_bytes(b"left over")
    (tmp_path / "checkpoint.pt").write_bytes(b"left over by an earlier version")
    (tmp_path / "best-2.safetensors").write_bytes(b"left over")
    scene.train(tmp_path, targets)
    assert not (tmp_path / NAME).exists()
    assert not (tmp_path / "checkpoint.pt").exists()
    assert not (tmp_path / "best-2.safetensors").exists()


@pytest.fixture
def interrupted(tmp_path: Path, targets: Path) -> Path:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SCENES[NAMES[0]].train(tmp_path / "run", targets, watch=at_step(3, stop))
    return tmp_path / "run"


def flip(path: Path) -> None:
    """One bit of one weight: the file is still one that safetensors takes without a word."""
    content = bytearray(path.read_bytes())
    content[8 + int.from_bytes(content[:8], "little") + 1000] ^= 1
    path.write_bytes(content)
    load_file(path)


def flip_a_number(path: Path) -> None:
    """One bit of the step that the training had come to: still JSON."""
    content = path.read_bytes()
    assert content.count(rb"\"step\", 3]") == 1
    path.write_bytes(content.replace(rb"\"step\", 3]", rb"\"step\", 2]"))
    load_file(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_text(path: Path) -> None:
    path.write_bytes(b"not a checkpoint")


@pytest.mark.parametrize("damage", [flip, flip_a_number, cut, empty, replace_by_text])
def test_a_damaged_checkpoint(interrupted: Path, targets: Path, damage: Callable[[Path], None]) -> None:
    damage(interrupted / NAME)
    with pytest.raises(TrainingError, match="delete that file to begin this training again") as caught:
        SCENES[NAMES[0]].train(interrupted, targets)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_something_else(interrupted: Path, targets: Path) -> None:
    save_checkpoint(interrupted, {"a": torch.zeros(1)})
    with pytest.raises(TrainingError, match="cannot go on from the checkpoint"):
        SCENES[NAMES[0]].train(interrupted, targets)


def test_a_checkpoint_of_several_processes(interrupted: Path, targets: Path) -> None:
    state = load_checkpoint(interrupted)
    assert state is not None
    save_checkpoint(interrupted, state | {"random": torch.stack([state["random"]] * 2)})
    with pytest.raises(TrainingError, match="saved by 2 processes and not by 1"):
        SCENES[NAMES[0]].train(interrupted, targets)


def test_a_pickle_of_an_earlier_version_is_not_read(interrupted: Path, targets: Path) -> None:
    (interrupted / NAME).unlink()
    torch.save({}, interrupted / "checkpoint.pt")
    with pytest.raises(TrainingError, match=r"checkpoint\.pt \(received a pickle.*delete that file to begin") as caught:
        SCENES[NAMES[0]].train(interrupted, targets)
    assert "\n" not in str(caught.value)


def test_another_request_in_the_same_folder_is_refused_by_name(interrupted: Path, targets: Path) -> None:
    with pytest.raises(MismatchError, match="a run with another objective") as caught:
        SCENES[NAMES[1]].train(interrupted, targets)
    assert "\n" not in str(caught.value)
