"""`Runtime`: what a family of foreign models needs to be named in a spec: find, load, describe, and its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, prepared
from joryu.examples.preparation import Preparation
from joryu.examples.shown import shown_as
from joryu.questions import Link, Question
from joryu.teachers.foreign.description import OPTIONS, Options, options_of
from joryu.teachers.foreign.frame import table_of
from joryu.teachers.foreign.labels import names_of
from joryu.teachers.foreign.model import Foreign, Opened, TableColumns
from joryu.teachers.network import Network
from joryu.teachers.network_spec import Request
from joryu.teachers.outputs import MOMENTS, InOrder, Meant, short

Open = Callable[[Options], Opened]
"""Opens the model of a spec; it raises `InputError`, `MismatchError` or `MissingExtraError`."""

_MAKE = {Link.SOFTMAX: Question.one_of, Link.SIGMOID: Question.tags, Link.IDENTITY: Question.numbers}


class Runtime(NamedTuple):
    """A family of models in files that one runtime answers with, by the name of its specs."""

    name: str
    open: Open
    known: tuple[str, ...] = OPTIONS

    def load(self, request: Request) -> Network:
        """The network of ``NAME:FILE[,option=…]`` as a teacher.

        Raises:
            InputError: a file that is no such model, or of which too little is known: its names, its range, its layout.
            MismatchError: it has another number of outputs than there are names.
            MissingExtraError: the runtime is not installed.
        """
        options = self._options(request)
        opened = self.open(options)
        return as_network(request, options, opened, columns_of(opened, options, request.preparation))

    def find(self, request: Request, examples: Examples) -> tuple[Network, Examples]:
        """The teacher, and the examples as it takes them: read again at its size where their files can be.

        Raises:
            InputError, MismatchError, MissingExtraError: as `load`.
        """
        options = self._options(request)
        opened = self.open(options)
        preparation = opened.intake.preparation
        is_picture = examples.originals is not None and examples.inputs.ndim == 4
        if preparation is not None and is_picture and not examples.asks_pixels:
            examples = prepared(examples, preparation)
        _require_size(opened, examples, request.spec)
        columns = columns_of(opened, options, examples.preparation)
        teacher = as_network(request._replace(question=examples.question), options, opened, columns)
        return teacher, examples.asked(teacher.question)

    def shape(self, request: Request) -> tuple[int, int, int] | None:
        """Channels, height and width of its pictures; ``None`` if it takes any."""
        return self.open(self._options(request)).intake.size

    def shown(self, spec: str, examples: Examples, again: bool) -> str:
        """A sentence about what the model is shown."""
        del again
        options = options_of(self.name, spec.partition(":")[2], self.known)
        opened = self.open(options)
        columns = columns_of(opened, options, examples.preparation)
        taken = opened.intake if columns is None else columns
        return f"the model is shown {shown_as(examples.inputs)}, turned into what it takes: {taken}"

    def _options(self, request: Request) -> Options:
        return options_of(self.name, request.rest, self.known)


def as_network(request: Request, options: Options, opened: Opened, columns: TableColumns | None = None) -> Network:
    """An opened model as a teacher that answers the request's question, or its own.

    Raises:
        InputError: nobody says what its outputs are called.
        MismatchError: it has another number of outputs than there are names, or others.
    """
    said, asked, own = options.said.output, request.question, opened.question
    link = said.link or (own.link if own is not None else opened.link)
    if asked is not None and link not in (None, asked.link):
        raise MismatchError(
            f"{options.path} answers another kind of question than is asked", expected=f"{asked.link} outputs",
            received=f"{link} outputs", hint="if they are meant so all the same: [output] link = … in a FILE.toml",
        )  # fmt: skip
    names = request.order or names_of(options, own.names if own is not None else opened.names, opened.n_outputs)
    if asked is None and names is None:
        outputs = "outputs" if opened.n_outputs is None else f"{opened.n_outputs} outputs"
        raise InputError(
            f"the teacher {request.spec} does not know what its {outputs} are called",
            expected="a file with one name a line", hint="end its spec in ,labels=FILE",
        )  # fmt: skip
    if asked is None:
        known = names or ()
        asked = _MAKE[link or Link.SOFTMAX](known) if own is None else replace(own, names=tuple(known))
    module: nn.Module = Foreign(opened, f"{said.name or ''} {said.tensor or ''}", columns)
    if opened.n_outputs not in (None, len(names or asked.names)):
        raise MismatchError(
            f"{options.path} answers about another number of names", expected=f"{opened.n_outputs} names",
            received=short(names or asked.names), hint="end its spec in ,labels=FILE, a name a line",
        )  # fmt: skip
    if names is not None and tuple(names) != asked.names:
        module = nn.Sequential(module, InOrder(names, asked.names, parts=2 if opened.values == MOMENTS else 1))
    output: Meant | None = opened.values if opened.values == MOMENTS else said.values or opened.values
    return Network(
        module, question=asked, output=output if asked.link.has_probs or output == MOMENTS else None, device="cpu"
    )


def columns_of(opened: Opened, options: Options, prepared_as: Preparation | None) -> TableColumns | None:
    """How a table's inputs become the model's columns; ``None`` for what is no table, or is Joryu's own student.

    Raises:
        InputError, MismatchError: as `table_of`.
    """
    if prepared_as is None or prepared_as.kind != "table" or opened.question is not None or opened.intake.row is None:
        return None
    wanted = options.said.input.columns or opened.columns
    return table_of(prepared_as, wanted, opened.intake.row, opened.encoded, model=str(options.path))


def _require_size(opened: Opened, examples: Examples, spec: str) -> None:
    """Check that a model that is asked about pixels is shown as many as it answers about.

    Raises:
        MismatchError: it has another size.
    """
    size, shown = opened.intake.size, tuple(examples.inputs.shape[2:])
    if size is not None and examples.asks_pixels and len(shown) == 2 and size[1:] != shown:
        raise MismatchError(
            f"{spec} answers about other pixels", expected=f"{size[2]}×{size[1]}", received=f"{shown[1]}×{shown[0]}",
            hint=f"try --size {size[1]}" if size[1] == size[2] else None,
        )  # fmt: skip
