"""``keras:FILE``: a ``.keras`` archive or a legacy ``.h5``, through Keras 3 on PyTorch; no code in it is run."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import torch

from joryu.errors import InputError, MissingExtraError
from joryu.questions import Link
from joryu.teachers.foreign.content import model_content, reason_of
from joryu.teachers.foreign.description import Options, OutputSaid
from joryu.teachers.foreign.family import Runtime
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Ask, Opened
from joryu.teachers.outputs import Output

_BACKEND: Final = "torch"
_SETTING: Final = "KERAS_BACKEND"
_ENTRIES: Final = frozenset({"metadata.json", "config.json", "model.weights.h5"})
#: layers that hold code or another framework's module, and what a lambda is written as
_CODE: Final = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer"})
_ENDS: Final = {"softmax": Link.SOFTMAX, "sigmoid": Link.SIGMOID}
_HDF5: Final = b"\x89HDF\r\n\x1a\n"


def open_keras(options: Options) -> Opened:
    """Open a Keras model.

    If the layer that makes the output ends in a softmax or sigmoid, its logits are read instead, unless
    ``output=…probs`` says otherwise or the layer is used elsewhere too: then probabilities are turned back. Lambda
    layers, and whatever is not of Keras itself, are refused by name before Keras reads the file, also in ``.h5``, where
    Keras before 3.11.3 ran them even in safe mode (CVE-2025-9905).

    Raises:
        InputError: no such model; code in it; several inputs; several outputs of which none is chosen; Keras runs on
            another backend in this process.
        MissingExtraError: keras is not installed.
    """
    path = options.path
    content = model_content(path, "a .keras or .h5 model")
    keras = _library(path)
    _require_no_code(path, _config(path, content))
    model = _loaded(keras, path, content)
    if len(model.inputs or ()) != 1:
        raise InputError(f"{path} cannot be asked", expected="one input", received=len(model.inputs or ()))
    names = getattr(model, "output_names", None) or list(map(str, range(len(model.outputs))))  # a Sequential has none
    place = options.said.output.place_among(list(names), path)
    link, values, asked = _meaning(keras, model, place, options.said.output)
    batch, *shape = model.inputs[0].shape
    said = model.outputs[place].shape
    return Opened(
        _asking(keras, asked, place if asked is model else 0),
        Intake.of(tuple(shape), str(model.inputs[0].dtype), options.said.input, model=str(path)),
        hashlib.sha256(content).hexdigest(),
        n_outputs=said[1] if len(said) == 2 else None, values=values, link=link, batch=batch,
    )  # fmt: skip


KERAS: Final = Runtime("keras", open_keras, ("labels", "output", "layout", "range", "mean", "std"))


def _library(path: Path) -> Any:
    ours = "keras" not in sys.modules and _SETTING not in os.environ
    if ours:
        os.environ[_SETTING] = _BACKEND  # Keras asks once, when it is imported
    try:
        import keras  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("keras", "keras", f"keras:{path}") from error
    finally:
        if ours:
            del os.environ[_SETTING]
    if keras.backend.backend() != _BACKEND:
        raise InputError(
            "Keras runs on another backend here", expected=_BACKEND, received=keras.backend.backend(),
            hint=f"set {_SETTING}={_BACKEND} before Keras is imported",
        )  # fmt: skip
    return keras


def _config(path: Path, content: bytes) -> Any:
    """The description of the layers, of either kind of file."""
    try:
        if content.startswith(_HDF5):
            import h5py  # noqa: PLC0415 - Keras needs it too

            with h5py.File(BytesIO(content), "r") as file:
                return json.loads(file.attrs["model_config"])
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
            if strange := [name for name in names if name not in _ENTRIES or names.count(name) > 1]:
                raise InputError(f"{path} holds what no plain model holds", expected=", ".join(sorted(_ENTRIES)),
                                 received=strange[0])  # fmt: skip
            return json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        hint = "weights alone are no model: save it with model.save"
        raise InputError(
            f"{path} cannot be used", expected="a whole .keras or .h5 model, with its architecture",
            received="no architecture" if isinstance(error, KeyError) else reason_of(error),
            hint=hint if isinstance(error, KeyError) else "it may be cut off: compare its size with the original's",
        ) from error  # fmt: skip


def _require_no_code(path: Path, config: Any) -> None:
    for part in _parts(config):
        kind, module = part.get("class_name"), part.get("module")
        if kind in _CODE:
            name = (part.get("config") or {}).get("name", "a function") if isinstance(part.get("config"), dict) else ""
            raise InputError(
                f"{path} holds code, which is not run", expected="layers of Keras alone", received=f"{kind} {name}",
                hint="replace it by a layer, such as Rescaling or Normalization, and save the model again",
            )  # fmt: skip
        if isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins"):
            raise InputError(f"{path} wants code of others", expected="Keras alone", received=f"{module}.{kind}")
        if module is None and part.get("registered_name"):  # how Keras writes what it does not know itself
            raise InputError(
                f"{path} wants code of others", expected="Keras alone", received=part["registered_name"],
                hint="build it of Keras's own layers, or export it: model.export(FILE, format='onnx')",
            )  # fmt: skip


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    waiting = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _loaded(keras: Any, path: Path, content: bytes) -> Any:
    suffix = ".h5" if content.startswith(_HDF5) else ".keras"
    if path.suffix != suffix:
        raise InputError(
            f"{path} is called what it is not", expected=f"a name that ends in {suffix}", received=path.name
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of how Keras and NumPy speak of copies
            return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras fails in as many ways as there are layers
        raise InputError(
            f"{path} cannot be used", expected="a model of layers that Keras 3 knows", received=reason_of(error)
        ) from error


def _meaning(keras: Any, model: Any, place: int, said: OutputSaid) -> tuple[Link | None, Output | None, Any]:
    """The link of an output, whether logits or probabilities are read, and the model to ask for them."""
    layer, inside = _last_layer(model, place)
    function = getattr(getattr(layer, "activation", None), "__name__", "")
    link = Link.SOFTMAX if isinstance(layer, keras.layers.Softmax) else _ENDS.get(function)
    if link is None:
        return None, said.values, model
    if said.values == "probs" or len(layer._inbound_nodes) > 1:
        return link, "probs", model
    if not isinstance(layer, keras.layers.Softmax):
        layer.activation = keras.activations.linear
        return link, "logits", model
    if inside:
        return link, "probs", model
    return link, "logits", keras.Model(model.inputs, layer.input)


def _last_layer(model: Any, place: int) -> tuple[Any, bool]:
    """The layer that makes an output, looked for inside models that are layers; and whether it was found inside one."""
    layer, inside = model.outputs[place]._keras_history.operation, False
    while getattr(layer, "outputs", None) and len(layer.outputs) == 1 and hasattr(layer, "layers"):
        layer, inside = layer.outputs[0]._keras_history.operation, True
    return layer, inside


def _asking(keras: Any, model: Any, place: int) -> Ask:
    def ask(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        with torch.no_grad():
            found = keras.tree.flatten(model(keras.ops.convert_to_tensor(values), training=False))
        answers: npt.NDArray[Any] = found[place].detach().float().cpu().numpy()
        return answers

    return ask
