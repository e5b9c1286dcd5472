"""What can be tested of the arm64 comparison without an arm64 machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.aarch64 import differences, in_a_line, main

from benchmarks import aarch64, aarch64_root


def folder(tmp_path: Path, **models: bytes) -> Path:
    for name in ("predict.py", "requirements.txt"):
        (tmp_path / name).write_text("")
    for name, content in models.items():
        (tmp_path / f"{name}.onnx").write_bytes(content)
    return tmp_path


def answers(said: str, **outputs: list[float]) -> dict[str, Any]:
    return {"said": said, "outputs": {f"{name}.onnx/y": np.float32(values) for name, values in outputs.items()}}


def test_outputs_may_differ_by_what_float_rounds(tmp_path: Path) -> None:
    models = folder(tmp_path, plain=b"Conv", small=b"QuantizeLinear")
    here = answers("a", plain=[1.0, 2.0], small=[1.0, 2.0])
    there = answers("a", plain=[1.0, 2.000003], small=[1.0, 2.01])
    found = {one["what"]: (one["kind"], one["same"]) for one in differences(models, here, there)}
    assert found == {
        "predict.py": ("text", True), "plain.onnx/y": ("float", True), "small.onnx/y": ("int8", False),
    }  # fmt: skip
    far = answers("a", plain=[1.0, 2.00002], small=[1.0, 2.0])
    assert [one["same"] for one in differences(models, here, far)] == [True, False, True]
    other = answers("a", plain=[1.0], small=[1.0, 2.0])
    assert [one["same"] for one in differences(models, here, other)] == [True, False, True]


@pytest.mark.parametrize(
    ("here", "there", "same"),
    [
        ('{"label": "cat", "p": 0.912345}', '{"label": "cat", "p": 0.912345}', True),
        ('{"label": "cat", "p": 0.912345}', '{"label": "cat", "p": 0.912346}', True),
        ('{"label": "cat", "p": 0.912345}', '{"label": "cat", "p": 0.912355}', False),
        ('{"label": "cat", "p": 0.5}', '{"label": "dog", "p": 0.5}', False),
        ("class 3", "class 4", False),
        ("p 0.5", "p 0.5 and more", False),
    ],
)
def test_what_predict_says_may_differ_in_the_last_digit_alone(
    here: str, there: str, same: bool, tmp_path: Path
) -> None:
    assert differences(folder(tmp_path), answers(here), answers(there))[0]["same"] is same


def test_a_line_says_how_far_apart() -> None:
    record = {"cpu": "cortex-a53", "what": "m.onnx/y", "kind": "float", "same": False, "largest": 0.25}
    assert in_a_line(record) == "cortex-a53  m.onnx/y (float): TOO FAR APART, largest difference 0.25"


def test_a_folder_that_was_not_exported_and_a_machine_that_lacks_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([str(tmp_path / "nothing")]) == 2
    assert "is no exported folder (expected predict.py)" in capsys.readouterr().err
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert main([str(folder(tmp_path))]) == 2
    said = capsys.readouterr().err
    assert said.startswith("aarch64: this machine lacks qemu-aarch64-static, apt-get, dpkg")
    assert said.count("\n") == 1


@pytest.mark.skipif(
    shutil.which("apt-get") is None or not aarch64_root.KEYRING.is_file(), reason="needs apt and Debian's keyring"
)
def test_a_machine_without_a_network_says_so_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aarch64_root, "MIRROR", "http://localhost:9/debian")
    monkeypatch.setattr(aarch64, "require_tools", lambda: None)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    exported = folder(tmp_path)
    assert main([str(exported), "--root", str(tmp_path / "root")]) == 2
    said = capsys.readouterr().err
    assert "aarch64: cannot read Debian's lists: " in said
    assert said.count("\n") == 1
    assert not (tmp_path / "root" / "root.complete").exists()


def test_processors_are_shown(tmp_path: Path) -> None:
    aarch64_root.show_processors(tmp_path)
    cpus = tmp_path / "sys/devices/system/cpu"
    assert (cpus / "possible").read_text() == (cpus / "present").read_text() == "0-3\n"
    assert (cpus / "cpu3/cache/index0/size").read_bytes() == b""
