"""From the rest of a spec to a network as a teacher: a run of Joryu's, a model of timm, a factory that is imported."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.examples.preparation import Preparation
from joryu.questions import LOG_VARIANCE, Question
from joryu.questions.names import spelt
from joryu.students.architecture import build_architecture
from joryu.students.blueprint import Blueprint, load_student, require_inputs
from joryu.students.named_outputs import Moments
from joryu.students.normalise import Normalise
from joryu.students.weights import load_weights
from joryu.teachers.chosen_output import choose_output
from joryu.teachers.foreign.description import output_said
from joryu.teachers.network import Network
from joryu.teachers.outputs import MOMENTS, InOrder, Meant, one_output, short, split_output

RUN_FOLDER = "a folder that joryu train, joryu distill or joryu experiment wrote"
SPELT = 40  #: classes up to which a hint spells their order out


class Request(NamedTuple):
    """A spec, what stands behind its colon, and about what it is to be asked."""

    spec: str
    rest: str
    order: Sequence[str] | None = None
    n_views: int = 0
    question: Question | None = None
    input_shape: tuple[int, ...] | None = None
    preparation: Preparation | None = None  #: how the rows of a table became the inputs that it is shown


Build = Callable[[str, tuple[int, ...], int, bool], tuple[nn.Module, nn.Module | None]]
"""From a name, the inputs' shape, the number of classes and whether weights come from a file to a network and its
normalisation."""


def load_run(request: Request) -> Network:
    """The student of a run as a teacher: ``DIR[,output=…]``; one that learned a variance teaches it on.

    Raises:
        InputError: no run, or one that is not finished.
        MismatchError: it answers another question, knows other classes or takes no such inputs.
    """
    rest, said = split_output(request.rest)
    output = one_output(said)
    asked, order = request.question, request.order
    in_order = asked if asked is None or order is None else replace(asked, names=tuple(order))
    module, plan = _from_run(Path(rest), in_order, request.input_shape)
    meant: Meant | None = MOMENTS if LOG_VARIANCE in plan.heads and not plan.question.link.has_probs else output
    return _network(Moments(module) if meant == MOMENTS else module, asked or plan.question, order, meant)


def load_factory(request: Request, *, build: Build) -> Network:
    """A network that ``build`` makes from ``NAME[@FILE.safetensors][,output=…]``, with the weights of the file.

    Of a dictionary, a tuple or a ``ModelOutput`` the spec says which output answers (`choose_output`).

    Raises:
        InputError: nobody says what it is asked or shown; no such name or file.
        MismatchError: the weights do not fit the network.
    """
    rest, text = split_output(request.rest)
    said = output_said(text)
    if request.question is None or request.input_shape is None:
        raise InputError(
            f"the teacher {request.spec} does not know its classes", expected="examples that name them",
            hint="name them in the teacher's order with --classes a,b,c; in Python give classes and input_shape",
        )  # fmt: skip
    name, _, weights = rest.partition("@")
    module, normalise = build(name, request.input_shape, len(request.question), bool(weights))
    if weights:
        load_weights(module, Path(weights))
    module = choose_output(module, said, request.spec)
    return _network(module, request.question, request.order, said.values, normalise)


def _network(
    module: nn.Module,
    question: Question,
    order: Sequence[str] | None,
    output: Meant | None,
    normalise: nn.Module | None = None,
) -> Network:
    """The network as a teacher about the question's outputs, in their order."""
    if order is not None and tuple(order) != question.names:
        module = nn.Sequential(module, InOrder(order, question.names, parts=2 if output == MOMENTS else 1))
    return Network(module, question=question, normalise=normalise, output=output)


def _from_run(
    folder: Path, asked: Question | None, input_shape: tuple[int, ...] | None
) -> tuple[nn.Sequential, Blueprint]:
    """The network of a run, and its plan."""
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
    return module, blueprint


def build_module(
    name: str, input_shape: tuple[int, ...], n_classes: int, own_weights: bool
) -> tuple[nn.Module, nn.Module | None]:
    """`Build` of an importable factory, which is shown the examples as they are."""
    del own_weights
    return build_architecture(f"module:{name}", input_shape, n_classes), None


def build_timm(
    name: str, input_shape: tuple[int, ...], n_classes: int, own_weights: bool
) -> tuple[nn.Module, nn.Module | None]:
    """`Build` of a timm model, its inputs resized and scaled as it was published.

    Raises:
        InputError: there is no such model, or its weights cannot be had.
        MismatchError: the published weights are about other classes.
        MissingExtraError: timm is not installed.
    """
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
