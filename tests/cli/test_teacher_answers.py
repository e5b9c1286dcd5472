"""The teacher is not what it seems: what label, audit, distill and verify say of it, as a user types them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from joryu.cli import main

Command = Callable[..., tuple[int, str, str]]

TWELVE = ",".join(map(str, range(12)))
COUNTING = """
import os

import torch
from torch import nn

from joryu.errors import Stop


class Counting(nn.Module):
    # The shade of a picture is its class, and this network knows it: places 0 to 11 in the order of the numbers.
    def forward(self, pictures):
        places = (pictures.float().mean((1, 2, 3)) - 12) / 20
        drift = float(os.environ.get("DRIFT", "0"))
        return -(places[:, None] - torch.arange(12.0)) ** 2 + drift * torch.arange(12.0)


def logits():
    return Counting()


def probs():
    return nn.Sequential(Counting(), nn.Softmax(1))


def scores():
    return nn.Sequential(Counting(), nn.Sigmoid())


class Spending(Counting):
    # Stands for a teacher that is paid: what it may spend is in the environment.
    asked = 0

    def forward(self, pictures):
        if Spending.asked >= int(os.environ.get("BUDGET", "1000")):
            raise Stop("the budget of 50 pictures is spent", hint="raise it")
        Spending.asked += len(pictures)
        return super().forward(pictures)


def spending():
    Spending.asked = 0
    return Spending()
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Exit code, stdout and stderr of one command line."""

    def command(line: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(line.split())
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return command


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders 0 to 11 of fifteen pictures each, which are sorted as text, beside a module that counts."""
    generator = np.random.default_rng(0)
    for shade in range(12):
        (tmp_path / "pictures" / str(shade)).mkdir(parents=True)
        for number in range(15):
            pixels = (10 + 20 * shade + generator.integers(0, 5, (8, 8))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / str(shade) / f"{number}.png")
    (tmp_path / "a_counting_module.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    return tmp_path


LABEL = "label --examples folder:pictures --teacher module:a_counting_module"


def test_numbers_sorted_as_text_are_found_and_the_command_that_is_named_mends_it(place: Path, run: Command) -> None:
    code, _, err = run(f"{LABEL}:logits --out targets")
    assert code == 0, err
    code, out, _ = run("audit targets")
    assert code == 5
    assert "'10' is answered '8' (15 of 15 times)" in out and f"--classes {TWELVE}" in out
    assert json.loads(run("audit targets --json")[1])["teacher_order"] == TWELVE.split(",")
    distil = "distill --student mlp:32x1 --examples folder:pictures --epochs 1 --out run --targets"
    code, out, err = run(f"{distil} targets")
    assert (code, out) == (5, "")
    assert f"label anew into another folder with --classes {TWELVE}" in err
    code, _, err = run(f"{LABEL}:logits --out mended --classes {TWELVE}")
    assert code == 0, err
    code, out, _ = run("audit mended")
    assert code == 0 and "accuracy 1.0000" in out
    assert run("verify mended")[0] == 0  # the order is found again in the store
    assert run(f"{distil} mended")[0] == 0
    code, out, err = run("evaluate run --json")
    assert json.loads(out)["models"]["teacher"]["evaluation"]["accuracy"] == 1.0, err


def test_the_order_may_stand_in_a_file(place: Path, run: Command) -> None:
    Path("order.txt").write_text(TWELVE.replace(",", "\n") + "\n")
    for order, out in ((TWELVE, "a"), ("order.txt", "b")):
        assert run(f"{LABEL}:logits --out {out} --classes {order}")[0] == 0
    a, b = (json.loads(Path(out, "manifest.json").read_text())["teacher"] for out in "ab")
    assert a["order"] == b["order"] == TWELVE.split(",")
    assert a["fingerprint"] == b["fingerprint"]
    code, _, err = run(f"{LABEL}:logits --out a")  # without the order it is another teacher
    assert code == 3 and "another teacher" in err
    Path("order.txt").write_bytes(b"\xff\xfe\n")
    code, _, err = run(f"{LABEL}:logits --out c --classes order.txt")
    assert code == 2 and "order.txt is not a list of classes (expected text in UTF-8" in err


def test_a_softmax_is_refused_with_the_words_that_read_it(place: Path, run: Command) -> None:
    code, out, err = run(f"{LABEL}:probs --out targets --classes {TWELVE}")
    assert (code, out) == (2, "")
    loaded, shown, said = err.splitlines()
    assert loaded.startswith("pictures: folder, no splits, 12 classes")
    assert shown == "the module is shown uint8 [B, 1, 8, 8], values 0 to 255: to scale them is its own affair"
    assert "are probabilities, and were taken for logits" in said and ",output=probs" in said
    code, _, err = run(f"{LABEL}:probs,output=probs --out right --classes {TWELVE}")
    assert code == 0, err
    assert run(f"{LABEL}:logits --out plain --classes {TWELVE}")[0] == 0
    a, b = (json.loads(run(f"audit {name} --json")[1])["statistics"] for name in ("right", "plain"))
    assert a["mean_entropy"] == pytest.approx(b["mean_entropy"], abs=1e-3)
    assert run("verify right")[0] == 0


def test_label_says_what_it_asked_and_finds_a_changed_teacher(
    place: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = f"{LABEL}:logits --out targets --classes {TWELVE}"
    code, out, _ = run(f"{label} --json")
    told = json.loads(out)
    assert (code, told["answers"], told["asked"], told["kept"], told["asked_again"]) == (0, 180, 180, 0, 0)
    assert told["agreement"] == 1.0
    code, out, _ = run(label)
    assert (code, out) == (
        0,
        "180 answers in targets: all there already, nothing new was asked; 180 asked again are the same\n",
    )
    monkeypatch.setenv("DRIFT", "0.5")  # what `forward` does is not in the fingerprint
    code, out, err = run(label)
    assert (code, out) == (3, "")
    assert "does not say any more what is stored of it" in err and "--no-recheck" in err
    code, out, _ = run(f"{label} --no-recheck --json")
    told = json.loads(out)
    assert (code, told["asked"], told["kept"], told["asked_again"]) == (0, 0, 180, 0)


def test_label_says_at_once_what_would_make_a_training_pointless(place: Path, run: Command) -> None:
    code, out, err = run(f"{LABEL}:logits --out renamed")
    assert (code, out) == (0, "180 answers in renamed\n")
    assert "warning: the teacher names its classes in another order than the examples" in err and TWELVE in err
    assert "joryu audit and joryu distill will refuse them" in err and "fatal" not in err
    assert json.loads(run(f"{LABEL}:logits --out renamed --json")[1])["fatal"] is True
    assert run("audit renamed")[0] == 5
    code, out, err = run(f"{LABEL}:scores --out scores --classes {TWELVE}")
    assert code == 0
    assert "warning: every logit lies between 0 and 1, as what comes out of a sigmoid does" in err
    assert "will refuse" not in err
    assert json.loads(run(f"{LABEL}:scores --out scores --classes {TWELVE} --json")[1])["fatal"] is False
    code, out, err = run(f"{LABEL}:logits --out right --classes {TWELVE}")
    assert (code, err.count("\n")) == (0, 2), err  # what was loaded, and what the module is shown


def test_a_store_and_a_run_are_used_from_another_folder_and_moved_together(
    place: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = (
        "train --network mlp:32x1 --examples folder:pictures --epochs 30 --batch-size 16 --learning-rate 0.01 "
        "--out runs/teacher",
        "label --teacher run:runs/teacher --examples folder:pictures --out targets",
        "distill --student mlp:16x1 --examples folder:pictures --targets targets --epochs 2 --out runs/student "
        "--allow-dead-teacher",
    )
    for command in commands:
        code, _, err = run(command)
        assert code == 0, err
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    used = ("verify {}/targets", "audit {}/targets --json", "evaluate {}/runs/student --json")
    for command in used[:2]:
        code, out, err = run(command.format(place))
        assert code in (0, 5) and out, err
    assert "not found" not in err
    found = json.loads(run(used[2].format(".."))[1])["models"]["teacher"]["evaluation"]
    assert found["n"] == 36  # it was asked again, and not "not found again"
    (place / "all").mkdir()
    for name in ("pictures", "targets", "runs"):
        (place / name).rename(place / "all" / name)
    assert run(f"verify {place}/all/targets")[0] == 0
    assert json.loads(run(used[2].format("../all"))[1])["models"]["teacher"]["evaluation"] == found
    (place / "all" / "runs").rename(place / "runs")
    code, out, err = run(f"verify {place}/all/targets")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the teacher that answered is not found again: no run at runs/teacher" in err and "--teacher" in err
    (place / "all" / "pictures").rename(place / "pictures")
    for command in ("verify", "audit"):
        code, out, err = run(f"{command} {place}/all/targets")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"(expected folder:pictures, as seen from {place}/all;" in err and "--examples" in err


def test_distill_takes_the_size_that_the_store_was_labelled_at(place: Path, run: Command) -> None:
    code, _, err = run(f"{LABEL}:logits --out targets --size 6 --classes {TWELVE}")
    assert code == 0, err
    distil = "distill --student mlp:8x1 --examples folder:pictures --targets targets --epochs 1"
    code, _, err = run(f"{distil} --out run")
    assert code == 0, err
    assert "pictures are resized to 6, as they were when targets was labelled" in err
    assert json.loads(Path("run/run.json").read_text())["notes"]["size"] == 6
    code, _, err = run(f"{distil} --out other --size 5")
    assert code == 0, err
    assert json.loads(Path("other/student.json").read_text())["input_shape"] == [1, 5, 5]


def test_in_one_go_the_student_is_shown_what_was_loaded_and_the_teacher_its_own_size(place: Path, run: Command) -> None:
    """The teacher learned at 6×6; the student's size is that of the pictures, whatever the store says."""
    assert (
        run("train --network mlp:32x1 --examples folder:pictures --size 6 --epochs 40 --batch-size 16 --out net")[0]
        == 0
    )
    one_go = "distill --teacher run:net --student mlp:8x1 --examples folder:pictures --epochs 1 --out run"
    for _ in range(2):
        code, _, err = run(one_go)
        assert code == 0, err
        assert "pictures are resized" not in err
    assert json.loads(Path("run/run.json").read_text())["notes"]["size"] is None
    assert json.loads(Path("run/student.json").read_text())["input_shape"] == [1, 8, 8]
    assert json.loads(Path("run/targets/manifest.json").read_text())["examples"]["size"] == 6
    code, out, err = run("evaluate run --json")
    assert code == 0, err
    assert set(json.loads(out)["models"]) == {"teacher", "student"}


def test_a_budget_that_is_spent_ends_the_run_and_the_same_command_goes_on(
    place: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"{LABEL}:spending --batch-size 10 --no-recheck --out targets --classes {TWELVE}"
    monkeypatch.setenv("BUDGET", "50")
    code, out, err = run(words)
    assert (code, out) == (7, "")
    assert err.splitlines()[-1] == (
        "joryu: the budget of 50 pictures is spent; raise it; what was answered is kept (50 of 180): run the same"
        " command again to go on"
    )
    assert not (place / "targets" / "failures.jsonl").exists()
    monkeypatch.delenv("BUDGET")
    code, out, _ = run(words)
    assert (code, out) == (0, "180 answers in targets: 50 were there, 130 asked now\n")


def test_a_folder_that_has_grown_is_labelled_where_it_is_new(place: Path, run: Command) -> None:
    words = f"{LABEL}:logits --out targets --classes {TWELVE}"
    kept = [path.rename(place / f"{path.parent.name}-{path.name}") for path in (place / "pictures").glob("*/14.png")]
    assert run(words)[0] == 0
    for path in kept:
        folder, name = path.name.split("-")
        path.rename(place / "pictures" / folder / name)
    (place / "pictures" / "3" / "0.png").unlink()
    code, out, err = run(words)
    assert code == 0, err
    assert (
        "the set has changed since targets was labelled: 12 new examples asked, 167 kept, 1 no longer in the set (what"
        " was answered about them stays)" in err
    )
    assert "179 answers in targets: 167 were there, 12 asked now; beside them 1 about examples no longer in" in out
    code, out, _ = run(f"{words} --json")
    assert (json.loads(out)["answers"], json.loads(out)["no_longer_in_the_set"]) == (179, 1)
    code, out, _ = run("audit targets --json")
    assert json.loads(out)["missing"] == 0
    assert run("verify targets")[0] == 0
    code, out, err = run(f"{words} --split all --size 16")
    assert (code, out) == (3, "")
    assert "inputs of another shape (expected [1, 8, 8]; received [1, 16, 16]); try --size 8" in err.splitlines()[-1]
    pixels = np.full((8, 8), 3 * 20 + 12, dtype=np.uint8)
    pixels[0, 0] = 0
    Image.fromarray(pixels).save(place / "pictures" / "3" / "one more.png")
    assert "was labelled: 1 new example asked, 179 kept" in run(words)[2]
