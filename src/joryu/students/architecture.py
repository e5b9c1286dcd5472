"""Build a network from a spec such as ``mlp:800x2``. The table of architectures is in this file alone."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple

from torch import nn

from joryu.errors import InputError, JoryuError, did_you_mean
from joryu.students.backbone import backbone, begin_backbone, parse_backbone, remarks_on_backbone
from joryu.students.cnn import cnn
from joryu.students.embedding import Blocks, Embedding
from joryu.students.head import keep_head_in_float32
from joryu.students.keras_student import begin_keras, build_keras, keras_parts, layers_of_keras, remarks_on_keras
from joryu.students.mlp import mlp
from joryu.students.segmentation import begin_encoder, parse_segmentation, segmenter
from joryu.students.separable_unet import separable_unet
from joryu.students.trial import failure_of
from joryu.students.unet import UNet

EXAMPLES = (
    "mlp:800x2, mlp:1200x2,dropout=0.2/0.5, mlp:64x2,embed=8, cnn:32x4, unet:8x4, separable-unet:4x2, timm:NAME,"
    " smp:unet/resnet18, keras:FILE.keras, module:pkg.mod:factory"
)


def build_architecture(
    spec: str,
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    layers: str | None = None,
    categories: Blocks = (),
) -> nn.Module:
    """Build the network that a spec names, with new random weights.

    It takes *normalised* inputs ``[B, *input_shape]`` and gives logits ``[B, n_classes]``, or ``[B, n_classes, height,
    width]`` where it answers for every pixel.

    * ``mlp:WIDTHxDEPTH[,dropout=INPUT/HIDDEN][,embed=N]``, ``cnn:WIDTHxDEPTH[,dropout=P]`` and, for every pixel,
      ``unet:WIDTHxDEPTH[,dropout=P]`` and ``separable-unet:WIDTHxDEPTH[,dropout=P]``: this package's own families;
    * ``timm:NAME[,frozen=N][,head=flat|pooled[/UNITS]][,dropout=P][@FILE.safetensors]``: any model of timm (extra
      ``vision``), to begin with the weights of a file where one is named, see `joryu.students.backbone.backbone`;
    * ``smp:DECODER/ENCODER[@FILE.safetensors]``: for every pixel, any network of segmentation-models-pytorch (extra
      ``segmentation``), its encoder to begin with the weights of a file (`begin_with_its_file`) where one is named;
    * ``keras:FILE.keras[,weights=new]``: a model of Keras (extra ``keras``), see
      `joryu.students.keras_student.KerasNetwork`;
    * ``module:pkg.mod:factory``: any importable callable that returns an ``nn.Module``; it is given ``n_classes`` and
      ``input_shape`` if its parameters have these names.

    ``layers`` are those of a file as `layers_of` gave them: with them the file is needed no more.
    ``embed=N`` maps each column of a table's ``categories`` to ``N`` learned numbers (`joryu.students.embedding`).

    The last linear layer is computed in float32 (`keep_head_in_float32`).

    >>> build_architecture("mlp:8x1", (1, 4, 4), 3)[-1]
    Float32Linear(in_features=8, out_features=3, bias=True)

    Raises:
        InputError: the spec cannot be read, names nothing, or its network does not take inputs of this shape.
        MissingExtraError: timm, segmentation-models-pytorch or Keras is not installed.
    """
    family, rest = _family_of(spec)
    if layers is not None and family.build_again is not None:
        return family.build_again(layers, rest, input_shape, n_classes)
    if family.build_of_table is not None:
        return family.build_of_table(rest, input_shape, n_classes, categories)
    return family.build(rest, input_shape, n_classes)


def layers_of(spec: str) -> str | None:
    """The layers of the network in a file that a spec names, in text; ``None`` where the spec says all.

    Raises:
        InputError: the spec cannot be read, or the file cannot.
        MissingExtraError: the library is not installed.
    """
    family, rest = _family_of(spec)
    return family.layers(rest)


def require_architecture(spec: str) -> None:
    """Check a spec without building its network, so that a mistake is found before examples are read for minutes.

    Whether timm has a model, and what ``module:`` names, is not looked at.

    >>> require_architecture("mlp:4")
    Traceback (most recent call last):
    joryu.errors.InputError: cannot read architecture mlp:4 (expected mlp:WIDTHxDEPTH with options dropout, ...

    Raises:
        InputError: the spec cannot be read, or names no family.
    """
    family, rest = _family_of(spec)
    family.require(rest)


def remarks_on(spec: str) -> list[str]:
    """What is worth telling whoever typed a spec that can be read, in words; usually nothing.

    >>> remarks_on("mlp:800x2")
    []
    """
    family, rest = _family_of(spec)
    return family.remarks(rest)


def file_to_begin_with(spec: str) -> Path | None:
    """The file of weights that a spec names; ``None`` if it begins with random ones."""
    family, rest = _family_of(spec)
    named = family.weights(rest)
    return None if named is None else Path(named)


def begin_with_its_file(spec: str, network: nn.Module) -> None:
    """Load the weights that a spec names into the network it built. A training does; a finished student has its own.

    Raises:
        InputError: the file is absent or damaged.
        MismatchError: it holds the weights of another network.
    """
    family, rest = _family_of(spec)
    family.begin(rest, network)


def _random(rest: str, network: nn.Module) -> None:
    """Begin with the random weights that the network was built with."""


class _Family(NamedTuple):
    """What may stand before the colon of a spec; each is given what stands behind it."""

    build: Callable[[str, tuple[int, ...], int], nn.Module]
    require: Callable[[str], object]  #: refuses what cannot be read, as far as that can be told without building
    begin: Callable[[str, nn.Module], None] = _random  #: loads the weights that are named, if any are
    weights: Callable[[str], str | None] = lambda rest: None  #: the file that they are in
    remarks: Callable[[str], list[str]] = lambda rest: []  #: what is worth telling of a spec that can be read
    layers: Callable[[str], str | None] = lambda rest: None  #: the layers of the network, where a file has them
    build_again: Callable[[str, str, tuple[int, ...], int], nn.Module] | None = None  #: from these layers
    #: the same as ``build``, by a family that heeds which inputs are columns of categories
    build_of_table: Callable[[str, tuple[int, ...], int, Blocks], nn.Module] | None = None


class _Size(NamedTuple):
    """``WIDTHxDEPTH[,dropout=RATE/RATE][,embed=N]``, read."""

    width: int
    depth: int
    rates: list[float]
    embed: int = 0


def _family_of(spec: str) -> tuple[_Family, str]:
    name, _, rest = spec.partition(":")
    if name not in _FAMILIES or not rest:
        hint = None if name in _FAMILIES else did_you_mean(name, _FAMILIES, written="{}:…".format)
        raise InputError(f"unknown architecture {spec!r}", expected=EXAMPLES, hint=hint)
    return _FAMILIES[name], rest


def _sized(name: str, make: Callable[[tuple[int, ...], int, _Size], nn.Module], *, most_rates: int) -> _Family:
    """A family of this package, which is told how wide and how deep it is to be."""
    read = partial(_read_size, family=name, most_rates=most_rates)
    return _Family(build=lambda rest, input_shape, n_classes: make(input_shape, n_classes, read(rest)), require=read)


def _read_size(spec: str, *, family: str, most_rates: int, known: tuple[str, ...] = ("dropout",)) -> _Size:
    shape, *rest = spec.split(",")
    match = re.fullmatch(r"(\d{1,6})x(\d{1,4})", shape)
    options = dict(part.partition("=")[::2] for part in rest)
    if match is None or set(options) - set(known) or not all(map(int, match.groups())):
        raise InputError(
            f"cannot read architecture {family}:{spec}",
            expected=f"{family}:WIDTHxDEPTH with options {', '.join(known)}, for example {EXAMPLES}",
        )
    if len(options) < len(rest):
        raise InputError(f"an option of {family}:{spec} comes twice", received=", ".join(rest))
    embed = options.get("embed", "0")
    if "embed" in options and not (re.fullmatch(r"\d{1,4}", embed) and int(embed)):
        raise InputError(f"cannot read embed in {spec!r}", expected="numbers a category, 1 to 9999", received=embed)
    return _Size(int(match[1]), int(match[2]), _rates(options.get("dropout", "0"), spec, most=most_rates), int(embed))


def _rates(text: str, spec: str, most: int) -> list[float]:
    try:
        rates = [float(part) for part in text.split("/")]
    except ValueError:
        rates = []
    if not 1 <= len(rates) <= most or not all(0 <= rate < 1 for rate in rates):
        wanted = "a rate in [0, 1)" if most == 1 else "a rate in [0, 1), or two: INPUT/HIDDEN"
        raise InputError(f"cannot read dropout in {spec!r}", expected=wanted, received=repr(text))
    return rates


def _mlp(rest: str, input_shape: tuple[int, ...], n_classes: int, categories: Blocks = ()) -> nn.Module:
    size = _read_mlp(rest)
    before, within = [0.0, *size.rates][-2:]  # a single rate is that of the hidden units
    embedding = None
    if size.embed:
        if not categories:
            raise InputError(
                f"mlp:{rest} has nothing to embed", expected="a table with columns of categories", received="none",
                hint="leave embed out; a column of numbers is one of categories by table:FILE,categories=COLUMN",
            )  # fmt: skip
        embedding = Embedding(prod(input_shape), categories, width=size.embed)
    return mlp(
        input_shape, n_classes, width=size.width, depth=size.depth, dropout=(before, within), embedding=embedding
    )


_read_mlp = partial(_read_size, family="mlp", most_rates=2, known=("dropout", "embed"))


def _cnn(input_shape: tuple[int, ...], n_classes: int, size: _Size) -> nn.Module:
    return cnn(input_shape, n_classes, width=size.width, depth=size.depth, dropout=size.rates[0])


def _unet(input_shape: tuple[int, ...], n_classes: int, size: _Size) -> nn.Module:
    return UNet(input_shape, n_classes, width=size.width, depth=size.depth, dropout=size.rates[0])


def _separable_unet(input_shape: tuple[int, ...], n_classes: int, size: _Size) -> nn.Module:
    return separable_unet(input_shape, n_classes, width=size.width, depth=size.depth, dropout=size.rates[0])


def _module(path: str, input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    factory = _imported(path)
    offered = {"n_classes": n_classes, "input_shape": input_shape}
    try:
        signature = inspect.signature(factory)
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
        given = {name: value for name, value in offered.items() if takes_all or name in signature.parameters}
        signature.bind(**given)
    except (TypeError, ValueError) as error:  # it is not callable, or wants more
        raise InputError(
            f"cannot call module:{path}",
            expected="a factory that needs no argument but n_classes and input_shape",
            received=str(error),
        ) from error
    try:
        network = factory(**given)
    except JoryuError:
        raise
    except Exception as error:  # whatever somebody else's code raises
        raise InputError(f"module:{path} fails", expected="an nn.Module", received=failure_of(error)) from error
    if not isinstance(network, nn.Module):
        raise InputError(f"module:{path} must return an nn.Module", received=type(network).__name__)
    return keep_head_in_float32(network, n_classes)


def _imported(path: str) -> Callable[..., object]:
    module_name, _, factory_name = path.partition(":")
    if not module_name or not factory_name:
        raise InputError(f"cannot read module:{path}", expected="module:pkg.mod:factory")
    try:
        factory: Callable[..., object] = getattr(importlib.import_module(module_name), factory_name)
    except Exception as error:  # importing runs somebody else's code
        raise InputError(
            f"cannot import module:{path}",
            expected="module:pkg.mod:factory, from this folder or installed",
            received=failure_of(error),
            hint="is it spelt as it is imported, and the package installed or in this folder (or on PYTHONPATH)?",
        ) from error
    return factory


#: to add a student: its function in a file of this folder, one row here, one row in the tests
_FAMILIES: Mapping[str, _Family] = {
    "mlp": _Family(_mlp, require=_read_mlp, build_of_table=_mlp),
    "cnn": _sized("cnn", _cnn, most_rates=1),
    "unet": _sized("unet", _unet, most_rates=1),
    "separable-unet": _sized("separable-unet", _separable_unet, most_rates=1),
    "timm": _Family(
        backbone,
        require=parse_backbone,  # whether timm has it is known when it is built
        begin=begin_backbone,
        weights=lambda rest: parse_backbone(rest).weights,
        remarks=remarks_on_backbone,
    ),
    "smp": _Family(
        segmenter,
        require=parse_segmentation,
        begin=begin_encoder,
        weights=lambda rest: parse_segmentation(rest).weights,
    ),
    "keras": _Family(
        partial(build_keras, None),
        require=keras_parts,
        begin=begin_keras,
        weights=lambda rest: None if keras_parts(rest).is_new else str(keras_parts(rest).file),
        remarks=remarks_on_keras,
        layers=layers_of_keras,
        build_again=build_keras,
    ),
    "module": _Family(_module, require=str),
}
