"""``--split`` and ``--column`` of train and distill: which part is taught, noted, and found again by the report."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from joryu.cli import main

QUICK = "--epochs 2 --batch-size 32 --precision 32-true"


def run(capsys: pytest.CaptureFixture[str], command: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(command.split())
    return int(stopped.value.code or 0), *capsys.readouterr()


def notes(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "run.json").read_text())["notes"]
    return found


def test_the_part_that_was_labelled_is_taught_noted_and_held_out_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, f"train --network mlp:16x1 --examples digits {QUICK} --out {tmp_path}/teacher")[0] == 0
    assert notes(tmp_path / "teacher")["split"] == "train"
    label = f"label --teacher run:{tmp_path}/teacher --examples digits --split test --out {tmp_path}/targets"
    assert run(capsys, label)[0] == 0
    distil = f"distill --student mlp:8x1 --examples digits --targets {tmp_path}/targets --allow-dead-teacher {QUICK}"
    code, _, err = run(capsys, f"{distil} --out {tmp_path}/run")
    assert code == 0, err
    assert "the part that is taught is the one that was labelled: test" in err
    assert "the test split of digits is taught itself: 20% of it is held out for the report" in err
    assert notes(tmp_path / "run")["split"] == "test"
    code, out, err = run(capsys, f"evaluate {tmp_path}/run --json")
    assert code == 0, err
    assert json.loads(out)["examples"]["n"] == 120  # a fifth of the 600, which nobody was taught
    code, out, err = run(capsys, f"{distil} --split train --out {tmp_path}/other")
    assert (code, out) == (3, "")
    assert "about other examples" in err.splitlines()[-1]


def test_another_part_can_be_taught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, f"train --network mlp:8x1 --examples digits --split test {QUICK} --out {tmp_path}/run")
    assert code == 0, err
    assert notes(tmp_path / "run")["split"] == "test"
    record = json.loads((tmp_path / "run" / "run.json").read_text())["request"]
    assert record["examples"]["n"] + record["validation"]["n"] == 480
    code, out, err = run(capsys, f"train --network mlp:8x1 --examples digits --split tset {QUICK} --out {tmp_path}/no")
    assert (code, out) == (2, "")
    assert "no split 'tset'" in err.splitlines()[-1]


def test_a_column_is_taught_and_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two columns of pictures the first is noise; only the second, which is named, tells the classes apart."""
    draws = np.random.default_rng(0)

    def png(pixels: np.ndarray) -> dict[str, bytes]:
        file = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
        return {"bytes": file.getvalue()}

    labels = [number % 2 for number in range(160)]
    table = {
        "depth": [png(draws.integers(0, 256, (8, 8))) for _ in labels],
        "photo": [png(draws.integers(0, 60, (8, 8)) + 180 * label) for label in labels],
        "label": labels,
    }
    pq.write_table(pa.table(table), tmp_path / "train-00000-of-00001.parquet")
    spec = f"parquet:{tmp_path}"
    train = f"train --network mlp:8x1 --examples {spec} --epochs 8 --batch-size 16 --precision 32-true"
    code, out, err = run(capsys, f"{train} --column photo --out {tmp_path}/teacher --json")
    assert code == 0, err
    assert json.loads(out)["validation_accuracy"] == 1.0
    assert notes(tmp_path / "teacher")["examples"] == f"{spec}#photo"
    one_go = f"distill --teacher run:{tmp_path}/teacher --student mlp:4x1 --examples {spec} --column photo --epochs 4"
    for _ in range(2):
        code, _, err = run(capsys, f"{one_go} --batch-size 16 --out {tmp_path}/run")
        assert code == 0, err
    assert notes(tmp_path / "run")["examples"] == f"{spec}#photo"
    code, out, err = run(capsys, f"evaluate {tmp_path}/run --json")
    assert code == 0, err
    assert json.loads(out)["models"]["teacher"]["evaluation"]["accuracy"] == 1.0
    code, _, err = run(capsys, f"train --network mlp:8x1 --examples digits --column photo --out {tmp_path}/no")
    assert code == 2
    assert "digits has no columns" in err.splitlines()[-1]
