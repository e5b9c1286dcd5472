"""What an export refuses: in one line, with nothing left that looks complete."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from exported import CASES, Case, examples_of, make_run
from torch import nn

from joryu.errors import InputError, JoryuError, MismatchError, MissingExtraError
from joryu.examples import Examples
from joryu.export import ExportSettings, calibrated, export_run, exporting, onnx_models
from joryu.export.by_ranges import float_onnx
from joryu.export.exporting import without
from joryu.export.parity import Parity, parity, require_parity, rounding
from joryu.questions import Question
from joryu.students.named_outputs import NamedOutputs

onnx = pytest.importorskip("onnx", reason="onnx is in the extra onnx")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")
pytest.importorskip("onnxscript", reason="onnxscript is in the extra onnx")

ROWS = CASES["rows of numbers"]
STATIC = ExportSettings(int8="static", calibration=64, most_lost=1.0)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "run")


@pytest.mark.slow
@pytest.mark.parametrize(("factory", "says"), [("special", "aten.special_airy_ai"), ("branching", "torch.where")])
def test_an_operation_that_cannot_be_exported_is_named(
    factory: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    case = Case(f"module:export_networks:{factory}", Question.one_of(3), None)
    run = make_run(tmp_path / "run", case)
    with pytest.raises(InputError, match="cannot be exported to ONNX") as refused:
        export_run(run, tmp_path / "out", evaluation_set=examples_of(case))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not left_in(tmp_path)


@pytest.mark.slow
def test_too_few_examples_to_measure_ranges_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ROWS)
    with pytest.raises(InputError, match=r"too few examples .*expected at least 64; received 63"):
        export_run(
            run, tmp_path / "out", evaluation_set=examples_of(ROWS), teaching=examples_of(ROWS, 63), settings=STATIC
        )
    with pytest.raises(InputError, match="are not found"):
        export_run(run, tmp_path / "out", evaluation_set=examples_of(ROWS), settings=STATIC)
    assert not left_in(tmp_path)


def test_ranges_are_measured_on_examples_that_do_not_judge_and_by_the_seed_alone() -> None:
    examples = examples_of(ROWS, 200)
    rest = without(examples, examples.select(range(50)))
    assert rest is not None
    assert len(rest) == 150
    drawn = calibrated.calibration_part(rest, 64, 3)
    assert torch.equal(drawn, calibrated.calibration_part(rest, 64, 3))
    assert not torch.equal(drawn, calibrated.calibration_part(rest, 64, 4))
    evaluation_set = {tuple(row) for row in examples.inputs[:50].tolist()}
    assert not evaluation_set & {tuple(row) for row in drawn.tolist()}
    assert without(examples, examples) is None


@pytest.mark.slow
def test_dynamic_int8_of_depthwise_convolutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    case = CASES["cnn of classes"]._replace(architecture="module:export_networks:depthwise")
    run = make_run(tmp_path / "run", case)
    with pytest.raises(InputError, match=r"dynamic int8 destroys depthwise convolutions, of which .* has 2: "):
        export_run(run, tmp_path / "out", evaluation_set=examples_of(case), settings=ExportSettings(int8="dynamic"))
    assert not left_in(tmp_path)


@pytest.mark.slow
def test_dynamic_int8_of_others_needs_no_examples(tmp_path: Path) -> None:
    case = CASES["mlp of classes"]
    run = make_run(tmp_path / "run", case)
    settings = ExportSettings(int8="dynamic", most_lost=1.0)
    done = export_run(run, tmp_path / "out", evaluation_set=examples_of(case), settings=settings)
    assert "dynamic" in (tmp_path / "out" / "README.md").read_text()
    assert 0 < done.parities["model.int8.onnx"].largest < 0.2


class Broken(nn.Module):
    """A student's network that answers otherwise once it is exported."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.network(x)
        return found + 0.01 if torch.compiler.is_exporting() else found


@pytest.mark.slow
def test_an_export_that_answers_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", CASES["mlp of classes"])
    loaded = exporting.load_student

    def broken(folder: Path) -> Any:
        (before, network, answers), plan = loaded(folder)
        return nn.Sequential(before, Broken(network), answers).eval(), plan

    monkeypatch.setattr(exporting, "load_student", broken)
    with pytest.raises(MismatchError, match=r"model.onnx answers otherwise than the student.*received 0.01 on 20"):
        export_run(run, tmp_path / "out", evaluation_set=examples_of(CASES["mlp of classes"]))
    assert not left_in(tmp_path)


PARITY = Parity(n=100, batches=(1, 2), largest=0.5, mean=0.1, size=10.0, agreement=0.97, iou=None)


@pytest.mark.parametrize(
    ("changes", "bound", "says"),
    [
        ({"largest": 0.0011}, None, "differ by at most 0.001"),
        ({"largest": float("nan")}, None, "answers otherwise"),
        ({"measure": "accuracy", "student": 0.9, "exported": 0.87, "lost": 0.03}, 0.02, "loses too much"),
        ({"agreement": 0.89}, 0.02, "agreement of at least 0.9"),
    ],
)
def test_what_lies_beyond_the_bound_is_refused(changes: dict[str, Any], bound: float | None, says: str) -> None:
    with pytest.raises(MismatchError, match=says):
        require_parity(dataclasses.replace(PARITY, **changes), "model.onnx", most_lost=bound)


@pytest.mark.parametrize(
    ("changes", "bound"),
    [
        ({"largest": 0.0009}, None),
        ({"measure": "accuracy", "student": 0.9, "exported": 0.885, "lost": 0.015}, 0.02),
        ({"measure": "accuracy", "student": 0.9, "exported": 0.95, "lost": -0.05, "agreement": 0.5}, 0.0),
        ({"agreement": 0.91}, 0.0),
        ({"agreement": None}, 0.0),
    ],
)
def test_what_lies_within_is_not(changes: dict[str, Any], bound: float | None) -> None:
    require_parity(dataclasses.replace(PARITY, **changes), "model.onnx", most_lost=bound)


def test_a_student_whose_own_sums_differ_that_much_is_not_refused() -> None:
    apart = dataclasses.replace(PARITY, largest=0.0015)
    with pytest.raises(MismatchError, match=r"differ by at most 0\.001"):
        require_parity(apart, "model.onnx", most_lost=None, rounding=0.0002)
    require_parity(apart, "model.onnx", most_lost=None, rounding=0.0004)


def test_the_rounding_of_sums_that_cancel_is_measured() -> None:
    """A kernel of large weights that sum to zero: what is left of its sums is their rounding."""
    torch.manual_seed(0)
    weights = 1e4 * torch.randn(2, 4, 3, 3)
    layer = nn.Conv2d(4, 2, 3, bias=False)
    layer.weight.data = weights - weights.mean((1, 2, 3), keepdim=True)
    question = Question.one_of(["a", "b"])
    network = nn.Sequential(layer, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    student = nn.Sequential(nn.Identity(), network, NamedOutputs(question, {}))
    examples = Examples.of(torch.rand(8, 4, 33, 33) + 50, torch.zeros(8, dtype=torch.long), question=question)
    found = rounding(student, examples)
    assert 0 < found < 1
    layer.weight.data.zero_()
    assert rounding(student, examples) == 0


def test_parity_by_hand() -> None:
    question = Question.one_of(["a", "b"])
    answers = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 4.0]])
    others = torch.tensor([[2.0, 0.5], [0.0, 1.0], [0.0, 0.5], [0.0, 4.0]])
    examples = Examples.of(torch.arange(4.0)[:, None], torch.tensor([0, 1, 0, 0]), question=question)
    found = parity(
        lambda x: {"main": answers[x[:, 0].long()]}, lambda x: {"main": others[x[:, 0].long()]}, examples, question
    )
    assert (found.n, found.batches, found.largest, found.size) == (4, (1, 2), 1.0, 4.0)
    assert found.mean == pytest.approx(2.0 / 8)
    assert (found.agreement, found.iou) == (0.75, None)
    assert (found.measure, found.student, found.exported, found.lost) == ("accuracy", 0.75, 0.5, 0.25)


def test_parity_of_numbers_is_a_share_of_the_error() -> None:
    question = Question.numbers(["price"])
    examples = Examples.of(torch.zeros(3, 1), torch.zeros(3, 1), question=question)
    found = parity(
        lambda x: {"main": torch.full((len(x), 1), 2.0)}, lambda x: {"main": torch.full((len(x), 1), 2.5)},
        examples, question,
    )  # fmt: skip
    assert (found.measure, found.student, found.exported, found.lost) == ("RMSE", 2.0, 2.5, 0.25)
    assert found.agreement is None


def test_parity_of_masks_is_their_overlap() -> None:
    question = Question.tags(["salt"], grid=("height", "width"))
    one, other = torch.full((1, 2, 2, 1), -1.0), torch.full((1, 2, 2, 1), -1.0)
    one[0, 0], other[0, :, 0] = 1.0, 1.0  # the upper row, the left column: 1 of 3 pixels in common
    examples = Examples.of(torch.zeros(1, 1, 2, 2, dtype=torch.uint8)).asked(question)
    found = parity(lambda x: {"main": one}, lambda x: {"main": other}, examples, question)
    assert found.iou == pytest.approx(1 / 3)
    assert found.agreement == 0.5
    assert found.measure is None


def test_examples_that_ask_something_else(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", CASES["mlp of classes"])
    with pytest.raises(MismatchError, match="do not ask the same question"):
        export_run(run, tmp_path / "out", evaluation_set=examples_of(CASES["cnn of classes"]))
    with pytest.raises(MismatchError, match="not of the shape"):
        narrow = examples_of(CASES["mlp of classes"])
        export_run(run, tmp_path / "out", evaluation_set=dataclasses.replace(narrow, inputs=narrow.inputs[..., :8]))
    assert not left_in(tmp_path)


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ROWS)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        export_run(run, tmp_path / "out", evaluation_set=examples_of(ROWS))
    assert left_in(tmp_path / "out") == ["mine"]


def test_what_is_no_run_and_what_cannot_be_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a finished run"):
        export_run(tmp_path / "nowhere", tmp_path / "out", evaluation_set=examples_of(ROWS))
    case = ROWS._replace(question=Question.numbers(["two\nlines"]))
    with pytest.raises(InputError, match=r"cannot be a line of labels\.txt"):
        export_run(make_run(tmp_path / "run", case), tmp_path / "out", evaluation_set=examples_of(case))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "onx"}, "did you mean onnx"),
        ({"int8": "statik"}, "did you mean static"),
        ({"calibration": 8}, "calibration is not usable"),
        ({"most_lost": 2.0}, "most_lost is not usable"),
    ],
)
def test_settings_out_of_range(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        ExportSettings(**changes)


def test_a_machine_without_the_libraries_is_told_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", ROWS)
    monkeypatch.setattr(onnx_models, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(MissingExtraError, match=r"needs onnxscript.*joryu\[onnx\]"):
        export_run(run, tmp_path / "out", evaluation_set=examples_of(ROWS))


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", ROWS)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JoryuError, match=r"cannot write the folder .*No space left"):
        export_run(run, tmp_path / "out", evaluation_set=examples_of(ROWS))
    assert not left_in(tmp_path)


KILLED = """
import os, signal, sys
from pathlib import Path
import onnx
sys.path.insert(0, sys.argv[2])
from exported import CASES, examples_of
from joryu.export import export_run, onnx_models
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
root, case = Path(sys.argv[1]), CASES["rows of numbers"]
onnx_models.float_onnx = lambda *_: onnx.load(root / "run" / "form.onnx")
export_run(root / "run", root / "out", evaluation_set=examples_of(case))
"""


@pytest.mark.slow
def test_killed_before_the_end_there_is_no_folder_and_the_next_export_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", ROWS)

    def kept(*asked: Any) -> Any:
        """Kept for the process that is killed: to export takes it many seconds, most of them of imports."""
        form = float_onnx(*asked)
        onnx.save(form, run / "form.onnx")
        return form

    with monkeypatch.context() as patch:
        patch.setattr(onnx_models, "float_onnx", kept)
        export_run(run, tmp_path / "run" / "first", evaluation_set=examples_of(ROWS))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, Path(__file__).parent], check=False, capture_output=True
    )
    assert done.returncode == -9, done.stderr
    assert left_in(tmp_path) == [".out.partial"]
    export_run(run, tmp_path / "out", evaluation_set=examples_of(ROWS))
    assert left_in(tmp_path) == ["out"]
