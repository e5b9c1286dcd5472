"""Teachers from specs: runs, networks of timm or a module, models of other frameworks, people and ledgers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from joryu.errors import InputError, did_you_mean
from joryu.examples import Examples
from joryu.examples.preparation import PicturePreparation, Preparation
from joryu.examples.shown import shown_as
from joryu.questions import Question
from joryu.remote.spec import USAGE as PAID
from joryu.remote.spec import is_paid
from joryu.targets.ensemble_spec import FAMILY, USAGE
from joryu.teachers.finding_members import find_ensemble
from joryu.teachers.foreign.command import describe_files, find_command
from joryu.teachers.foreign.keras_file import KERAS
from joryu.teachers.foreign.onnx_file import ONNX
from joryu.teachers.foreign.sklearn_file import SKLEARN
from joryu.teachers.foreign.tflite_file import TFLITE
from joryu.teachers.foreign.torch_file import TORCH
from joryu.teachers.human import find_human
from joryu.teachers.network import Network
from joryu.teachers.network_spec import Request, build_module, build_timm, load_factory, load_run
from joryu.teachers.recorded import find_recorded
from joryu.teachers.teacher import Teacher
from joryu.teachers.trained import as_taught, describe_inputs_of_run


def find_teacher(
    spec: str, examples: Examples, *, n_views: int = 0, order: Sequence[str] | None = None
) -> tuple[Teacher, Examples]:
    """The teacher that a spec names, and the examples that it can be asked about.

    The spec is one of `load_teacher`, or ``human:PROJECT[,confidence=…,left-over=…,aggregate=…,weight=…]``: the people
    of a labelling project, who can only be asked about pictures they were shown (`joryu.teachers.Interpretation`
    describes the options); ``ledger:DIR[,vocabulary=NAME]``: the recorded answers of a paid API; ``command:PROGRAM …``:
    any program that answers; or ``ensemble:RULE:SPEC|SPEC``: several of them, by a rule. Examples without
    classes come back with the teacher's classes; for a teacher trained by Joryu they come back `as_taught`. ``order``
    is as in `load_teacher`.

    Raises:
        InputError, MismatchError, MissingExtraError: as `load_teacher`. For people also: nobody answered about any
            example, views were asked for, or an order was given.
    """
    family, rest = _family_of(spec)
    return family.find(Request(spec, rest, order=order, n_views=n_views), examples)


def describe_inputs(spec: str, examples: Examples, loaded: Examples | None = None) -> str | None:
    """A sentence about the inputs that a teacher is shown; ``None`` if there is nothing to say.

    For a teacher that Joryu did not train it describes the inputs. For one that Joryu trained it says if they differ
    from those ``loaded``, or from the size at which the teacher learned.

    >>> import torch
    >>> digits = Examples.of(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), classes=["a", "b"])
    >>> describe_inputs("module:pkg.mod:factory", digits)
    'the module is shown uint8 [B, 1, 8, 8], values 0 to 255: to scale them is its own affair'
    """
    again = loaded is not None and loaded.inputs.shape[1:] != examples.inputs.shape[1:]
    family = _FAMILIES.get(spec.partition(":")[0])
    return None if family is None else family.shown(spec, examples, again)


def load_teacher(
    spec: str,
    *,
    classes: Sequence[str] | None = None,
    question: Question | None = None,
    input_shape: tuple[int, ...] | None = None,
    order: Sequence[str] | None = None,
    preparation: Preparation | None = None,
) -> Network:
    """Load the network that a spec names as a teacher.

    * ``run:DIR``: the student of a finished run (teachers trained by Joryu are runs too); it knows its own classes.
    * ``timm:NAME``: a timm model with its published normalisation and size. With ``@FILE`` its weights come from a
      safetensors file, without it from timm's own (downloaded) weights.
    * ``module:pkg.mod:factory``: any importable factory of an ``nn.Module``, weights likewise. The module is shown the
      examples unchanged: pictures as uint8 ``[B, channels, height, width]`` with values 0 to 255.
    * ``onnx:FILE``, ``tflite:FILE``, ``keras:FILE``, ``torch:FILE.pt2``, ``sklearn:FILE.skops``: a model of another
      framework (`joryu.teachers.foreign`), with options such as ``labels=FILE``, ``output=NAME`` and ``range=0..1``; it
      knows its own classes.

    ``timm`` and ``module`` answer the examples' ``question`` (or ``classes``, for a question of classes), and are built
    for ``input_shape``. A spec may end in ``,output=probs`` if the network ends in a softmax (see `Network`). ``order``
    names the outputs in the network's own order, if that differs. ``preparation`` says how the rows of a table became
    inputs, for a model of another framework that learned from the table itself.

    Raises:
        InputError: the spec is unknown, a file is missing, or the factory cannot be imported.
        MismatchError: weights, classes or shapes do not fit. A timm model without ``@FILE`` must have been trained on
            as many classes as the examples have, because a new head would answer at random.
        MissingExtraError: the library that the model needs is not installed.
    """
    asked = Question.one_of(classes) if classes and question is None else question
    family, rest = _family_of(spec)
    request = Request(spec, rest, order=order, question=asked, input_shape=input_shape, preparation=preparation)
    return family.load(request)


def load_for_pictures(
    spec: str, *, question: Question | None = None, size: int | None = None
) -> tuple[Network, PicturePreparation]:
    """The network that a spec names, and how a file of a picture becomes its input, where no examples say so.

    ``question`` and ``size`` (height and width, in colour) are needed by those that do not know them: ``timm:`` and
    ``module:``.

    Raises:
        InputError, MismatchError, MissingExtraError: as `load_teacher`; or a size is needed and not given, or the
            other way round; or it can be asked about no new pictures.
    """
    family, rest = _family_of(spec)
    request = Request(spec, rest, question=question)
    if family.shape is None:
        raise InputError(
            f"{spec} cannot be asked about new pictures", expected="a network",
            hint="distil it into a student, and name the student's run",
        )  # fmt: skip
    own = family.shape(request)
    if own is not None and size is not None:
        raise InputError("is not usable", setting="size", expected=f"none: {spec} has its own", received=size)
    if own is None and size is None:
        raise InputError(f"{spec} does not say how large its pictures are", expected="--size N", received="none")
    channels, height, width = own or (3, size or 1, size or 1)
    preparation = PicturePreparation(channels=channels, height=height, width=width)  # type: ignore[arg-type]
    return family.load(request._replace(input_shape=(channels, height, width))), preparation


class _Family(NamedTuple):
    """What may stand before the colon of a spec."""

    usage: str
    find: Callable[[Request, Examples], tuple[Teacher, Examples]]
    load: Callable[[Request], Network]
    shown: Callable[[str, Examples, bool], str | None]  #: `describe_inputs`; last, whether they were read anew
    #: of what it is shown, unless examples or a person must say; no function: it is asked about no new pictures
    shape: Callable[[Request], tuple[int, int, int] | None] | None = lambda _: None


def _family_of(spec: str) -> tuple[_Family, str]:
    name, _, rest = spec.partition(":")
    if name in _FAMILIES and rest:
        return _FAMILIES[name], rest
    if is_paid(spec):
        raise InputError(
            f"{spec} is paid by the answer, and asked by joryu label alone", expected=EXAMPLES,
            hint=f"joryu label --teacher {spec}, which keeps its answers in a ledger and a store",
        )  # fmt: skip
    if spec and Path(spec).is_dir():
        raise InputError(f"{spec} is a folder", expected=EXAMPLES, hint=f"did you mean run:{spec}?")
    hint = None if name in _FAMILIES else did_you_mean(name, _FAMILIES, written="{}:…".format)
    raise InputError(f"unknown teacher {spec!r}", expected=EXAMPLES, hint=hint)


def _find_network(request: Request, examples: Examples) -> tuple[Teacher, Examples]:
    examples = as_taught(request.spec, examples)
    shape = tuple(examples.inputs.shape[1:])
    teacher = load_teacher(request.spec, question=examples.question, input_shape=shape, order=request.order)
    return teacher, examples.asked(teacher.question)


def _find_people(request: Request, examples: Examples) -> tuple[Teacher, Examples]:
    if request.n_views:
        raise InputError(
            "people were shown the pictures themselves, not views of them",
            expected="no views",
            received=request.n_views,
        )
    if request.order is not None:
        raise InputError("people answer by name, so their classes have no order", hint="leave --classes out")
    return find_human(request.rest, examples)


def _find_recorded(request: Request, examples: Examples) -> tuple[Teacher, Examples]:
    if request.n_views:
        raise InputError("an API was shown the pictures themselves, not views of them", hint="leave --views out")
    if request.order is not None:
        raise InputError("recorded tags are known by name, so they have no order", hint="leave --classes out")
    return find_recorded(request.rest, examples)


def _find_together(request: Request, examples: Examples) -> tuple[Teacher, Examples]:
    def find(member: Request, known: Examples) -> tuple[Teacher, Examples]:
        return find_teacher(member.spec, known, n_views=member.n_views, order=member.order)

    return find_ensemble(request, examples, find=find, describe=describe_inputs)


def _no_network(request: Request, *, who: str = "people know only the pictures they were shown") -> Network:
    raise InputError(
        f"{request.spec} is no network: {who}",
        hint="try find_teacher, which takes the examples too",
    )


#: to add a teacher: its file, one row here, one row in the contract test
_FAMILIES: Mapping[str, _Family] = {
    "run": _Family("run:DIR", find=_find_network, load=load_run, shown=describe_inputs_of_run),
    "timm": _Family(
        "timm:NAME[@FILE.safetensors]", find=_find_network, load=partial(load_factory, build=build_timm),
        shown=lambda _, examples, __: f"the network is shown {shown_as(examples.inputs)}, resized and scaled to the"
        " published size, mean and deviation",
    ),
    "module": _Family(
        "module:pkg.mod:factory[@FILE.safetensors]", find=_find_network, load=partial(load_factory, build=build_module),
        shown=lambda _, examples, __: f"the module is shown {shown_as(examples.inputs)}: to scale them is its own"
        " affair",
    ),
    "tflite": _Family(
        "tflite:FILE[,labels=FILE]", find=TFLITE.find, load=TFLITE.load, shown=TFLITE.shown, shape=TFLITE.shape,
    ),
    "onnx": _Family("onnx:FILE[,labels=FILE]", find=ONNX.find, load=ONNX.load, shown=ONNX.shown, shape=ONNX.shape),
    "keras": _Family("keras:FILE", find=KERAS.find, load=KERAS.load, shown=KERAS.shown, shape=KERAS.shape),
    "torch": _Family("torch:FILE.pt2", find=TORCH.find, load=TORCH.load, shown=TORCH.shown, shape=TORCH.shape),
    "sklearn": _Family(
        "sklearn:FILE.skops", find=SKLEARN.find, load=SKLEARN.load, shown=SKLEARN.shown, shape=SKLEARN.shape
    ),
    "command": _Family(
        "command:PROGRAM …", find=find_command, load=partial(_no_network, who="it is a program that reads files"),
        shown=describe_files, shape=None,
    ),
    FAMILY: _Family(
        USAGE, find=_find_together, load=partial(_no_network, who="its members are asked, and may be anything"),
        shown=lambda *_: None, shape=None,
    ),
    "human": _Family("human:PROJECT", find=_find_people, load=_no_network, shown=lambda *_: None, shape=None),
    "ledger": _Family(
        "ledger:DIR", find=_find_recorded, load=partial(_no_network, who="it holds answers to what was asked alone"),
        shown=lambda *_: None, shape=None,
    ),
}  # fmt: skip
EXAMPLES = ", ".join(family.usage for family in _FAMILIES.values()) + f"; paid by the answer: {PAID}"
