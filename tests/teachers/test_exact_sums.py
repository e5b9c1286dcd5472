"""Which processors onnxruntime is told to add exactly: in the check, and in ``predict.py`` the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import joryu.export
from joryu.teachers.foreign import exact_sums as module
from joryu.teachers.foreign.exact_sums import exact_sums

TOLD = {"session.x64quantprecision": "1"}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("flags : avx2 avx512f avx512_vnni", {}),
        ("flags : avx2 avx_vnni", {}),
        ("flags : avx2 avx512f", TOLD),
        ("Features : fp asimd", TOLD),
        (None, TOLD),
    ],
)
def test_only_a_processor_that_names_vnni_is_not_told(
    flags: str | None, told: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(flags)
    monkeypatch.setattr(module, "_PROCESSORS", tmp_path / "cpuinfo")
    assert exact_sums() == told


def test_the_script_decides_alike() -> None:
    template = Path(joryu.export.__file__).parent / "templates/predict/onnx.py.j2"
    text = template.read_text()
    assert str(module._PROCESSORS) in text
    assert '"vnni" in cpu.read_text' in text
    assert all(f'"{name}", "{value}"' in text for name, value in TOLD.items())
