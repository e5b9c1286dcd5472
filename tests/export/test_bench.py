"""`joryu bench`: every model is measured, and what cannot be is said. No time is asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from exported import CASES, examples_of, make_run

from joryu.errors import InputError, JoryuError
from joryu.export import ExportSettings, bench, export_run
from joryu.export.bench import bench_folder, bench_lines
from joryu.export.bench_child import LEAST

pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")
pytest.importorskip("onnxscript", reason="onnxscript is in the extra onnx")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, case = tmp_path_factory.mktemp("bench"), CASES["cnn of tags"]
    run = make_run(root / "run", case)
    make_run(root / "teacher", CASES["mlp of classes"])
    settings = ExportSettings(int8="static", calibration=64, most_lost=1.0)
    export_run(run, root / "out", evaluation_set=examples_of(case), teaching=examples_of(case, 96), settings=settings)
    return root / "out"


def test_each_model_has_bytes_memory_and_times(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ROUNDS", 1)
    told: list[str] = []
    found = bench_folder(folder, threads=(1, 2), batch=3, seconds=0.001, tell=told.append)
    assert [(one.name, one.kind) for one in found] == [("model.onnx", "float"), ("model.int8.onnx", "int8")]
    assert "not at hand" in told[0]
    for one in found:
        assert one.size == (folder / one.name).stat().st_size
        assert 2**20 < one.runtime <= one.memory < 2**32
        assert [timed.threads for timed in one.times] == [1, 2]
        assert all(0 < timed.p50 <= timed.p95 and timed.n >= LEAST for timed in one.times)
    head, *rows, last = bench_lines(found, 3)
    assert "1 thread: p50 ms" in head
    assert len({len(row) for row in (head, *rows)}) == 1
    assert last == "an answer to 3 examples at a time"
    assert json.loads(json.dumps(found[0].to_json()))["times"][0]["threads"] == 1


def test_a_teacher_stands_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ROUNDS", 1)
    found = bench_folder(folder, threads=(1,), seconds=0.001, teacher=folder.parent / "teacher")
    assert [one.name for one in found] == ["teacher", "model.onnx", "model.int8.onnx"]
    with pytest.raises(InputError, match="not a finished run"):
        bench_folder(folder, seconds=0.001, teacher=folder.parent / "nowhere")


def test_what_cannot_be_measured_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no exported folder"):
        bench_folder(tmp_path)
    with pytest.raises(InputError, match="joryu export RUN"):
        bench_folder(folder.parent / "run")
    for settings in ({"batch": 0}, {"threads": (0,)}, {"seconds": 0.0}):
        with pytest.raises(InputError, match="is not usable"):
            bench_folder(folder, **settings)  # type: ignore[arg-type]
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "student.json").write_bytes((folder / "student.json").read_bytes())
    with pytest.raises(InputError, match=r"lacks model\.onnx"):
        bench_folder(broken)
    for name in ("model.onnx", "model.int8.onnx"):
        (broken / name).write_bytes(b"no model")
    with pytest.raises(JoryuError, match=r"model\.onnx cannot be run here"):
        bench_folder(broken, seconds=0.001, threads=(1,))
