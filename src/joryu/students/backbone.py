"""`backbone`: a student that is any model of timm, its first layers frozen and its head another where asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError, MissingExtraError, did_you_mean
from joryu.students.dropout import Dropout
from joryu.students.frozen import PartlyFrozen, modules_run
from joryu.students.head import keep_head_in_float32
from joryu.students.weights import fill, for_channels, read_weights

SPELT = "timm:NAME[,frozen=N][,head=flat|pooled[/UNITS]][,dropout=P][@FILE.safetensors]"
_OPTIONS = ("frozen", "head", "dropout")
_COUNTS = "num_batches_tracked"  #: what some files leave out


class BackboneSpec(NamedTuple):
    """What stands behind ``timm:``."""

    name: str
    frozen: int = 0  #: so many first layers do not learn
    head: str | None = None  #: ``flat`` or ``pooled``; ``None``: timm's own
    units: int | None = None  #: of the head's hidden layer; ``None``: as many as outputs
    dropout: float = 0.0
    weights: str | None = None  #: the file that it begins with


def parse_backbone(spec: str) -> BackboneSpec:
    """What stands behind ``timm:``, taken apart.

    >>> parse_backbone("vgg16,frozen=4,head=flat,dropout=0.35@vgg16.safetensors")
    BackboneSpec(name='vgg16', frozen=4, head='flat', units=None, dropout=0.35, weights='vgg16.safetensors')

    Raises:
        InputError: they cannot be read.
    """
    asked, at, weights = spec.partition("@")
    name, *rest = asked.split(",")
    given = dict(part.partition("=")[::2] for part in rest)
    if len(given) < len(rest):
        raise InputError(f"an option of timm:{spec} comes twice", received=", ".join(rest))
    head = re.fullmatch(r"(flat|pooled)(?:/([1-9]\d{0,5}))?", given["head"]) if "head" in given else None
    frozen, dropout = given.get("frozen", "0"), _rate(given.get("dropout", "0"))
    unreadable = (
        not name or (at and not weights) or set(given) - set(_OPTIONS) or dropout is None
        or ("head" in given and head is None) or not re.fullmatch(r"\d{1,4}", frozen)
    )  # fmt: skip
    if unreadable or dropout is None:
        raise InputError(f"cannot read architecture timm:{spec}", expected=SPELT)
    kind, units = head.groups() if head else (None, None)
    return BackboneSpec(name, int(frozen), kind, None if units is None else int(units), dropout, weights or None)


def backbone(spec: str, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    """Build ``NAME[,frozen=N][,head=…][,dropout=P][@FILE]`` with new random weights; no file is read.

    - ``frozen=N``: the first N layers with weights do not learn; how they count, says `PartlyFrozen`.
    - ``head=flat``: all numbers of the last feature map, a batch norm, a layer of rectified units, dropout, the
      outputs. ``head=pooled`` has the same behind what timm's own classifier would see. The hidden layer has ``UNITS``
      units, or as many as there are outputs. ``flat`` is for pictures of one size.
    - ``dropout=P``: before the last layer, of this head or of timm's own.

    ``timm:vgg16,frozen=4,head=flat,dropout=0.35@FILE`` is GINK03's student of a vision API
    (github.com/GINK03/keras-distillation: VGG16 without its top, Keras's first six layers frozen, which are four with
    weights; Flatten, BatchNormalization, Dense 5000 relu, Dropout 0.35, Dense 5000 sigmoid). The new layers begin as
    those of `joryu.students.mlp`.

    Raises:
        InputError: timm has no such model, it does not take pictures of this shape, or has fewer layers to freeze.
        MissingExtraError: timm is not installed.
    """
    parts = parse_backbone(spec)
    network: nn.Module
    if parts.head is None:
        settings = {"drop_rate": parts.dropout} if parts.dropout else {}
        network = _of_timm(parts.name, input_shape, n_outputs, **settings)
    else:
        network = _with_head(parts, input_shape, n_outputs)
    network = keep_head_in_float32(network, n_outputs)
    if not parts.frozen:
        return network
    but = "head" if parts.head else _classifiers(network)[0]
    return PartlyFrozen(network, parts.frozen, shape=input_shape, but=but, name=f"timm:{parts.name}")


def begin_backbone(spec: str, network: nn.Module) -> None:
    """Load the weights that the spec names into the network that it built; without any, do nothing.

    The file holds a model of timm by timm's names, in colour; a first convolution for other channels is made as
    `joryu.students.weights.for_channels` does. timm's own head takes the file's if it has as many outputs, and begins
    with random weights otherwise; that of ``head=`` always does.

    Raises:
        InputError: there is no such file, or it is no safetensors file.
        MismatchError: it holds the weights of another model.
    """
    parts = parse_backbone(spec)
    if parts.weights is None:
        return
    path = ("network." if parts.frozen else "") + ("features.model" if parts.head else "")
    model = network.get_submodule(path.rstrip("."))
    file, own = read_weights(parts.weights), model.state_dict()
    spared = [] if parts.head else [name for name in own if _is_of(name, _classifiers(model))]
    fits = all(name in file and file[name].shape == own[name].shape for name in spared)
    kept = {name for name in own if name.endswith(_COUNTS) and name not in file} | (set() if fits else set(spared))
    _require_same_model(parts, file.keys() - own.keys())
    given = {name: for_channels(part, own[name]) for name, part in file.items() if name in own and name not in kept}
    fill(model, given | {name: own[name] for name in kept}, Path(parts.weights))


def remarks_on_backbone(spec: str) -> list[str]:
    """What is worth telling of a spec that can be read, in words.

    >>> remarks_on_backbone("vgg16,frozen=4")[0][:58]
    'timm:vgg16 begins with random weights, and the first 4 lay'
    """
    parts = parse_backbone(spec)
    if not parts.frozen or parts.weights is not None:
        return []
    return [
        f"timm:{parts.name} begins with random weights, and the first {parts.frozen} layers will keep them:"
        " frozen= is meant for trained ones, timm:NAME,frozen=N@FILE.safetensors"
    ]


class Features(nn.Module):
    """The last feature map of a model of timm, ``[B, numbers]``, or with ``pooled`` what its classifier would see."""

    def __init__(self, model: nn.Module, *, pooled: bool) -> None:
        super().__init__()
        self.model = model
        self._pooled = pooled

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.model(inputs) if self._pooled else self.model.forward_features(inputs)  # type: ignore[operator]
        return features.flatten(1)


class WithHead(nn.Module):
    """A backbone and a head of its own; ``[B, C, H, W]`` to ``[B, n_outputs]``."""

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features, head

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.features(inputs))
        return outputs


def tag_head(features: int, n_outputs: int, *, units: int, dropout: float) -> nn.Sequential:
    """BatchNorm, Linear, ReLU, Dropout, Linear: ``[B, features]`` to ``[B, n_outputs]``.

    >>> [type(part).__name__ for part in tag_head(8, 3, units=4, dropout=0.35)]
    ['BatchNorm1d', 'Linear', 'ReLU', 'Dropout', 'Linear']
    """
    hidden, last = nn.Linear(features, units), nn.Linear(units, n_outputs)
    nn.init.kaiming_normal_(hidden.weight, nonlinearity="relu")
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(hidden.bias)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.BatchNorm1d(features), hidden, nn.ReLU(), Dropout(dropout), last)


def _with_head(parts: BackboneSpec, input_shape: tuple[int, ...], n_outputs: int) -> WithHead:
    features = Features(_of_timm(parts.name, input_shape, 0), pooled=parts.head == "pooled")
    _drop_unused(features, input_shape, f"timm:{parts.name}")
    width = modules_run(features, input_shape, f"timm:{parts.name}")[1].shape[1]
    return WithHead(features, tag_head(width, n_outputs, units=parts.units or n_outputs, dropout=parts.dropout))


def _drop_unused(network: nn.Module, shape: tuple[int, ...], name: str) -> None:
    """Leave out modules without a say in the outputs, such as VGG's 119 million weights behind the feature map."""
    with torch.enable_grad():
        outputs = modules_run(network, shape, name)[1]
        parameters = list(network.parameters())
        found = torch.autograd.grad(outputs.sum(), parameters, allow_unused=True)
    used = {id(one) for one, gradient in zip(parameters, found, strict=True) if gradient is not None}
    left_out: list[str] = []
    for where, module in list(network.named_modules()):
        own = list(module.parameters())
        if own and not any(id(one) in used for one in own) and not _is_of(where, left_out):
            parent, _, last = where.rpartition(".")
            setattr(network.get_submodule(parent), last, nn.Identity())
            left_out.append(where)


def _of_timm(name: str, input_shape: tuple[int, ...], n_outputs: int, **settings: Any) -> nn.Module:
    try:
        import timm  # noqa: PLC0415 - it takes seconds
    except ImportError as error:
        raise MissingExtraError("timm", "vision", f"the model timm:{name}") from error
    if not timm.is_model(name):
        hint = did_you_mean(name, timm.list_models()) or "see timm.list_models()"
        raise InputError(f"timm has no model {name!r}", hint=hint)
    try:
        model: nn.Module = timm.create_model(
            name, pretrained=False, num_classes=n_outputs, in_chans=input_shape[0], **settings
        )
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise InputError(f"timm:{name} does not take these inputs", received=f"{list(input_shape)}: {error}") from error
    return model


def _classifiers(model: nn.Module) -> list[str]:
    """The modules of timm's own head, by name."""
    said: str | Sequence[str] | None = model.pretrained_cfg.get("classifier")  # type: ignore[union-attr, operator]
    return [said] if isinstance(said, str) else list(said or ["head"])


def _is_of(name: str, modules: Sequence[str]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)


def _require_same_model(parts: BackboneSpec, unknown: set[str]) -> None:
    """What the file has and the network has not must be what it has no use for, such as a classifier."""
    if not unknown:
        return
    import timm  # noqa: PLC0415

    with torch.device("meta"):
        whole = timm.create_model(parts.name, pretrained=False).state_dict()
    strange = sorted(name for name in unknown if name not in whole)
    if strange:
        raise MismatchError(
            f"the weights {Path(str(parts.weights)).name} do not fit the network",
            expected=f"those of timm:{parts.name}", received=", ".join(strange[:3]),
        )  # fmt: skip


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 0 <= rate < 1 else None
