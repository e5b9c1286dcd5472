"""What a student is as a LiteRT model; needs litert-torch, which is in no other extra, and skips without it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from exported import CASES, examples_of, inputs_of, make_run

from joryu.errors import InputError, MissingExtraError
from joryu.export import ExportSettings, export_run
from joryu.export.graph import output_names
from joryu.export.litert import litert_answers
from joryu.questions import MAIN
from joryu.students import load_student
from joryu.students.named_outputs import outputs_of

TINY = "mlp of classes"
needed = pytest.mark.skipif(find_spec("litert_torch") is None, reason="litert-torch is in the extra litert")


@needed
@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_it_answers_as_the_student(name: str, tmp_path: Path) -> None:
    case, run = CASES[name], make_run(tmp_path / "run", CASES[name])
    done = export_run(
        run, tmp_path / "out", evaluation_set=examples_of(case), teaching=None, settings=ExportSettings(format="litert")
    )
    assert {path.name for path in done.folder.iterdir()} >= {"model.tflite", "predict.py", "requirements.txt"}
    assert "onnx" not in (done.folder / "requirements.txt").read_text()
    student, plan = load_student(run)
    inputs = inputs_of(case, 5)
    found = litert_answers((done.folder / "model.tflite").read_bytes(), output_names(plan))(inputs)
    for part, wanted in outputs_of(student, inputs).items():
        if part in found:
            np.testing.assert_allclose(found[part], wanted.detach(), atol=1e-3, rtol=1e-3)
    assert MAIN in found


def test_int8_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="int8 is exported to ONNX alone"):
        ExportSettings(format="litert", int8="static")


@pytest.mark.skipif(find_spec("litert_torch") is not None, reason="litert-torch is installed")
def test_a_machine_without_it_says_which_extra(tmp_path: Path) -> None:
    case = CASES[TINY]
    run = make_run(tmp_path / "run", case)
    with pytest.raises(MissingExtraError, match=r"joryu\[litert\]"):
        export_run(
            run,
            tmp_path / "out",
            evaluation_set=examples_of(case),
            teaching=None,
            settings=ExportSettings(format="litert"),
        )
    assert not (tmp_path / "out").exists()
