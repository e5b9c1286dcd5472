"""What every exported student keeps, whatever it is asked: one row a kind in ``exported.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from exported import CASES, Case, examples_of, inputs_of, make_run
from PIL import Image

from joryu.export import Exported, ExportSettings, export_run
from joryu.questions import LOG_VARIANCE, MAIN
from joryu.serving import load
from joryu.students import load_student
from joryu.students.named_outputs import outputs_of

onnx = pytest.importorskip("onnx", reason="onnx is in the extra onnx")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")
pytest.importorskip("onnxscript", reason="onnxscript is in the extra onnx")
pytestmark = pytest.mark.slow


class Done(NamedTuple):
    case: Case
    run: Path
    folder: Path
    exported: Exported


@pytest.fixture(scope="module", params=list(CASES))
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    if request.param == "depthwise":
        pytest.importorskip("timm", reason="timm is in the extra vision")
    case, root = CASES[request.param], tmp_path_factory.mktemp("export")
    run = make_run(root / "run", case)
    settings = ExportSettings(int8="static", calibration=64, most_lost=1.0)
    exported = export_run(
        run, root / "out", evaluation_set=examples_of(case), teaching=examples_of(case, 96), settings=settings
    )
    return Done(case, run, root / "out", exported)


def asked(model: Path, inputs: torch.Tensor) -> dict[str, Any]:
    options = ort.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, {"inputs": inputs.numpy()}), strict=True))


@pytest.mark.parametrize("n", [1, 2, 5, 33])
def test_the_float_model_gives_what_the_student_gives_for_any_batch(done: Done, n: int) -> None:
    student, _ = load_student(done.run)
    inputs = inputs_of(done.case, n)
    with torch.no_grad():
        wanted = outputs_of(student, inputs)
    found = asked(done.folder / "model.onnx", inputs)
    main = wanted[MAIN].movedim(-1, 1) if done.case.question.grid else wanted[MAIN]
    if done.case.question.link.has_probs:
        assert set(found) == {"logits", "probs"}
        probs = done.case.question.link.probs(wanted[MAIN])
        probs = probs.movedim(-1, 1) if done.case.question.grid else probs
        np.testing.assert_allclose(found["logits"], main, atol=2e-5, rtol=1e-4)
        np.testing.assert_allclose(found["probs"], probs, atol=1e-5)
    else:
        np.testing.assert_allclose(found["values"], main, atol=2e-5, rtol=1e-4)
        assert (LOG_VARIANCE in found) == (LOG_VARIANCE in done.case.heads)
        if LOG_VARIANCE in found:
            np.testing.assert_allclose(found[LOG_VARIANCE], wanted[LOG_VARIANCE], atol=2e-5, rtol=1e-4)


def test_the_models_are_sound_and_say_what_they_are(done: Done) -> None:
    for name, kind in (("model.onnx", "float"), ("model.int8.onnx", "int8")):
        model = onnx.load(done.folder / name)
        onnx.checker.check_model(model, full_check=True)
        assert [(one.domain, one.version) for one in model.opset_import] == [("", 20)]
        said = {one.key: one.value for one in model.metadata_props}
        assert said["joryu.kind"] == kind
        assert json.loads(said["joryu.question"])["names"] == list(done.case.question.names)
        assert said["joryu.fingerprint"] == load(done.run).fingerprint
        (given,) = model.graph.input
        assert given.name == "inputs"
        assert given.type.tensor_type.shape.dim[0].dim_param, "the batch is fixed"
        assert given.type.tensor_type.elem_type == (onnx.TensorProto.UINT8 if is_pictures(done.case) else 1)
        assert b".py" not in model.SerializeToString(), "paths of the machine that exported it"


def is_pictures(case: Case) -> bool:
    return case.preparation is not None and case.preparation.kind == "pictures"


def test_int8_computes_in_8_bits_and_stays_near(done: Done) -> None:
    kinds = [node.op_type for node in onnx.load(done.folder / "model.int8.onnx").graph.node]
    assert "QuantizeLinear" in kinds
    found = done.exported.parities["model.int8.onnx"]
    assert 0 < found.largest < 0.25 * max(1.0, found.size)
    assert done.exported.parities["model.onnx"].largest < 1e-4 * max(1.0, found.size)


def test_parity_is_of_several_batches_and_by_the_labels(done: Done) -> None:
    for found in done.exported.parities.values():
        assert found.n == 20
        assert {1, 2, 7} <= set(found.batches)
        assert found.measure is not None
        assert (found.agreement is None) == (not done.case.question.link.has_probs)
        assert (found.iou is None) == (not done.case.question.grid)


def ask(done: Done, *words: object) -> list[dict[str, Any]]:
    """``predict.py`` where nothing of Joryu can be imported."""
    words = (sys.executable, "-I", "-c", BARE, done.folder / "predict.py", *words)
    said = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=120)
    assert said.returncode == 0, said.stderr + said.stdout
    return [json.loads(line) for line in said.stdout.splitlines()]


BARE = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("joryu", "torch", "onnx", "scipy", "pandas", "pyarrow"):
            raise ImportError(f"{name} is not in a bare environment")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_folder_answers_by_itself_what_joryu_predicts(done: Done, tmp_path: Path) -> None:
    files, masks = FILES[None if done.case.preparation is None else done.case.preparation.kind](tmp_path, done.case)
    found = ask(done, *files, *(["--out", masks] if done.case.question.grid else []))
    predictor = load(done.run, tell=lambda _: None)
    if done.case.preparation is None:
        wanted = [answer.to_json() for answer in predictor.predict(np.load(files[0]))]
    else:
        wanted = [one.to_json() for one in predictor.predict_each(map(str, files))]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        if done.case.question.grid:
            assert_masks_alike(predictor, one, masks)
            one.pop("masks")
        assert_alike(one, {**other, **{name: one[name] for name in ("file", "row") if name in one}})


def assert_masks_alike(predictor: Any, found: dict[str, Any], folder: Path) -> None:
    for name, mask in predictor.predict(found["file"]).masks().items():
        written = np.asarray(Image.open(folder / found["masks"][name]))
        assert written.shape == mask.shape
        assert written.dtype == mask.dtype
        assert (written != mask).mean() < 1e-3, "more than pixels on the edge of a decision differ"


def assert_alike(one: Any, other: Any) -> None:
    if isinstance(other, dict):
        assert set(one) == set(other)
        for name in other:
            assert_alike(one[name], other[name])
    elif isinstance(other, float):
        assert one == pytest.approx(other, abs=1e-4, rel=1e-4)
    else:
        assert one == other


def some_pictures(folder: Path, case: Case) -> tuple[list[Path], Path]:
    slope = np.arange(60)[None, :, None] * 4 + np.arange(40)[:, None, None]
    noise = np.random.default_rng(0).integers(0, 90, (40, 60, 3))
    pixels = (slope * [1.0, 0.6, 0.2] + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "large.png")
    Image.fromarray(pixels[:9, :7]).convert("L").save(folder / "small.png")
    Image.fromarray(pixels).save(folder / "lying.jpg", exif=orientation(6))
    return [folder / name for name in ("large.png", "small.png", "lying.jpg")], folder / "masks"


def orientation(number: int) -> Any:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def a_table(folder: Path, case: Case) -> tuple[list[Path], Path]:
    (folder / "t.csv").write_text("\ufeffname;size;age;colour\nx; 1.5 ;;red\ny;-2e-1;50;\n\nz;+3;4;1.0\n", "utf-8")
    (folder / "u.csv").write_text('age,colour,size\n1,"bl""ue",2\n?,blue,.5\n')
    return [folder / "t.csv", folder / "u.csv"], folder


def an_array(folder: Path, case: Case) -> tuple[list[Path], Path]:
    np.save(folder / "rows.npy", inputs_of(case, 4).numpy())
    return [folder / "rows.npy"], folder


FILES: dict[str | None, Callable[[Path, Case], tuple[list[Path], Path]]] = {
    "pictures": some_pictures, "table": a_table, None: an_array,
}  # fmt: skip


def test_the_folder_holds_what_the_card_says(done: Done) -> None:
    card = (done.folder / "README.md").read_text()
    names = {path.name for path in done.folder.iterdir()}
    assert names == {
        "README.md", "labels.txt", "model.int8.onnx", "model.onnx", "predict.py", "requirements.txt", "student.json",
    }  # fmt: skip
    assert all(f"`{name}`" in card for name in names - {"README.md"})
    assert "Licences" in card
    assert "Teacher: unknown. It learned from a teacher's answers" in card  # as its objective says
    assert (done.folder / "labels.txt").read_text("utf-8").splitlines() == list(done.case.question.names)
    assert len((done.folder / "predict.py").read_text().splitlines()) < 120
    wanted = (done.folder / "requirements.txt").read_text().split()
    assert ("pillow>=11" in wanted) == is_pictures(done.case)
    assert not list(done.folder.parent.glob(".*partial*"))
