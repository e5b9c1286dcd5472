"""`load` and `Predictor`: use a student, given only its run folder."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, final, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.evaluation.predictions import device_of, evaluating
from joryu.examples.preparation import PicturePreparation, Preparation
from joryu.examples.tabular import TablePreparation
from joryu.examples.tiling import TilePreparation
from joryu.precision import Answering, computing_at, require_answering
from joryu.questions import Question
from joryu.serving.answers import Answer, answers_by, require_settings
from joryu.serving.files import is_folder, walk
from joryu.serving.framing import Framing
from joryu.serving.inputs import ReadInput, Tell, Wanted, reader_of
from joryu.serving.raw import raw_inputs
from joryu.students import Blueprint, load_student, require_inputs
from joryu.students.blueprint import fingerprint
from joryu.students.micro_batches import answers_of

THRESHOLD: Final = 0.5
_BATCH, _PIXEL_BATCH = 512, 32  #: the batch of `joryu.evaluation.predict_logits`; smaller for questions about pixels
_MOST_VALUES = 2**24  #: the most values in the inputs of one batch

One = str | Path | bytes | Image.Image
Columns = Mapping[str, Sequence[Any]]  #: a table as lists by column; a pyarrow table works too, but has no type hints
Many = Sequence[One] | Tensor | npt.NDArray[Any] | Columns


@dataclass(frozen=True, slots=True)
class Predicted:
    """The prediction for one file, or for one ``row`` of a table; without an ``answer``, the ``reason``.

    ``masks`` are the files that its masks were written to, by what they show. ``seen`` is the part of a picture that
    the student was shown.
    """

    wanted: Wanted
    answer: Answer | None
    reason: str | None = None
    row: int | None = None
    masks: Mapping[str, str] = field(default_factory=dict)
    seen: Framing | None = None

    @property
    def name(self) -> str:
        """The file's name as it was given."""
        return self.wanted.name

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        """The file, the row of a table, and the answer or the error, as JSON-able values."""
        where = {"file": self.name} | ({} if self.row is None else {"row": self.row})
        if self.answer is None:
            return where | {"error": self.reason}
        return where | self.answer.to_json(top) | ({"masks": dict(self.masks)} if self.masks else {})


def load(
    run: Path | str,
    *,
    threshold: float | None = None,
    batch_size: int | None = None,
    precision: Answering = "32-true",
    device: torch.device | str = "cpu",
    tell: Tell | None = None,
) -> Predictor:
    """Load the student of a finished run for predictions. The twin inside a run folder is a run too (``RUN/twin``).

    >>> import tempfile
    >>> from joryu.students import save_student
    >>> plan = Blueprint(architecture="mlp:4x1", input_shape=(2,), question=Question.numbers(["price"]))
    >>> with tempfile.TemporaryDirectory() as run:
    ...     save_student(run, plan.build(), plan)
    ...     answers = load(run).predict(torch.zeros(3, 2))
    >>> [list(answer.numbers) for answer in answers]
    [['price'], ['price'], ['price']]

    Args:
        run: a run folder.
        threshold: of tags and masks, above which they hold (0.5).
        batch_size: examples the student is shown at a time.
        precision: ``bf16-mixed`` is up to twice as fast where the hardware multiplies it; of the networks looked at
            it moved probabilities by up to 0.01. The head stays in float32.
        device: where it works.
        tell: hears what was guessed, of a run or of a table; without it a warning is given.

    Raises:
        InputError: the folder is not a finished run, or a setting means nothing for its question.
    """
    module, blueprint = load_student(run)
    require_settings(blueprint.question, threshold=threshold)
    if batch_size is not None and batch_size < 1:
        raise InputError("is not usable", setting="batch_size", expected="an integer >= 1", received=batch_size)
    tell = tell or _warn
    return Predictor(
        module.to(device),
        blueprint,
        preparation=_preparation(blueprint, str(run), tell),
        settings=Settings(
            THRESHOLD if threshold is None else threshold,
            batch_size or _usual_batch(blueprint),
            require_answering(precision),
        ),
        tell=tell,
    )


class Settings(NamedTuple):
    """How a student is asked."""

    threshold: float
    batch_size: int
    precision: Answering = "32-true"


def paired(
    waiting: Sequence[ReadInput],
    question: Question,
    answers_to: Callable[[Tensor, Sequence[Framing | None]], list[Answer | None]],
    who: str,
) -> Iterator[Predicted]:
    """Ask about what could be read, all at once, and say of the rest why it could not, in the order it was given."""
    usable = [one for one in waiting if one.input is not None]
    rows = [one.input for one in usable if one.input is not None]
    answers = iter(answers_to(torch.from_numpy(np.stack(rows)), [one.seen for one in usable]) if rows else [])
    for one in waiting:
        if one.input is None:
            yield Predicted(one.wanted, None, one.reason, one.row)
            continue
        answer = next(answers)
        reason = None if answer is not None else f"{who}'s outputs for it are not finite"
        yield Predicted(one.wanted, answer, reason, one.row, seen=one.seen if question.grid else None)


@final
class Predictor:
    """A student that makes predictions; `load` makes one.

    ``question``: what it answers. ``preparation``: how a file or a table's row becomes its input (``None``: it takes
    only raw inputs). ``fingerprint``: a hash of everything that its answers depend on.
    """

    def __init__(
        self,
        module: nn.Sequential,
        blueprint: Blueprint,
        *,
        preparation: Preparation | None,
        settings: Settings,
        tell: Tell,
    ) -> None:
        self.question: Question = blueprint.question
        self.preparation = preparation
        self.threshold, self.batch_size, self.precision = settings
        prepared = "" if preparation is None else preparation.model_dump_json()
        self.fingerprint = fingerprint(module, blueprint.model_dump_json(), prepared)
        self._module, self._blueprint, self._tell = module, blueprint, tell
        self._answers = answers_by(blueprint.question)

    @overload  # a str is a sequence of str too; here it is one path
    def predict(self, what: One) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, what: Many) -> list[Answer]: ...

    def predict(self, what: One | Many) -> Answer | list[Answer]:
        """The answer about one file, its bytes or a PIL picture; for several of them, or a batch, a list of answers.

        A batch is a tensor or array of raw inputs ``[n, ...]``, of the kind that the student was trained on. A table
        (a file, a pyarrow table, or lists by column) gives one answer per row, always as a list. Masks are as large
        as the picture or raw input that they are about.

        Raises:
            InputError: one of them cannot be read or is of another kind. (`predict_each` goes on without it.)
        """
        if isinstance(what, Tensor | np.ndarray):
            inputs = raw_inputs(what, self._blueprint)
            require_inputs(self._module, self._blueprint, tuple(inputs.shape[1:]))
            return self._of_inputs(inputs)
        if isinstance(what, Mapping | pa.Table):
            return self._of_table(what)
        if isinstance(what, str | Path | bytes | Image.Image):
            found = list(self._each([_wanted(what, 0)]))
            return _require(found[0]) if found[0].row is None else [_require(row) for row in found]
        return [_require(one) for one in self._each(_wanted(source, at) for at, source in enumerate(what))]

    def predict_each(self, files: str | Path | Iterable[Wanted | str | Path]) -> Iterator[Predicted]:
        """Predict any number of files, and the files of folders, one after another in the given order.

        Memory use is constant. A file that cannot be read gives a `Predicted` without an answer and with the reason.

        Raises:
            InputError: the student takes only raw inputs, not files.
        """
        return self._each(_files([files] if isinstance(files, str | Path) else files))

    def outputs(self, inputs: Tensor) -> dict[str, Tensor]:
        """All outputs of one batch of raw inputs by name, ``[B, (height, width,) C]``, float32 on the CPU."""
        place = device_of(self._module)
        with evaluating(self._module), computing_at(self.precision, place.type):
            found = answers_of(self._module, inputs.to(place))
            return {name: part.float().cpu() for name, part in found.items()}

    def _each(self, wanted: Iterable[Wanted]) -> Iterator[Predicted]:
        if self.preparation is None:
            shape = list(self._blueprint.input_shape)
            raise InputError(
                "this student does not know how a file becomes its input", expected=f"raw inputs of {shape}",
                hint="give joryu.load(RUN).predict a tensor in Python, or train it again from files",
            )  # fmt: skip
        read = reader_of(self.preparation)(wanted, self.batch_size, self._tell)
        return self._joined(self.preparation, read) if self.preparation.kind == "tiles" else self._in_batches(read)

    def _joined(self, tiling: TilePreparation, inputs: Iterable[ReadInput]) -> Iterator[Predicted]:
        """The answer about each whole picture, from those about its tiles."""
        for one in inputs:
            if one.input is None or one.seen is None:
                yield Predicted(one.wanted, None, one.reason)
                continue
            parts = [self.outputs(batch) for batch in _batches(torch.from_numpy(one.input), self.batch_size)]
            outputs = {
                name: tiling.joined((tile for part in parts for tile in part[name]), one.seen.width, one.seen.height)
                for name in parts[0]
            }
            sound = all(bool(part.isfinite().all()) for part in outputs.values())
            (answer,) = self._answers(
                self.question, {name: part[None] for name, part in outputs.items()}, self.threshold, [one.seen]
            )
            reason = None if sound else "the student's outputs for it are not finite"
            yield Predicted(one.wanted, answer if sound else None, reason, seen=one.seen)

    def _in_batches(self, inputs: Iterable[ReadInput]) -> Iterator[Predicted]:
        waiting, usable = list[ReadInput](), 0
        for one in inputs:
            waiting.append(one)
            usable += one.input is not None
            if usable == self.batch_size:
                yield from self._answered(waiting)
                waiting, usable = [], 0
        yield from self._answered(waiting)

    def _answered(self, waiting: list[ReadInput]) -> Iterator[Predicted]:
        return paired(waiting, self.question, self._of_batch, "the student")

    def _of_batch(self, inputs: Tensor, seen: Sequence[Framing | None] | None = None) -> list[Answer | None]:
        outputs = self.outputs(inputs)
        finite = torch.stack([part.isfinite().flatten(1).all(1) for part in outputs.values()]).all(0)
        answers = self._answers(self.question, outputs, self.threshold, seen or [None] * len(inputs))
        return [answer if sound else None for answer, sound in zip(answers, finite.tolist(), strict=True)]

    def _of_inputs(self, inputs: Tensor) -> list[Answer]:
        found = [answer for batch in _batches(inputs, self.batch_size) for answer in self._of_batch(batch)]
        answers = [answer for answer in found if answer is not None]
        if len(answers) < len(found):
            raise InputError("the student's outputs are not finite", received=f"for input {found.index(None)}")
        return answers

    def _of_table(self, table: Columns) -> list[Answer]:
        if not isinstance(self.preparation, TablePreparation):
            raise InputError("the student does not read tables", expected="pictures or raw inputs", received="a table")
        prepared = self.preparation.apply(table)
        for remark in prepared.remarks:
            self._tell(remark)
        return self._of_inputs(torch.from_numpy(prepared.inputs))


def _files(files: Iterable[Wanted | str | Path]) -> Iterator[Wanted]:
    for one in files:
        if isinstance(one, Wanted):
            yield one
        elif is_folder(one):
            yield from walk(Path(one))
        else:
            yield _wanted(one, 0)


def _wanted(source: One, at: int) -> Wanted:
    match source:
        case str() | Path():
            return Wanted(Path(source), str(source), reason="a folder" if is_folder(source) else None)
        case bytes() | Image.Image():
            return Wanted(source, f"picture {at}")
    raise InputError("this cannot be predicted", expected="a path, bytes or a picture", received=type(source).__name__)


def _batches(inputs: Tensor, size: int) -> tuple[Tensor, ...]:
    return torch.split(inputs, size)


def _require(found: Predicted) -> Answer:
    if found.answer is None:
        raise InputError(f"{found.name} cannot be predicted", received=found.reason)
    return found.answer


def _preparation(blueprint: Blueprint, run: str, tell: Tell) -> Preparation | None:
    shape = blueprint.input_shape
    if blueprint.preparation is not None or len(shape) != 3 or shape[0] not in (1, 3) or blueprint.scale == 1:
        return blueprint.preparation
    channels, height, width = shape
    tell(
        f"{run} does not say how its pictures were read: they are taken as {width}×{height},"
        f" {'grey' if channels == 1 else 'in colour'}, the centre of each"
    )
    return PicturePreparation(channels=channels, height=height, width=width)  # type: ignore[arg-type]


def _usual_batch(blueprint: Blueprint) -> int:
    """The batch of evaluation, so that the answers are the same to the bit; a smaller one for large inputs."""
    many = _PIXEL_BATCH if blueprint.question.grid else _BATCH
    return max(1, min(many, _MOST_VALUES // math.prod(blueprint.input_shape)))


def _warn(remark: str) -> None:
    warnings.warn(remark, stacklevel=3)
