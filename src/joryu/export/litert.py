"""A student as a LiteRT model (``.tflite``), by litert-torch: a heavy library, in an extra of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from joryu.errors import InputError, JoryuError, MissingExtraError
from joryu.export.by_ranges import quiet
from joryu.export.contents import FLOAT
from joryu.export.graph import deployed, output_names, says_spread
from joryu.export.parity import student_answers
from joryu.export.refused import cannot_export
from joryu.export.running import Answers, as_outputs
from joryu.export.settings import ExportSettings
from joryu.export.source import Model, Source
from joryu.questions import Link, Question


class WithProbs(nn.Module):
    """A student that gives logits and probabilities, or numbers as they are: what the model's outputs are."""

    def __init__(self, student: nn.Module, question: Question, *, spread: bool) -> None:
        super().__init__()
        self.student, self.link, self.n, self.spread = student, question.link, len(question), spread

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        outputs: Tensor = self.student(inputs)
        if self.link is Link.SOFTMAX:
            return outputs, outputs.softmax(1)
        if self.link is Link.SIGMOID:
            return outputs, outputs.sigmoid()
        return (outputs[:, : self.n], outputs[:, self.n :]) if self.spread else (outputs,)


def require_litert() -> None:
    """Check that what an export to LiteRT needs is installed.

    Raises:
        MissingExtraError: something is not.
    """
    if find_spec("litert_torch") is None:
        raise MissingExtraError("litert-torch", "litert", "a LiteRT export")
    if find_spec("ai_edge_litert") is None:
        raise MissingExtraError("ai-edge-litert", "litert", "checking a LiteRT export")


def litert_models(source: Source, settings: ExportSettings) -> list[Model]:
    """``model.tflite``, for one example at a time: LiteRT's models have a batch of a fixed size.

    Raises:
        MissingExtraError: litert-torch is not installed.
        InputError: the student learned to be int8, or has an operation that cannot be exported.
    """
    if source.learned_ranges:
        raise InputError(
            "int8 is exported to ONNX alone", expected="--format onnx, or a float student",
            received="a student fine-tuned for int8, and --format litert",
        )  # fmt: skip
    require_litert()
    spread = says_spread(source.plan)
    module = WithProbs(deployed(source.student, source.plan), source.plan.question, spread=spread).eval()
    content = _converted(module, source.shown[:1], source.plan.architecture)
    answers = litert_answers(content, output_names(source.plan))
    return [Model("model.tflite", FLOAT, content, answers, student_answers(source.student), "in float32")]


def _converted(module: nn.Module, shown: Tensor, name: str) -> bytes:
    import litert_torch  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, quiet():
        out = Path(folder) / "model.tflite"
        try:
            litert_torch.convert(module, (shown,)).export(str(out))
        except JoryuError:
            raise
        except Exception as error:  # what a converter raises at somebody else's network
            raise cannot_export(error, name, "LiteRT") from error
        return out.read_bytes()


def litert_answers(content: bytes, names: tuple[str, ...]) -> Answers:
    """What a model answers in LiteRT, one example after another.

    Raises:
        MissingExtraError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert", "litert", "checking a LiteRT export") from error
    ask = Interpreter(model_content=content).get_signature_runner()

    def answer(inputs: Tensor) -> Mapping[str, Tensor]:
        rows = [ask(args_0=row[None].numpy()) for row in inputs]
        found: dict[str, list[Any]] = {name: [row[f"output_{at}"] for row in rows] for at, name in enumerate(names)}
        joined = {name: torch.cat([torch.from_numpy(part) for part in parts]).numpy() for name, parts in found.items()}
        return as_outputs(joined)

    return answer
