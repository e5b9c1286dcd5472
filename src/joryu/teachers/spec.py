"""Teachers by name, for the command line: ``run:DIR``, ``timm:NAME``, ``module:pkg.mod:factory``."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.students.architecture import build_architecture
from joryu.students.blueprint import load_student, load_weights, require_inputs
from joryu.students.normalise import Normalise
from joryu.teachers.human import find_human
from joryu.teachers.network import Network
from joryu.teachers.teacher import Teacher

RUN_FOLDER = "a folder that joryu train, joryu distill or joryu experiment wrote"
EXAMPLES = "run:DIR, timm:NAME[@FILE.safetensors], module:pkg.mod:factory[@FILE.safetensors], human:PROJECT"


def find_teacher(spec: str, examples: Examples, *, n_views: int = 0) -> tuple[Teacher, Examples]:
    """The teacher a spec names, and those of the examples that it can be asked about.

    What `load_teacher` knows, and ``human:PROJECT[,confidence=…,left-over=…,aggregate=…,weight=…]``: the people of a
    labelling project, who know only the pictures they were shown (`joryu.teachers.Reading` names the models). Examples
    that name no classes come back with the teacher's.

    Raises:
        InputError, MismatchError, MissingExtraError: as `load_teacher`; nobody answered about any of the examples, or
            people are to be asked about views.
    """
    family, _, rest = spec.partition(":")
    if family == "human" and rest:
        if n_views:
            raise InputError(
                "people were shown the pictures themselves, not views of them", expected="no views", received=n_views
            )
        human, known = find_human(rest, examples)
        return human, known.named(human.classes)
    teacher = load_teacher(spec, classes=examples.classes or None, input_shape=tuple(examples.inputs.shape[1:]))
    return teacher, examples.named(teacher.classes)


def load_teacher(
    spec: str, *, classes: Sequence[str] | None = None, input_shape: tuple[int, ...] | None = None
) -> Network:
    """The teacher a spec names.

    * ``run:DIR``: the student of a finished run (teachers trained by Joryu are runs too); it knows its classes.
    * ``timm:NAME``: a timm model with its published normalisation and size; with ``@FILE`` its weights come from a
      safetensors file, without it from timm's own (downloaded) weights.
    * ``module:pkg.mod:factory``: any importable factory of an ``nn.Module`` over raw inputs, weights likewise.

    The last two answer about ``classes`` (those of the examples), and are built for ``input_shape``.

    Raises:
        InputError: an unknown spec, a missing file, a factory that cannot be imported.
        MismatchError: weights, classes or shapes that do not fit. A timm model without a file must have been trained on
            as many classes as the examples have: a new head would answer at random.
        MissingExtraError: timm is needed and absent.
    """
    family, _, rest = spec.partition(":")
    if family == "run" and rest:
        return _from_run(Path(rest), classes, input_shape)
    if family in ("timm", "module") and rest:
        if not classes or input_shape is None:
            raise InputError(
                f"the teacher {spec} does not know its classes", expected="examples that name them",
                hint="name them in the teacher's order with --classes a,b,c; in Python give classes and input_shape",
            )  # fmt: skip
        name, _, weights = rest.partition("@")
        module, normalise = _built(family, name, input_shape, len(classes), bool(weights))
        if weights:
            load_weights(module, Path(weights))
        return Network(module, classes, normalise=normalise)
    if spec and Path(spec).is_dir():
        raise InputError(f"{spec} is a folder", expected=EXAMPLES, hint=f"did you mean run:{spec}?")
    near = difflib.get_close_matches(family, ("run", "timm", "module", "human"), n=1)
    raise InputError(
        f"unknown teacher {spec!r}", expected=EXAMPLES, hint=f"did you mean {near[0]}:…?" if near else None
    )


def _from_run(folder: Path, classes: Sequence[str] | None, input_shape: tuple[int, ...] | None) -> Network:
    if not folder.is_dir():
        raise InputError(f"no run at {folder}", expected=RUN_FOLDER)
    module, blueprint = load_student(folder)
    if classes is not None and tuple(classes) != blueprint.classes:
        raise MismatchError(
            "teacher and examples differ in their classes",
            expected=_short(blueprint.classes),
            received=_short(tuple(classes)),
            hint="name the class folders (or --classes) as the teacher's classes, in the same order",
        )
    if input_shape is not None:
        require_inputs(module, blueprint, input_shape)
    return Network(module, blueprint.classes)


def _short(classes: tuple[str, ...]) -> str:
    return f"{len(classes)} classes {', '.join(classes[:6])}{', …' if len(classes) > 6 else ''}"


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
