"""Teachers that Joryu trained itself: the folder of their run, the size they learned at, what they are shown."""

from __future__ import annotations

from pathlib import Path

from joryu.examples import Examples, prepared
from joryu.examples.preparation import Preparation
from joryu.examples.shown import shown_as
from joryu.questions import Question
from joryu.students.blueprint import PLAN, read_blueprint
from joryu.teachers.outputs import split_output


def run_of(spec: str) -> Path | None:
    """The run folder in a spec of a teacher trained by Joryu; ``None`` for any other spec.

    >>> run_of("run:teacher,output=logits"), run_of("module:pkg.mod:factory")
    (PosixPath('teacher'), None)
    """
    family, _, rest = spec.partition(":")
    return Path(split_output(rest)[0]) if family == "run" and rest else None


def as_taught(spec: str, examples: Examples) -> Examples:
    """The examples at the size at which a teacher trained by Joryu learned.

    Only pictures from files can be read again at another size. Other examples, those of questions about pixels, and
    those for any other teacher are returned unchanged.

    Raises:
        InputError: a file has changed since the examples were read.
    """
    if examples.originals is None or examples.asks_pixels:
        return examples
    own = preparation_of_run(spec)
    return examples if own is None or own.kind != "pictures" else prepared(examples, own)


def preparation_of_run(spec: str) -> Preparation | None:
    """How a teacher trained by Joryu was shown its examples; ``None`` for any other, or where its run does not say.

    Raises:
        InputError: its blueprint cannot be read.
    """
    folder = run_of(spec)
    return None if folder is None or not (folder / PLAN).is_file() else read_blueprint(folder).preparation


def own_names(spec: str, asked: Question | None) -> tuple[str, ...] | None:
    """The outputs of a teacher trained by Joryu in its own order, if that alone differs from the order asked.

    Raises:
        InputError: its blueprint cannot be read.
    """
    folder = run_of(spec)
    if folder is None or asked is None or not (folder / PLAN).is_file():
        return None
    names = read_blueprint(folder).classes
    return names if names != asked.names and sorted(names) == sorted(asked.names) else None


def learned_at(spec: str) -> tuple[int, int] | None:
    """Height and width of the pictures that a teacher trained by Joryu learned from; ``None`` for any other.

    Raises:
        InputError: its blueprint cannot be read.
    """
    folder = run_of(spec)
    if folder is None or not (folder / PLAN).is_file():
        return None
    shape = read_blueprint(folder).input_shape
    return shape[1:] if len(shape) == 3 else None


def describe_inputs_of_run(spec: str, examples: Examples, again: bool) -> str | None:
    """A sentence about the inputs that the teacher of a run is shown; ``None`` if they are as it learned.

    It warns if `as_taught` could not change the size: convolutional networks answer other sizes less well. ``again``
    says that the examples were read again at the teacher's size.

    Raises:
        InputError: as `learned_at`.
    """
    if again:
        return f"the teacher is shown {shown_as(examples.inputs)}, as it learned"
    own, shown = learned_at(spec), tuple(examples.inputs.shape[2:])
    if own is None or len(shown) != 2 or own == shown:
        return None
    there = f"; --size {own[0]} asks it at its own" if own[0] == own[1] else ""
    return f"the teacher learned at {_across(own)} and is asked at {_across(shown)}, where it may answer worse{there}"


def _across(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, reversed(shape)))
