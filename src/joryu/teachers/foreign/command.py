"""``command:PROGRAM …``: a program that reads names of files and writes an answer for each, one line of JSON."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.shown import shown_as
from joryu.questions import Link, Question
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.teachers.foreign.description import Description, Options
from joryu.teachers.foreign.labels import names_of
from joryu.teachers.foreign.program import Program
from joryu.teachers.network_spec import Request
from joryu.teachers.outputs import InOrder, require_probs
from joryu.teachers.teacher import Reply, TeacherBatch

FAMILY: Final = "command"
_SECONDS: Final = 600.0
_BEGINNINGS: Final = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp"}
_MAKE: Final = {"softmax": Question.one_of, "sigmoid": Question.tags, "identity": Question.numbers}


class Spec(NamedTuple):
    """What stands behind ``command:``."""

    words: tuple[str, ...]
    labels: Path | None
    link: str | None
    seconds: float


@final
class Command:
    """A program as a teacher.

    It reads the name of a file a line and writes a line for each, in that order: ``{"file": NAME, "probs": …}``, or
    ``logits`` or ``numbers``, as a list in the order of the names or an object by name; or ``{"file": NAME, "error":
    "why"}``. The files are copies: the original bytes of pictures from files; a view, or what lies in no file, as PNG,
    and what is no picture as ``.npy``. They are gone when the batch is answered.

    ``fingerprint`` covers the command, the question, and the content of the files that the command names: not what
    these read in turn. ``order`` names its answers in its own order, if that is not the question's.

    Raises:
        JoryuError: (when asked) the program ended or was silent too long: the batch is halved to find the file.
        InputError, MismatchError: (when asked) a line that is no such answer, or is about another file.
    """

    def __init__(self, spec: Spec, question: Question, order: Sequence[str] | None = None) -> None:
        self.question = question.answer
        self._order = question.names if order is None else tuple(order)
        self._in_order = InOrder(self._order, question.names)
        self._program = Program(spec.words, patience=spec.seconds)
        told = [list(spec.words), self.question.to_json(), self._order, [_hash(word) for word in spec.words]]
        self.fingerprint = hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()

    def answer(self, batch: TeacherBatch) -> Reply:
        """What the program says of the batch."""
        with tempfile.TemporaryDirectory(prefix="joryu-asked-") as folder:
            files = _written(batch, Path(folder))
            with closing(self._program.ask(files)) as lines:
                read = [_read(line, file) for line, file in zip(lines, files, strict=True)]
        failures = {at: str(one["error"]) for at, one in enumerate(read) if "error" in one}
        rows = [self._values(one, file) for one, file in zip(read, files, strict=True) if "error" not in one]
        if not rows:
            return Reply(None, failures)
        kinds = {kind for kind, _ in rows}
        if len(kinds) > 1:
            raise InputError("the program answers in several kinds", expected="one of them", received=sorted(kinds))
        return Reply(self._as_targets(kinds.pop(), torch.tensor([values for _, values in rows])), failures)

    def _values(self, said: Mapping[str, Any], file: str) -> tuple[str, list[float]]:
        kinds = ("probs", "logits") if self.question.link.has_probs else ("numbers",)
        kind = next((one for one in kinds if one in said), None)
        if kind is None:
            raise InputError(f"the program did not answer about {file}", expected=" or ".join(kinds),
                             received=", ".join(said))  # fmt: skip
        values, names = said[kind], self._order
        if isinstance(values, dict):
            if set(values) != set(names):
                strange = sorted(set(values) ^ set(names))
                raise MismatchError(
                    f"the program answers about other names than it is asked about, of {file}",
                    expected=f"each of {len(names)} names once", received=f"a difference in {strange[0]}",
                )  # fmt: skip
            values = [values[name] for name in names]
        if not isinstance(values, list) or len(values) != len(names):
            received = f"{len(values)} numbers" if isinstance(values, list) else type(values).__name__
            raise MismatchError(
                f"the program's {kind} of {file} do not fit the names", expected=f"{len(names)} numbers",
                received=received,
            )  # fmt: skip
        if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
            raise InputError(f"the program's {kind} of {file} are no numbers", received=values)
        return kind, list(map(float, values))

    def _as_targets(self, kind: str, values: Tensor) -> SoftTargets:
        values = self._in_order(values)
        if kind == "probs":
            require_probs(values, self.question.link, hint="let the program write what they are: logits, or probs")
            values = self.question.link.logits(values)
        space = Space.NUMBERS if kind == "numbers" else Space.LOGITS
        return SoftTargets(values=values.float(), space=space, question=self.question)


def find_command(request: Request, examples: Examples) -> tuple[Command, Examples]:
    """The program of ``PROGRAM …[,labels=FILE][,link=…][,seconds=…]`` as a teacher of the examples' question.

    Raises:
        InputError: nobody says what is asked; a program that is asked about pixels; an option of no such value.
        MismatchError: the names of ``labels=`` are not the examples'.
    """
    spec = spec_of(request.rest)
    options = Options(Path(spec.words[0]), spec.labels, Description())
    names = request.order or (names_of(options, None, None) if spec.labels is not None else None)
    asked = examples.question
    if asked is None and names is None:
        raise InputError(
            f"the teacher {request.spec} does not know what it is asked", expected="examples that name their classes",
            hint="end its spec in ,labels=FILE, a name a line",
        )  # fmt: skip
    if asked is not None and asked.grid:
        raise InputError("a program is asked about examples, not about each pixel", received=str(asked))
    question = asked if asked is not None else _MAKE[spec.link or Link.SOFTMAX](names or ())
    if spec.link not in (None, question.link):
        raise MismatchError("the examples ask another kind of question", expected=question.link, received=spec.link)
    teacher = Command(spec, question, names)
    return teacher, examples.asked(teacher.question)


def spec_of(rest: str) -> Spec:
    """Read what stands behind ``command:``; the words are split as a shell would, but no shell runs.

    >>> spec_of("python3 teach.py 'my model',link=sigmoid").words
    ('python3', 'teach.py', 'my model')

    Raises:
        InputError: an option that is said twice or has no such value; quotes that do not end.
    """
    line, *said = re.split(r",(?=(?:labels|link|seconds)=)", rest)
    pairs = [one.partition("=")[::2] for one in said]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InputError(f"{FAMILY}:{rest} says an option twice", expected="labels=…, link=…, seconds=…")
    if (link := found.get("link")) not in (None, *_MAKE):
        raise InputError("is not usable", setting="link", expected=" or ".join(_MAKE), received=link)
    try:
        words = tuple(shlex.split(line))
        seconds = float(found.get("seconds", _SECONDS))
    except ValueError as error:
        raise InputError(f"{FAMILY}:{rest} cannot be read", expected="a program and its arguments",
                         received=error) from error  # fmt: skip
    if not words or not seconds > 0:
        raise InputError(f"{FAMILY}:{rest} cannot be run", expected="a program, and seconds above 0")
    return Spec(words, Path(found["labels"]) if "labels" in found else None, link, seconds)


def describe_files(spec: str, examples: Examples, again: bool) -> str:
    """A sentence about the files that the program is given."""
    del spec, again
    if examples.originals is not None:
        return "the program reads copies of the original files; views as PNG files"
    form = "PNG" if _is_picture(examples.inputs[:1]) else "NumPy (.npy)"
    return f"the program reads {form} files of {shown_as(examples.inputs)}"


def require_typed(spec: str) -> None:
    """Refuse to run a program that nobody typed, but a store names: a store may be anybody's.

    Raises:
        InputError: the spec is a command.
    """
    if spec.partition(":")[0] == FAMILY:
        raise InputError(
            f"the store was labelled by a program, {spec}", expected="its command to be typed again",
            hint="nothing is run because a file says so: if you trust it, name it with --teacher",
        )  # fmt: skip


def _written(batch: TeacherBatch, folder: Path) -> list[str]:
    """The examples of a batch as files, and their names."""
    is_picture = _is_picture(batch.inputs)
    if batch.originals is not None and not batch.seeds.any():
        contents: Sequence[tuple[bytes, str]] = [(one, _suffix(one)) for one in batch.encoded()]
    else:
        contents = [(_png(one), ".png") if is_picture else (_npy(one), ".npy") for one in batch.inputs]
    files = []
    for at, (content, suffix) in enumerate(contents):
        file = folder / f"{at:06d}{suffix}"
        file.write_bytes(content)
        files.append(str(file))
    return files


def _is_picture(inputs: Tensor) -> bool:
    return inputs.ndim == 4 and inputs.dtype == torch.uint8 and inputs.shape[1] in (1, 3)


def _suffix(content: bytes) -> str:
    return next((suffix for start, suffix in _BEGINNINGS.items() if content.startswith(start)), ".bin")


def _png(picture: Tensor) -> bytes:
    pixels, into = picture.movedim(0, -1).squeeze(-1).contiguous().numpy(), BytesIO()
    Image.fromarray(pixels).save(into, format="PNG")
    return into.getvalue()


def _npy(row: Tensor) -> bytes:
    into = BytesIO()
    np.save(into, row.numpy(), allow_pickle=False)
    return into.getvalue()


def _read(line: str, file: str) -> Mapping[str, Any]:
    """One line of the program, which must be about this file.

    Raises:
        InputError: it is no JSON object.
        MismatchError: it is about another file: answers in another order would teach the wrong things.
    """
    try:
        said = json.loads(line)
    except ValueError as error:
        raise InputError(f"the program's answer to {file} is no JSON", expected='{"file": …, "probs": […]}',
                         received=line[:200] or "an empty line",
                         hint="stdout is for answers alone: let it print all else to stderr") from error  # fmt: skip
    if not isinstance(said, dict) or "file" not in said:
        raise InputError(f"the program's answer to {file} does not say of which file it is",
                         expected='{"file": …, "probs": […]}', received=line[:200])  # fmt: skip
    if said["file"] != file:
        raise MismatchError(
            "the program answers in another order than it was asked", expected=f"an answer to {file}",
            received=f"one to {said['file']}", hint="let it write one line for each that it reads, in that order",
        )  # fmt: skip
    return said


def _hash(word: str) -> str | None:
    """The hash of the file that a word of the command names, if it names one."""
    place = Path(word)
    try:
        if not place.is_file():
            return None
        with place.open("rb") as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()
    except (OSError, ValueError):
        return None
