"""Three teachers of digits as one: asked, combined anew, learned from, verified and reported, as a user types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from command_line import run
from torch import Tensor

from joryu.cli import main
from joryu.examples import load_examples
from joryu.targets import Store

EPOCHS = "--epochs 4 --batch-size 64 --learning-rate 0.005"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("three")
    for seed, width in enumerate((16, 24, 32)):
        with pytest.raises(SystemExit) as stopped:
            main(f"train --network mlp:{width}x1 --examples digits {EPOCHS} --seed {seed} --out {root}/{seed}".split())
        assert stopped.value.code == 0
    return root


@pytest.fixture
def three(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for seed in range(3):
        shutil.copytree(trained / str(seed), tmp_path / f"t{seed}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


TEACHERS = [word for seed in range(3) for word in ("--teacher", f"run:t{seed}")]


def values(folder: Path | str) -> Tensor:
    store, digits = Store.open(folder), load_examples("digits")
    return store.gather(store.rows(digits.ids, 0)).values


def test_the_whole_way_of_an_ensemble(three: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    code, out, err = run(capsys, "label", *TEACHERS, "--combine", "power=0.1", "--examples", "digits", "--out", "all",
                         "--json")  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["answers"] == 1197
    manifest = json.loads((three / "all" / "manifest.json").read_text())
    assert manifest["teacher"]["spec"] == "ensemble:power=0.1:run:t0|run:t1|run:t2"
    assert [one["spec"] for one in manifest["teacher"]["members"]] == ["run:t0", "run:t1", "run:t2"]
    assert (manifest["form"]["members"], manifest["form"]["combination"]) == (3, "power=0.1")

    for seed in range(3):
        assert run(capsys, "label", "--teacher", f"run:t{seed}", "--examples", "digits", "--out", f"s{seed}")[0] == 0
    code, out, err = run(capsys, "targets", "combine", "s0", "s1", "s2", "--power", "0.1", "--out", "again", "--json")
    assert code == 0, err
    assert json.loads(out)["members"] == ["run:t0", "run:t1", "run:t2"]
    assert torch.equal(values("again"), values("all"))
    assert run(capsys, "label", *TEACHERS, "--combine", "power=0.1", "--examples", "digits", "--out", "again")[0] == 0

    code, out, _ = run(capsys, "targets", "combine", "all", "--members", "1,3", "--combine", "vote,weights=2/1",
                       "--out", "pair")  # fmt: skip
    assert code == 0
    assert out == "1197 answers of 2 members in pair, by vote,weights=2/1; nothing was asked\n"
    assert torch.equal(values("pair"), values("all")[:, [0, 2]])

    monkeypatch.chdir(three.parent)  # members are found again from anywhere
    for store in ("all", "again", "pair"):
        code, out, err = run(capsys, "verify", three / store, "--json", "--sample", 64)
        assert code == 0, err
        assert json.loads(out)["ok"] is True
    code, out, err = run(capsys, "audit", three / "pair", "--json")
    assert code == 0, err

    code, _, err = run(capsys, "distill", "--student", "mlp:8x1", "--examples", "digits", "--targets", three / "all",
                       "--out", three / "run", *EPOCHS.split())  # fmt: skip
    assert code == 0, err
    code, out, err = run(capsys, "evaluate", three / "run", "--json")
    assert code == 0, err
    models = json.loads(out)["models"]
    assert models["teacher"]["evaluation"]["n"] == 600
    assert models["teacher"]["evaluation"]["accuracy"] > 0.8
    widths = [
        int(json.loads((three / f"t{at}" / "student.json").read_text())["architecture"][len("mlp:") : -len("x1")])
        for at in range(3)
    ]
    assert models["teacher"]["parameters"] == sum(64 * one + one + 10 * one + 10 for one in widths)
    assert run(capsys, "report", three / "run")[0] == 0
    page = (three / "run" / "report.html").read_text()
    assert "ensemble: power=0.1 of run:t0, run:t1, run:t2" in page
    assert "run:t0, run:t1, run:t2" in page and "power=0.1" in page


def test_distilling_in_one_go(three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "distill", *TEACHERS, "--student", "mlp:8x1", "--examples", "digits", "--out", "run",
                       *EPOCHS.split())  # fmt: skip
    assert code == 0, err
    assert "the mean of their probabilities is taken" in err
    assert str(Store.open(three / "run" / "targets").form.combination) == "soft"


def test_a_member_that_has_its_classes_in_another_order_is_mapped_and_told(
    three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = json.loads((three / "t1" / "student.json").read_text())
    names = plan["question"]["names"]
    plan["question"]["names"] = names[::-1]  # the same weights now answer about the digits from the last to the first
    (three / "t1" / "student.json").write_text(json.dumps(plan))
    code, _, err = run(capsys, "label", *TEACHERS, "--examples", "digits", "--out", "turned")
    assert code == 0, err
    assert "run:t1 gives its classes in another order: they are mapped by name" in err
    assert (
        run(capsys, "label", "--teacher", "run:t0", "--teacher", "run:t2", "--examples", "digits", "--out", "two")[0]
        == 0
    )
    assert torch.equal(values("turned")[:, [0, 2]], values("two"))
    plan["question"]["names"] = names
    (three / "t1" / "student.json").write_text(json.dumps(plan))
    assert run(capsys, "label", "--teacher", "run:t1", "--examples", "digits", "--out", "alone")[0] == 0
    assert torch.equal(values("turned")[:, 1], values("alone").flip(-1))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--teacher", "run:t0", "--combine", "vote"], 2, "--combine is for several teachers"),
        ([*TEACHERS, "--combine", "median"], 2, "unknown rule of an ensemble (expected soft, vote, logits or power=U"),
        ([*TEACHERS, "--combine", "soft,weights=1/2"], 2, "one weight for each member (expected 3 weights"),
        ([*TEACHERS, "--teacher", "google-vision"], 2, "google-vision is paid by the answer, and no member"),
        ([*TEACHERS, "--teacher", "run:a|run:b"], 2, "a spec without |"),
        ([*TEACHERS, "--teacher", "run:t1"], 2, "a teacher would be a member twice (expected teachers that differ; "),
        ([*TEACHERS, "--teacher", "run:nowhere"], 2, "no run at nowhere"),
        (["--teacher", "ensemble:soft:ensemble:soft:run:t0"], 2, "an ensemble of ensembles"),
        ([*TEACHERS, "--classes", "9,8,7,6,5,4,3,2,1,0"], 2, "mapped by the names of their classes"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    three: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    found, out, err = run(capsys, "label", *words, "--examples", "digits", "--out", "targets")
    assert (found, out) == (code, "")
    assert said in err and "Traceback" not in err
    assert not (three / "targets").exists()


def test_two_rules_and_members_that_are_no_numbers_are_refused(three: Path, capsys) -> None:
    assert run(capsys, "label", "--teacher", "run:t0", "--examples", "digits", "--out", "s0")[0] == 0
    for words, said in (
        (["--power", "2", "--combine", "vote"], "two rules were given"),
        (["--power", "2", "--combine", "soft"], "say both in one: --combine power=2"),
        (["--members", "a"], "--members is not usable"),
        (["--members", "2"], "no such member (expected 1..1; received 2)"),
    ):
        found, _, err = run(capsys, "targets", "combine", "s0", *words, "--out", "new")
        assert found == 2 and said in err
    shutil.copytree("s0", "s1")
    code, _, err = run(capsys, "targets", "combine", "s0", "s1", "--out", "new")
    assert code == 2 and "a teacher would be a member twice (expected teachers that differ; received run:t0)" in err
    code, out, _ = run(capsys, "targets", "combine", "s0", "--out", "one")
    assert (code, out) == (0, "1197 answers of 1 member in one, by soft; nothing was asked\n")
    code, _, err = run(capsys, "distill", "--targets", "s0", "--combine", "vote", "--student", "mlp:8x1", "--examples",
                       "digits", "--out", "run")  # fmt: skip
    assert code == 2 and "joryu targets combine" in err
