"""Runs that learned under fake quantisation: their int8 answers what they answer, by the ranges that they learned."""

from __future__ import annotations

from pathlib import Path

import pytest
from exported import CASES, examples_of, make_run

from joryu.errors import InputError
from joryu.export import ExportSettings, export_run

onnx = pytest.importorskip("onnx", reason="onnx is in the extra onnx")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")
pytest.importorskip("onnxscript", reason="onnxscript is in the extra onnx")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["cnn of classes", "unet of masks", "table of numbers"])
def test_int8_by_learned_ranges_needs_no_examples_and_is_the_student(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    run = make_run(tmp_path / "run", case, quantisation="int8")
    settings = ExportSettings(int8="static", most_lost=1e-6)
    done = export_run(run, tmp_path / "out", evaluation_set=examples_of(case), settings=settings)
    found = done.parities["model.int8.onnx"]
    # Sums of float32 in another order, and rarely a number on the edge between two steps.
    assert found.mean < 0.005 * max(1.0, found.size)
    assert done.parities["model.onnx"].largest < 1e-4 * max(1.0, found.size)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "ranges of activations learned under fake quantisation" in card
    model = onnx.load(tmp_path / "out" / "model.onnx")
    assert not {"QuantizeLinear", "RangeMark"} & {node.op_type for node in model.graph.node}
    assert [one.domain for one in model.opset_import] == [""]


def test_its_ranges_are_not_thrown_away(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", CASES["mlp of classes"], quantisation="int8")
    with pytest.raises(InputError, match="leave --dynamic out"):
        export_run(
            run,
            tmp_path / "out",
            evaluation_set=examples_of(CASES["mlp of classes"]),
            settings=ExportSettings(int8="dynamic"),
        )
