"""What the library is called for leaves the caller's process as it was; only our own command line makes settings."""

from __future__ import annotations

import csv
import logging
import os
import random
import signal
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

import joryu
from joryu.allocator import keep_freed_memory
from joryu.cli import main
from joryu.students import Blueprint, save_student

#: set the environment and filter warnings when they are first imported, whoever imports them; that is theirs
IMPORTED_FIRST = ("lightning_fabric", "lightning_fabric.strategies", "tensorboardX", "torch._inductor.config")


def settings_of_the_process() -> dict[str, Any]:
    """Everything of the process that a library could change for its caller."""
    return {
        "environment": dict(os.environ),
        "allocator": keep_freed_memory.cache_info().currsize,
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "numbers": (torch.get_default_dtype(), torch.get_float32_matmul_precision()),
        "kernels": (
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark, torch.backends.mkldnn.flags,
            torch.are_deterministic_algorithms_enabled(),
        ),
        "randomness": (torch.random.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())),
        "warnings": list(warnings.filters),
        "numpy": np.geterr() | {"printing": str(np.get_printoptions())},
        "pillow": (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS),
        "matplotlib": dict(mpl.rcParams),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "logging": [
            (logging.getLogger(name).level, list(logging.getLogger(name).filters), logging.getLogger(name).disabled)
            for name in ("", "lightning_fabric", "torch", "torch.utils.cpp_extension", "PIL", "matplotlib")
        ],
        "python": (Path.cwd(), list(sys.path), sys.getrecursionlimit(), sys.excepthook, csv.field_size_limit()),
    }  # fmt: skip


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    plan = Blueprint(architecture="mlp:8x1", input_shape=(1, 8, 8), classes=tuple(map(str, range(10))), scale=1 / 16)
    save_student(tmp_path / "teacher", plan.build(), plan)
    return tmp_path / "teacher"


def test_the_library_leaves_the_callers_process_alone(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as some libraries leave it
    keep_freed_memory.cache_clear()
    for library in IMPORTED_FIRST:
        import_module(library)
    examples = joryu.load_examples("digits")
    Image.fromarray(examples.inputs[0, 0].numpy()).save(tmp_path / "one.png")
    before = settings_of_the_process()
    who = joryu.load_teacher(f"run:{teacher}")
    store = joryu.label_examples(who, examples, tmp_path / "targets", views=joryu.parse_views("shift:1"), n_views=1)
    joryu.audit(store, examples)
    joryu.verify(store, who, examples, sample=8)
    setup = joryu.DistillationSetup(student="mlp:4x1", twin=True, validation=0.2, test=0.2, allow_dead_teacher=True)
    recipe = joryu.Recipe(epochs=2, batch_size=32)
    joryu.distill(examples, store, setup=setup, recipe=recipe, run=joryu.Run(tmp_path / "run"))
    joryu.report_run(tmp_path / "run")
    joryu.load(tmp_path / "run").predict(tmp_path / "one.png")
    after = settings_of_the_process()
    assert {name: value for name, value in after.items() if before[name] != value} == {}


def test_a_long_cell_is_read_and_the_limit_of_python_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for at in range(2):
        Image.new("L", (8, 8), at).save(tmp_path / "set" / f"{at}.png")
    cell = "sea;" * 40_000
    (tmp_path / "set" / "tags.csv").write_text(f"file,tags\n0.png,{cell}\n1.png,sky\n", encoding="utf-8")
    assert csv.field_size_limit() == 128 * 1024  # as Python has it, and not as an import left it
    assert joryu.load_examples(f"folder:{tmp_path / 'set'}").classes == ("sea", "sky")
    assert csv.field_size_limit() == 128 * 1024


def test_the_command_line_keeps_freed_memory(tmp_path: Path, teacher: Path) -> None:
    keep_freed_memory.cache_clear()
    with pytest.raises(SystemExit) as ended:
        main(["label", "--teacher", f"run:{teacher}", "--examples", "digits", "--out", str(tmp_path / "targets")])
    assert ended.value.code == 0
    assert keep_freed_memory.cache_info().currsize == 1
