"""Teachers by name, for the command line: ``run:DIR``, ``timm:NAME``, ``module:pkg.mod:factory``, ``human:PROJECT``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from joryu.errors import InputError, MismatchError, did_you_mean
from joryu.examples import Examples, prepared
from joryu.examples.shown import shown_as
from joryu.questions import Question
from joryu.questions.names import spelt
from joryu.students.architecture import build_architecture
from joryu.students.blueprint import PLAN, load_student, load_weights, read_blueprint, require_inputs
from joryu.students.normalise import Normalise
from joryu.teachers.human import find_human
from joryu.teachers.network import Network
from joryu.teachers.outputs import OUTPUTS, InOrder, Output, short
from joryu.teachers.teacher import Teacher

RUN_FOLDER = "a folder that joryu train, joryu distill or joryu experiment wrote"
SPELT = 40  #: classes up to which a hint spells their order out

EXAMPLES = "run:DIR, timm:NAME[@FILE.safetensors], module:pkg.mod:factory[@FILE.safetensors], human:PROJECT"


def find_teacher(
    spec: str, examples: Examples, *, n_views: int = 0, order: Sequence[str] | None = None
) -> tuple[Teacher, Examples]:
    """The teacher a spec names, and those of the examples that it can be asked about.

    What `load_teacher` knows, and ``human:PROJECT[,confidence=…,left-over=…,aggregate=…,weight=…]``: the people of a
    labelling project, who know only the pictures they were shown (`joryu.teachers.Reading` names the models). Examples
    that name no classes come back with the teacher's, and those of a run are `as_taught`. ``order`` is
    `load_teacher`'s.

    Raises:
        InputError, MismatchError, MissingExtraError: as `load_teacher`; nobody answered about any of the examples, or
            people are to be asked about views, or in an order.
    """
    family, _, rest = spec.partition(":")
    if family == "human" and rest:
        if n_views:
            raise InputError(
                "people were shown the pictures themselves, not views of them", expected="no views", received=n_views
            )
        if order is not None:
            raise InputError("people answer by name, so their classes have no order", hint="leave --classes out")
        return find_human(rest, examples)
    examples = as_taught(spec, examples)
    shape = tuple(examples.inputs.shape[1:])
    teacher = load_teacher(spec, question=examples.question, input_shape=shape, order=order)
    return teacher, examples.asked(teacher.question)


def as_taught(spec: str, examples: Examples) -> Examples:
    """The same examples as a teacher that Joryu trained is to be shown them: at the size at which it learned.

    Pictures from files alone can be read again. What lies in none, and what is asked for each pixel, stays as it is,
    and so do the examples of any other teacher.

    Raises:
        InputError: a file has changed since the examples were read.
    """
    folder = run_of(spec)
    if folder is None or not (folder / PLAN).is_file() or examples.originals is None or examples.asks_pixels:
        return examples
    own = read_blueprint(folder).preparation
    return examples if own is None or own.kind != "pictures" else prepared(examples, own)


def told_inputs(spec: str, examples: Examples, loaded: Examples | None = None) -> str | None:
    """What the network of a spec is shown of these examples, where it did not learn from Joryu what to expect.

    One that did is told of where it is shown others than were ``loaded``, or another size than it learned at.

    >>> import torch
    >>> digits = Examples.of(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), classes=["a", "b"])
    >>> told_inputs("module:pkg.mod:factory", digits)
    'the module is shown uint8 [B, 1, 8, 8], values 0 to 255: to scale them is its own affair'
    """
    shown = shown_as(examples.inputs)
    again = loaded is not None and loaded.inputs.shape[1:] != examples.inputs.shape[1:]
    return {
        "run": f"the teacher is shown {shown}, as it learned" if again else _another_size(spec, examples),
        "module": f"the module is shown {shown}: to scale them is its own affair",
        "timm": f"the network is shown {shown}, resized and scaled to the published size, mean and deviation",
    }.get(spec.partition(":")[0])


def _another_size(spec: str, examples: Examples) -> str | None:
    """What `as_taught` could not change: a network of convolutions takes any size, and answers it less well."""
    own, shown = learned_at(spec), tuple(examples.inputs.shape[2:])
    if own is None or len(shown) != 2 or own == shown:
        return None
    there = f"; --size {own[0]} asks it at its own" if own[0] == own[1] else ""
    return f"the teacher learned at {_across(own)} and is asked at {_across(shown)}, where it may answer worse{there}"


def _across(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, reversed(shape)))


def learned_at(spec: str) -> tuple[int, int] | None:
    """Height and width of the pictures that a teacher of Joryu's learned from; ``None`` of any other.

    Raises:
        InputError: its plan cannot be read.
    """
    folder = run_of(spec)
    if folder is None or not (folder / PLAN).is_file():
        return None
    shape = read_blueprint(folder).input_shape
    return shape[1:] if len(shape) == 3 else None


def load_teacher(
    spec: str,
    *,
    classes: Sequence[str] | None = None,
    question: Question | None = None,
    input_shape: tuple[int, ...] | None = None,
    order: Sequence[str] | None = None,
) -> Network:
    """The teacher a spec names.

    * ``run:DIR``: the student of a finished run (teachers trained by Joryu are runs too); it knows its classes.
    * ``timm:NAME``: a timm model with its published normalisation and size; with ``@FILE`` its weights come from a
      safetensors file, without it from timm's own (downloaded) weights.
    * ``module:pkg.mod:factory``: any importable factory of an ``nn.Module`` over raw inputs, weights likewise. It is
      shown the examples as they are: pictures as uint8 ``[B, channels, height, width]`` with values 0 to 255.

    The last two answer the ``question`` of the examples (``classes`` is short for which of them it is), and are built
    for ``input_shape``. Each may end in ``,output=probs`` where the network does in a softmax (see `Network`).
    ``order`` names the same outputs in the order in which the network gives them.

    Raises:
        InputError: an unknown spec, a missing file, a factory that cannot be imported.
        MismatchError: weights, classes or shapes that do not fit. A timm model without a file must have been trained on
            as many classes as the examples have: a new head would answer at random.
        MissingExtraError: timm is needed and absent.
    """
    family, _, rest = spec.partition(":")
    rest, output = _output_of(rest)
    asked = Question.one_of(classes) if classes and question is None else question
    if family == "run" and rest:
        in_order = asked if asked is None or order is None else replace(asked, names=tuple(order))
        module, own = _from_run(Path(rest), in_order, input_shape)
        return _network(module, asked or own, order, output)
    if family in ("timm", "module") and rest:
        if asked is None or input_shape is None:
            raise InputError(
                f"the teacher {spec} does not know its classes", expected="examples that name them",
                hint="name them in the teacher's order with --classes a,b,c; in Python give classes and input_shape",
            )  # fmt: skip
        name, _, weights = rest.partition("@")
        module, normalise = _built(family, name, input_shape, len(asked), bool(weights))
        if weights:
            load_weights(module, Path(weights))
        return _network(module, asked, order, output, normalise)
    if spec and Path(spec).is_dir():
        raise InputError(f"{spec} is a folder", expected=EXAMPLES, hint=f"did you mean run:{spec}?")
    hint = did_you_mean(family, ("run", "timm", "module", "human"), written="{}:…".format)
    raise InputError(f"unknown teacher {spec!r}", expected=EXAMPLES, hint=hint)


def run_of(spec: str) -> Path | None:
    """The folder of a teacher that Joryu trained; ``None`` for any other.

    >>> run_of("run:teacher,output=logits"), run_of("module:pkg.mod:factory")
    (PosixPath('teacher'), None)
    """
    family, _, rest = spec.partition(":")
    return Path(_output_of(rest)[0]) if family == "run" and rest else None


def _output_of(rest: str) -> tuple[str, Output | None]:
    """What comes before ``,output=…``, and what is said there."""
    named, comma, output = rest.rpartition(",output=")
    if not comma:
        return rest, None
    if output not in OUTPUTS:
        raise InputError("unknown output of a network", expected=" or ".join(OUTPUTS), received=output or "nothing")
    return named, output


def _network(
    module: nn.Module,
    question: Question,
    order: Sequence[str] | None,
    output: Output | None,
    normalise: nn.Module | None = None,
) -> Network:
    """The network as a teacher about the question's outputs, in their order."""
    if order is not None and tuple(order) != question.names:
        module = nn.Sequential(module, InOrder(order, question.names))
    return Network(module, question=question, normalise=normalise, output=output)


def _from_run(folder: Path, asked: Question | None, input_shape: tuple[int, ...] | None) -> tuple[nn.Module, Question]:
    """The network of a run, and the question it answers."""
    if not folder.is_dir():
        raise InputError(f"no run at {folder}", expected=RUN_FOLDER)
    module, blueprint = load_student(folder)
    if asked is not None and (asked.link, asked.grid) != (blueprint.question.link, blueprint.question.grid):
        blueprint.question.require(asked, mine="teacher", others="examples")
    if asked is not None and asked.names != blueprint.classes:
        classes, reordered = asked.names, sorted(asked.names) == sorted(blueprint.classes)
        raise MismatchError(
            "teacher and examples differ in their classes" + (", by the order alone" if reordered else ""),
            expected=short(blueprint.classes),
            received=short(classes),
            hint=f"name the teacher's order with --classes {shlex.quote(spelt(blueprint.classes))}"
            if reordered and len(classes) <= SPELT
            else "name the class folders (or --classes) as the teacher's classes",
        )
    if input_shape is not None:
        require_inputs(module, blueprint, input_shape)
    return module, blueprint.question


def _built(
    family: str, name: str, input_shape: tuple[int, ...], n_classes: int, own_weights: bool
) -> tuple[nn.Module, nn.Module | None]:
    if family == "module":
        return build_architecture(f"module:{name}", input_shape, n_classes), None
    module = build_architecture(f"timm:{name}", (3, *input_shape[1:]), n_classes)
    published: dict[str, Any] = vars(module)["pretrained_cfg"]
    if not own_weights:
        module = _pretrained(name, published.get("num_classes"), n_classes)
    height, width = published["input_size"][1:]
    return module, Normalise(published["mean"], published["std"], scale=1 / 255, size=(height, width), channels=3)


def _pretrained(name: str, trained_on: object, n_classes: int) -> nn.Module:
    if trained_on != n_classes:
        raise MismatchError(
            f"timm's weights of {name} are about other classes than the examples",
            expected=f"{trained_on} classes",
            received=f"{n_classes} classes",
            hint=f"give weights about these classes with timm:{name}@FILE.safetensors",
        )
    import timm  # noqa: PLC0415 - building the architecture has already said how to install it

    try:
        module: nn.Module = timm.create_model(name, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"cannot get timm's weights of {name}",
            received=(str(error).splitlines() or [type(error).__name__])[0],
            hint=f"try timm:{name}@FILE.safetensors",
        ) from error
    return module
