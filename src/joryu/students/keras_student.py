"""Students of Keras: ``keras:FILE.keras``, through Keras 3 on PyTorch, without the softmax or sigmoid at their end."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.students.keras_model import keras_library, keras_model, logits_of, require_no_code
from joryu.students.model_content import reason_of

_NEW: Final = ",weights=new"
_OF_HEAD: Final = 2  #: weights of a last layer: kernel and bias
_UNITS: Final = {"Dense": "units", "Conv2D": "filters"}  #: how many outputs the layers have that may end a student
_SCALING: Final = frozenset({"Rescaling", "Normalization"})


class KerasParts(NamedTuple):
    """What stands behind ``keras:``."""

    file: Path
    is_new: bool  #: begins with random weights, not with those of the file


def keras_parts(spec: str) -> KerasParts:
    """Read ``FILE.keras[,weights=new]``.

    >>> keras_parts("net.keras,weights=new")
    KerasParts(file=PosixPath('net.keras'), is_new=True)

    Raises:
        InputError: it is anything else.
    """
    file = spec.removesuffix(_NEW)
    if not file.endswith((".keras", ".h5")):
        raise InputError(f"cannot read architecture keras:{spec}", expected=f"keras:FILE.keras or .h5, and {_NEW} if it"
                         " is to begin with random weights")  # fmt: skip
    return KerasParts(Path(file), file != spec)


def layers_of_keras(spec: str) -> str:
    """The layers of a file as Keras writes them (JSON), without the softmax or sigmoid at the end.

    Raises:
        InputError: no model, code in it, several inputs or outputs, or an end that cannot be taken off.
        MissingExtraError: keras is not installed.
    """
    written: str = _bare(spec)[1].to_json()
    return written


def begin_keras(spec: str, network: nn.Module) -> None:
    """Load the weights of the file, unless they are to be new; a last layer of other outputs keeps its random ones.

    Raises:
        InputError, MissingExtraError: as `layers_of_keras`.
        MismatchError: the file has changed since: it holds the weights of another network.
    """
    if keras_parts(spec).is_new:
        return
    own, saved = list(network.parameters()), [weight.value for weight in _bare(spec)[1].weights]
    strange = [at for at, (one, other) in enumerate(zip(own, saved, strict=False)) if one.shape != other.shape]
    if len(own) != len(saved) or (strange and strange[0] < len(own) - _OF_HEAD):
        raise MismatchError(f"keras:{spec} holds the weights of another network than this began as",
                            expected=f"{len(own)} arrays", received=f"{len(saved)}, or of other shapes")  # fmt: skip
    with torch.no_grad():
        for at, (parameter, value) in enumerate(zip(own, saved, strict=True)):
            if at not in strange:
                parameter.copy_(value.to(parameter.device))


def remarks_on_keras(spec: str) -> list[str]:
    """What is worth telling of a file: inputs are normalised before they reach it, and it may scale them again."""
    model = _bare(spec)[1]
    twice = sorted({type(layer).__name__ for layer in model._flatten_layers()} & _SCALING)
    told = [] if keras_parts(spec).is_new else [
        f"keras:{spec} begins with the weights of the file, but is shown inputs as Joryu normalises them: mean 0,"
        " deviation 1"
    ]  # fmt: skip
    return [*told, *(f"its layer {name} scales inputs that are normalised already" for name in twice)]


class KerasNetwork(nn.Module):
    """A model of Keras as a student: normalised inputs ``[B, *shape]`` to float32 outputs ``[B, C(, height, width)]``.

    Pictures ``[B, C, H, W]`` are given as the model takes them: channels last, where it does, or flat to a model of
    rows. It computes in float32 even under autocast, as Keras keeps a precision of its own. ``weights`` are all of
    Keras's, in its order; those that do not learn (frozen layers, averages) need no gradient.

    Raises:
        InputError: layers that are damaged, hold code or do not take inputs of this shape.
        MissingExtraError: keras is not installed.
    """

    def __init__(self, layers: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._written, self._shape = layers, shape
        self._model = (_rebuilt(layers),)  # a tuple: to PyTorch it is no part, as each weight would be one twice
        self._to = _layout(self._model[0].inputs[0].shape[1:], shape)
        layers_within = self._model[0]._flatten_layers()
        self._chance = [one for layer in layers_within for one in getattr(layer, "_seed_generators", ())]
        self.weights = nn.ParameterList([weight.value for weight in self._model[0].weights])

    def forward(self, inputs: Tensor) -> Tensor:
        given = inputs.float().permute(self._to) if self._to else inputs.float().flatten(1)
        if self.training:
            for generator in self._chance:  # a state of Keras's own would not be in a checkpoint; torch's is
                generator.state.assign(torch.randint(2**31, (2,)).tolist())
        with torch.autocast(device_type=inputs.device.type, enabled=False):
            found: Tensor = self._model[0](given, training=self.training)
        return found.movedim(-1, 1) if found.ndim == 4 else found

    @property
    def outputs(self) -> int | None:
        """How many it has, where it says so."""
        found: int | None = self._model[0].outputs[0].shape[-1]
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy with weights of its own: a copy of a Keras model would keep what its layers compute with."""
        copied = type(self)(self._written, self._shape)
        copied.load_state_dict(self.state_dict())
        copied.to(next(self.parameters()).device)
        return copied.train(self.training)


def build_keras(layers: str | None, spec: str, input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Build the network of a file, or of its ``layers`` where these are known, with new random weights.

    Raises:
        InputError: it takes other inputs or gives another number of outputs; or as `layers_of_keras`.
        MissingExtraError: keras is not installed.
    """
    network = KerasNetwork(_with_outputs(layers or layers_of_keras(spec), n_classes), input_shape)
    found = network.outputs
    if found != n_classes:
        raise InputError(
            f"keras:{spec} gives another number of outputs", expected=n_classes, received=found,
            hint="let it end in a Dense layer, or a Conv2D for pixels: that may have another number in the file",
        )  # fmt: skip
    return network


def _with_outputs(layers: str, n: int) -> str:
    """The layers with so many outputs, where the last is one that can have any number."""
    whole = json.loads(layers)
    config = whole["config"]
    name = next(iter(config.get("output_layers") or ()), config["layers"][-1]["config"]["name"])
    name = name[0] if isinstance(name, list) else name  # older Keras lists outputs in a list more
    last: dict[str, Any] = next((one for one in config["layers"] if one["config"].get("name") == name), {})
    if last.get("class_name") in _UNITS:
        last["config"][_UNITS[last["class_name"]]] = n
    return json.dumps(whole)


def _bare(spec: str) -> tuple[Any, Any]:
    """Keras, and the model of a file without its end."""
    path = keras_parts(spec).file
    keras, model, _ = keras_model(path)
    inputs, outputs = len(model.inputs or ()), len(model.outputs or ())
    if (inputs, outputs) != (1, 1):
        raise InputError(f"{path} cannot be a student", expected="one input and one output",
                         received=f"{inputs} and {outputs}")  # fmt: skip
    _, has_logits, bare = logits_of(keras, model, 0)
    if not has_logits:
        raise InputError(
            f"{path} cannot be a student", expected="an end that can be taken off, as students give logits",
            received="a softmax or sigmoid that is used twice, or stands in a model within", hint="save it without",
        )  # fmt: skip
    return keras, bare


def _rebuilt(layers: str) -> Any:
    keras = keras_library("keras:FILE")
    try:
        require_no_code(json.loads(layers), "the student")
        with _drawn_from_torch():
            return keras.models.model_from_json(layers)
    except InputError:
        raise
    except Exception as error:  # Keras fails in as many ways as there are layers
        raise InputError(
            "a student of Keras cannot be built", expected="layers that this Keras knows", received=reason_of(error)
        ) from error


@contextmanager
def _drawn_from_torch() -> Iterator[None]:
    """Keras draws its seeds from Python's generator: let these follow from torch's, and leave Python's as it was."""
    before = random.getstate()
    random.seed(int(torch.randint(2**31, ())))
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(before)


def _layout(taken: tuple[int | None, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """How ``[B, *shape]`` is turned into what a model takes; nothing if it is made flat.

    Raises:
        InputError: it takes neither.
    """
    n = 1
    for side in shape:
        n *= side
    last = (*shape[1:], shape[0])
    for order, given in (((0, 2, 3, 1), last), ((0, 1, 2, 3), shape), ((0, 1), shape)):
        fits = len(order) == len(shape) + 1 == len(taken) + 1
        if fits and all(one in (None, side) for one, side in zip(taken, given, strict=True)):
            return order
    if len(taken) == 1 and taken[0] in (None, n):
        return ()
    raise InputError(
        "the Keras model takes other inputs", expected=f"[B, {', '.join(map(str, last))}]",
        received=f"[B, {', '.join('?' if one is None else str(one) for one in taken)}]",
    )  # fmt: skip
