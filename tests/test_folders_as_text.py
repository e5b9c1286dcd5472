"""Who names a folder may name it as text: whatever the library exports takes a str where it takes a Path."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import joryu

ROOMS = (
    "annotations",
    "evaluation",
    "examples",
    "objectives",
    "report",
    "serving",
    "students",
    "targets",
    "teachers",
    "training",
)


def exported() -> Iterator[tuple[str, Callable[..., Any]]]:
    for room in ("joryu", *(f"joryu.{room}" for room in ROOMS)):
        module = importlib.import_module(room)
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isfunction(found):
                yield f"{room}.{name}", found
            if inspect.isclass(found):
                for method in ("__init__", "open", "create", "read", "write"):
                    if inspect.isroutine(getattr(found, method, None)):
                        yield f"{room}.{name}.{method}", getattr(found, method)


RECORDS = (  # that the library makes and hands out; nobody builds them from text
    "joryu.training.Trained",
    "joryu.Store.__init__",
    "joryu.targets.Store.__init__",
    "joryu.annotations.Project.__init__",
)


def test_no_exported_function_insists_on_a_path() -> None:
    refused = []
    for name, found in exported():
        for parameter in inspect.signature(found).parameters.values():
            said = str(parameter.annotation)
            if "Path" in said and "str" not in said and not name.startswith(RECORDS):
                refused.append(f"{name}({parameter.name}: {said})")
    assert not refused


def test_a_run_and_its_student_by_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = joryu.load_examples("digits").select(range(200))
    recipe = joryu.Recipe(epochs=1, precision="32-true")
    run = joryu.Run("run")
    done = joryu.train_on_labels("mlp:4x1", examples, validation=0.2, recipe=recipe, run=run)
    module, blueprint = joryu.load_student("run")
    assert blueprint == done.blueprint
    assert torch.equal(module(examples.inputs), done.module(examples.inputs))
    again = joryu.Run("next", begin_with="run")
    assert (again.folder, again.begin_with) == (Path("next"), Path("run"))
    joryu.train_on_labels("mlp:4x1", examples, validation=0.2, recipe=recipe, run=again)
