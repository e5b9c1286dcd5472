"""Pictures whose labels lie beside them, from the shell: looked at, learned, judged and predicted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from joryu.cli import main

Command = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)

    def command(line: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(line.split())
        out, err = capsys.readouterr()
        assert stopped.value.code == code, err
        return str(out + err)

    return command


@pytest.fixture
def signs(tmp_path: Path) -> Path:
    """Dark and light pictures: train in class folders, test flat with a table, as GTSRB has them."""
    root = tmp_path / "signs"
    lines = ["Width;Path;ClassId"]
    for at in range(48):
        sign, shade = at % 2, np.random.default_rng(at).integers(0, 90, (8, 8)) + 150 * (at % 2)
        path = root / (f"Train/{sign}/{at}.png" if at < 32 else f"Test/{at}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shade.astype(np.uint8)).save(path)
        lines += [f"8;Test/{at}.png;{sign}"] if at >= 32 else []
    (root / "Test.csv").write_text("\n".join(lines))
    return root


@pytest.mark.slow
def test_a_test_split_with_a_table_judges(run: Command, signs: Path) -> None:
    told = json.loads(run("examples signs --json"))
    assert told["splits"]["test"]["classes"] == {"0": 8, "1": 8}
    train = "train --network mlp:8x1 --epochs 20 --batch-size 16 --learning-rate 0.05 --precision 32-true"
    run(f"{train} --examples folder:signs --out teacher")
    assert json.loads(run("evaluate teacher --examples folder:signs --split test --json"))
    run("label --teacher run:teacher --examples folder:signs,target=ClassId,labels=Test.csv --out targets")
    # The set again as one folder with one table, of Parquet and of text: the same question, the same pictures.
    flat = Path("flat")
    shutil.copytree(signs / "Test", flat)
    (flat / "labels.txt").write_text("".join(f"{at} {at % 2}\n" for at in range(32, 48)))
    run(f"{train} --examples folder:flat --out other")
    pictures = {"image": [f"flat/{at}.png" for at in range(32, 48)], "label": [float(at % 2) for at in range(32, 48)]}
    pq.write_table(pa.table(pictures), "named.parquet")
    run(f"{train} --examples parquet:named.parquet --out third")
    answers = run("predict other flat/32.png flat/33.png --json").splitlines()
    assert [json.loads(answer)["class"] for answer in answers] == ["0", "1"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("folder:signs,labels=Tset.csv", "did you mean Test.csv?"),
        ("folder:signs,label=Test.csv", "no option is called 'label' (expected labels, file, target, kind, group)"),
        ("folder:signs,kind=tag", "no kind of target is called so (expected one-of, numbers, tags; received 'tag')"),
        ("parquet:signs,root=nowhere", "no Parquet files in signs"),
    ],
)
def test_mistakes_are_one_line(run: Command, signs: Path, spec: str, said: str) -> None:
    err = run(f"examples {spec}", code=2)
    assert said in err
    assert err.count("\n") == 1
