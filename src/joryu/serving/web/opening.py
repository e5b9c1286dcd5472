"""From what a command names (a run, or a teacher's spec) to something that answers about pictures or rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import torch

from joryu.errors import InputError
from joryu.examples.preparation import PicturePreparation, Preparation
from joryu.questions import Question
from joryu.serving.answers import Answer
from joryu.serving.asked_teacher import AskedTeacher
from joryu.serving.files import is_folder
from joryu.serving.inputs import Tell, Wanted
from joryu.serving.predictor import Predicted, Predictor, load
from joryu.teachers.spec import load_for_pictures
from joryu.teachers.trained import run_of


class Behind(Protocol):
    """What a student's predictor and an asked teacher have in common."""

    @property
    def question(self) -> Question: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def preparation(self) -> Preparation | None: ...

    @property
    def predict_each(self) -> Callable[[Iterable[Wanted]], Iterator[Predicted]]: ...


class Opened(NamedTuple):
    """A model that is ready to be asked; ``of_json`` answers about what comes as JSON and not in files."""

    behind: Behind
    of_json: Callable[[Any], list[Answer]] | None = None


def open_model(
    spec: str,
    *,
    question: Question | None = None,
    size: int | None = None,
    threshold: float | None = None,
    batch: int = 32,
    tell: Tell | None = None,
) -> Opened:
    """Open a run folder, or a teacher that is a network.

    Args:
        spec: a run folder, ``run:DIR``, or another spec of `joryu.teachers.load_teacher`.
        question: what the network answers, if it does not know it itself (``timm:``, ``module:``).
        size: height and width of what it is shown, if it does not say that itself.
        threshold: of tags and masks.
        batch: the most pictures that it is shown at a time.
        tell: hears what was guessed.

    Raises:
        InputError, MismatchError, MissingExtraError: it cannot be opened.
    """
    folder = Path(spec) if is_folder(spec) else run_of(spec)
    if folder is not None:
        if question is not None or size is not None:
            raise InputError(
                "a run knows its own names and size", expected="neither --classes, --tags nor --size", received=spec
            )
        student = load(folder, threshold=threshold, batch_size=batch, tell=tell)
        return Opened(student, _of_json(student))
    if ":" not in spec:
        raise InputError(f"{spec} is no run", expected="a run folder, or a teacher such as tflite:FILE")
    teacher, preparation = load_for_pictures(spec, question=question, size=size)
    return Opened(AskedTeacher(teacher, preparation, threshold=threshold, batch_size=batch))


def warm_up(model: Opened) -> None:
    """Show it one grey picture, so that the first client does not wait for what is only done once."""
    prepared = model.behind.preparation
    if model.of_json is None and isinstance(prepared, PicturePreparation):
        from PIL import Image  # noqa: PLC0415 - once

        list(model.behind.predict_each([Wanted(Image.new("L", (prepared.width, prepared.height), 128), "warm-up")]))


def _of_json(student: Predictor) -> Callable[[Any], list[Answer]] | None:
    kind = None if student.preparation is None else student.preparation.kind
    return None if kind in _FILES else partial(_rows if kind == "table" else _inputs, student)


_FILES: Final = {"pictures", "tiles"}


def _rows(student: Predictor, said: Any) -> list[Answer]:
    """Answers about a table: ``{"column": [values]}``, or a list of rows as objects."""
    if isinstance(said, list) and said and all(isinstance(row, dict) for row in said):
        names = list(dict.fromkeys(name for row in said for name in row))
        said = {name: [row.get(name) for row in said] for name in names}
    if not isinstance(said, dict) or not all(isinstance(column, list) for column in said.values()):
        raise InputError(
            "this is no table", expected='columns {"age": [31, 44]} or rows [{"age": 31}, {"age": 44}]',
            received=type(said).__name__,
        )  # fmt: skip
    return student.predict(said)


def _inputs(student: Predictor, said: Any) -> list[Answer]:
    """Answers about raw inputs: nested lists of numbers, one batch."""
    try:
        inputs = torch.tensor(said, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InputError("this is no batch of inputs", expected="nested lists of numbers", received=error) from error
    return student.predict(inputs)
