"""What judges and was taught is found, also of runs that are older than ids of files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_files import noise, save, write_files

from joryu.cli import main
from joryu.errors import MismatchError
from joryu.examples import Examples, load_examples
from joryu.report.evaluation_set import HeldOut
from joryu.report.leakage import seen_by_student
from joryu.training.setup import DistillationSetup, split_parts, split_test
from joryu.training.trainer import content_of


@pytest.fixture
def whole(tmp_path: Path) -> Examples:
    files = {f"{'ab'[at % 2]}/{at:02}.png": save(noise(8, 8, seed=at), "PNG") for at in range(40)}
    return load_examples(f"folder:{write_files(tmp_path / 'set', files)}")


@pytest.mark.parametrize("old", [False, True], ids=["ids of files", "ids of pixels"])
def test_the_part_that_a_run_held_out_is_the_one_it_held_out_then(old: bool, whole: Examples, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", "--network", "mlp:4x1", "--examples", f"folder:{tmp_path / 'set'}", "--out", run, "--epochs", 1)
    with pytest.raises(SystemExit):
        main([str(word) for word in (*words, "--batch-size", 8, "--test", 0.25, "--seed", 3)])
    record = json.loads((run / "run.json").read_text())
    then = whole.by_pixels() if old else whole
    record["notes"]["held_out"]["of"] = then.fingerprint
    taught, evaluation_set = split_test(then, 0.25, 3)
    assert evaluation_set is not None
    mine = whole.select([row for row, name in enumerate(whole.sources or ()) if name in (evaluation_set.sources or ())])
    assert seen_by_student(record, run, mine, whole) is None
    said = seen_by_student(record, run, whole, whole)
    assert said is not None
    assert f"the student was trained on {len(taught)} of the 40 examples that judge it here" in said


@pytest.mark.parametrize("left_out", [0, 2], ids=["all taught", "some left out"])
@pytest.mark.parametrize("old", [False, True], ids=["ids of files", "ids of pixels"])
def test_the_part_that_judges_is_found_again_or_refused(old: bool, left_out: int, whole: Examples) -> None:
    then = whole.by_pixels() if old else whole
    setup = DistillationSetup(test=0.25, validation=0.1)
    parts = split_parts(then, setup, 3)
    taught = {
        "n": len(parts.teaching) - left_out,
        "content": "of the others" if left_out else content_of(parts.teaching),
    }
    record: dict[str, Any] = {
        "request": {"recipe": {"seed": 3}, "examples": taught},
        "notes": {"left_out": left_out, "held_out": {"of": then.fingerprint, "test": 0.25}},
    }
    assert parts.test is not None
    assert HeldOut(setup.test, setup, None).of(whole, record).sources == parts.test.sources
    others = replace(whole, ids=whole.ids[::-1].copy() ^ np.uint64(1), pixel_ids=whole.pixel_ids ^ np.uint64(1))
    with pytest.raises(MismatchError, match="cannot be found again"):
        HeldOut(setup.test, setup, None).of(others, record)
