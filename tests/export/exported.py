"""Students of every kind with the examples that judge and teach them, and their exported folders."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from joryu.examples import Examples
from joryu.examples.preparation import PicturePreparation
from joryu.examples.tabular.preparation import CategoryColumn, NumberColumn, TablePreparation
from joryu.export.contents import described
from joryu.export.predict_script import predict_script
from joryu.questions import PICTURE, Question
from joryu.students import Blueprint, save_student
from joryu.training.checkpoint import write_json

GREY = PicturePreparation(channels=1, height=12, width=12)
WIDE = PicturePreparation(channels=3, height=10, width=16)
TABLE = TablePreparation(
    columns=(
        NumberColumn(name="age", mean=40.0, std=10.0, missing=True),
        CategoryColumn(name="colour", values=("blue", "red", "1"), missing=True),
        NumberColumn(name="size", mean=1.0, std=0.5),
    )
)


class Case(NamedTuple):
    architecture: str
    question: Question
    preparation: Any
    heads: Mapping[str, tuple[str, ...]] = MappingProxyType({})


CASES = {
    "mlp of classes": Case("mlp:12x1", Question.one_of(["a", "b", "ç"]), GREY),
    "cnn of classes": Case("cnn:6x3", Question.one_of(3), WIDE),
    "cnn of tags": Case("cnn:6x2,dropout=0.3", Question.tags(["red", "round"]), GREY),
    "table of numbers": Case("mlp:12x1", Question.numbers(["price", "weight"]), TABLE,
                             {"log_variance": ("price", "weight")}),
    "table of classes, embedded": Case("mlp:12x1,embed=2", Question.one_of(["x", "y"]), TABLE, {"signals": ("eye",)}),
    "rows of numbers": Case("mlp:12x1", Question.numbers(["price"]), None),
    "unet of masks": Case("unet:4x2", Question.tags(["salt", "other"], grid=PICTURE), WIDE),
    "unet of classes": Case("unet:4x1", Question.one_of(["sky", "sea", "land"], grid=PICTURE), GREY),
    "separable unet of masks": Case("separable-unet:4x2", Question.tags(["salt"], grid=PICTURE), WIDE),
    "unet with an encoder": Case("smp:unet/mobilenet_v2", Question.one_of(["sky", "sea"], grid=PICTURE),
                                 PicturePreparation(channels=3, height=32, width=32)),
    "frozen layers, a head of tags": Case("timm:test_resnet,frozen=3,head=flat/8,dropout=0.3", Question.tags(
        ["red", "round", "sweet"]), PicturePreparation(channels=3, height=32, width=32)),
    "depthwise": Case("timm:mobilenetv3_small_050", Question.one_of(3), PicturePreparation(
        channels=3, height=32, width=32)),
}  # fmt: skip


def shape_of(case: Case) -> tuple[int, ...]:
    if case.preparation is None:
        return (5,)
    if case.preparation.kind == "table":
        return (len(case.preparation.inputs),)
    return (case.preparation.channels, case.preparation.height, case.preparation.width)


def inputs_of(case: Case, n: int) -> Tensor:
    source = torch.Generator().manual_seed(n)
    if len(shape_of(case)) == 1:
        return torch.randn(n, *shape_of(case), generator=source)
    return torch.randint(0, 256, (n, *shape_of(case)), generator=source, dtype=torch.uint8)


def labels_of(case: Case, n: int) -> Tensor:
    source, many = torch.Generator().manual_seed(n + 1), len(case.question)
    sites = shape_of(case)[1:] if case.question.grid else ()
    if case.question.link == "identity":
        return torch.randn(n, many, generator=source)
    if case.question.link == "sigmoid":
        return torch.randint(0, 2, (n, *sites, many), generator=source)
    return torch.randint(0, many, (n, *sites), generator=source)


def examples_of(case: Case, n: int = 20, *, labelled: bool = True) -> Examples:
    labels = labels_of(case, n) if labelled else None
    found = Examples.of(inputs_of(case, n), labels, question=case.question, name="made up")
    return found if labelled else found.asked(case.question)


def make_run(folder: Path, case: Case, *, quantisation: Literal["int8"] | None = None) -> Path:
    """A finished run with chosen weights, its batch norms warmed up, or its ranges; nothing was trained."""
    torch.manual_seed(1)
    colours = case.preparation.channels if len(shape_of(case)) == 3 else 1
    plan = Blueprint(
        architecture=case.architecture, input_shape=shape_of(case), question=case.question.answer,
        heads=dict(case.heads), preparation=case.preparation, scale=1 / 255 if len(shape_of(case)) == 3 else 1.0,
        mean=(0.45,) * colours, std=(0.25,) * colours, quantisation=quantisation,
        **({"output_mean": (3.0,) * len(case.question), "output_std": (2.0,) * len(case.question)}
           if case.question.link == "identity" else {}),
    )  # fmt: skip
    student = plan.build().train()
    for _ in range(3):
        student(inputs_of(case, 16))
    save_student(folder, student, plan)
    recipe = {"seed": 0}
    request = {"recipe": recipe, "objective": {"name": "distillation"}, "examples": {"n": 1, "content": ""}}
    write_json(folder / "run.json", {"request": request, "notes": {}, "finished": "today"})
    return folder


def script_of(folder: Path, plan: Blueprint, dtype: torch.dtype = torch.uint8) -> ModuleType:
    """The ``predict.py`` of a student of this plan, imported; its model is not there."""
    said = described(plan, dtype, runtime="onnx", fingerprint="", models={"model.onnx": {"kind": "float"}})
    (folder / "student.json").write_text(json.dumps(said))
    (folder / "predict.py").write_text(predict_script(plan, "onnx"))
    spec = importlib.util.spec_from_file_location("exported_predict", folder / "predict.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
