"""Labelling through models of other frameworks, and an ensemble asked once: that both run, and what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmarks.contenders.work import WIDTHS, Work
from benchmarks.contenders.worker import Spent

from benchmarks import ensemble, foreign
from joryu.teachers import load_teacher

MACHINE = dict.fromkeys(("cpu", "cores", "threads", "system", "python", "torch"), "x")
REPORT = {"machine": MACHINE, "threads": 1, "command": "python -m …", "repeats": 1, "remark": " A remark."}


@pytest.mark.parametrize("work", ["onnx, bytes", "onnx, floats normalised before"])
def test_the_bare_loop_and_ours_ask_the_same_model(work: str, tmp_path: Path) -> None:
    found = foreign.measure(work, tmp_path, rows=8, repeats=1)
    assert found is not None
    assert found["rows"] == 8
    assert found["share_of_bare"] > 0
    page = foreign.markdown(REPORT | {"results": [found]})
    assert f"| {work} | 8 of 3×32×32 |" in page
    assert "A remark." in page


def test_pictures_normalised_before_are_the_bytes_that_are_normalised_inside(tmp_path: Path) -> None:
    jobs = [foreign.onnx_bytes(tmp_path, 4), foreign.onnx_floats(tmp_path, 4)]
    names = [str(at) for at in range(foreign.CLASSES)]
    shapes = {load_teacher(job.spec, classes=names).label(job.pictures).values.shape for job in jobs}
    assert shapes == {torch.Size([4, foreign.CLASSES])}


def test_a_model_that_is_not_there_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JORYU_DATA", str(tmp_path))
    assert foreign.measure("tflite, MobileNetV2 of 224 in 8 bits", tmp_path, rows=8, repeats=1) is None


def test_an_ensemble_asked_once_against_the_honest_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    took = {"student": 1.0, "teacher": 8.0, "asking": 9.0, "labelling": 10.0, "cached": 1.25, "live": 9.5}
    passes = {name: lambda one=one: Spent(one, one) for name, one in took.items()}
    monkeypatch.setattr(ensemble, "contenders", lambda work, folder: passes)
    found = ensemble.measure(Work("mlp", rows=256), repeats=3)
    assert found["limit"] == pytest.approx(30 * 9 / 38)
    assert found["gain"] == pytest.approx(30 * 9 / (10 + 30 * 1.25))
    assert found["share"] == found["share_cpu"] == pytest.approx(38 / 47.5)
    assert found["gain_over_own_live"] == pytest.approx(30 * 9.5 / 47.5)
    page = ensemble.markdown(REPORT | {"found": found, "rows": 256, "batch": 256, "members": 10})
    assert "a share of 0.800" in page
    assert "missed" in page


def test_every_pass_of_the_ensemble_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WIDTHS, "mlp", (8, 12))
    work = Work("mlp", rows=4, batch=4, teachers=2)
    for once in ensemble.contenders(work, tmp_path).values():
        assert once().seconds > 0
