"""Keras's models in files (``.keras``, ``.h5``) through Keras 3 on PyTorch, opened without running any code in them."""

from __future__ import annotations

import json
import os
import sys
import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from joryu.errors import InputError, MissingExtraError
from joryu.questions import Link
from joryu.students.model_content import model_content, reason_of

_BACKEND: Final = "torch"
_SETTING: Final = "KERAS_BACKEND"
_ENTRIES: Final = frozenset({"metadata.json", "config.json", "model.weights.h5"})
#: layers that hold code or another framework's module, and what a lambda is written as
_CODE: Final = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer"})
_ENDS: Final = {"softmax": Link.SOFTMAX, "sigmoid": Link.SIGMOID}
_HDF5: Final = b"\x89HDF\r\n\x1a\n"


def keras_model(path: Path) -> tuple[Any, Any, bytes]:
    """Keras, the model of a file, and the file's bytes.

    Lambda layers, and whatever is not of Keras itself, are refused by name before Keras reads the file, also in
    ``.h5``, where Keras before 3.11.3 ran them even in safe mode (CVE-2025-9905).

    Raises:
        InputError: no such model, or code in it; Keras runs on another backend in this process.
        MissingExtraError: keras is not installed.
    """
    content = model_content(path, "a .keras or .h5 model")
    keras = keras_library(f"keras:{path}")
    require_no_code(_config(path, content), str(path))
    return keras, _loaded(keras, path, content), content


def keras_library(wanted: str) -> Any:
    """Keras 3 on PyTorch.

    Raises:
        InputError: it runs on another backend in this process.
        MissingExtraError: it is not installed; ``wanted`` is the spec that needs it.
    """
    ours = "keras" not in sys.modules and _SETTING not in os.environ
    if ours:
        os.environ[_SETTING] = _BACKEND  # Keras asks once, when it is imported
    try:
        import keras  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("keras", "keras", wanted) from error
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


def require_no_code(config: Any, name: str) -> None:
    """Check that a description of layers, of a model of this name, holds Keras's own alone.

    Raises:
        InputError: a Lambda layer, or code of others.
    """
    for part in _parts(config):
        kind, module = part.get("class_name"), part.get("module")
        if kind in _CODE:
            said = (part.get("config") or {}).get("name", "a function") if isinstance(part.get("config"), dict) else ""
            raise InputError(
                f"{name} holds code, which is not run", expected="layers of Keras alone", received=f"{kind} {said}",
                hint="replace it by a layer, such as Rescaling or Normalization, and save the model again",
            )  # fmt: skip
        if isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins"):
            raise InputError(f"{name} wants code of others", expected="Keras alone", received=f"{module}.{kind}")
        if module is None and part.get("registered_name"):  # how Keras writes what it does not know itself
            raise InputError(
                f"{name} wants code of others", expected="Keras alone", received=part["registered_name"],
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


def logits_of(keras: Any, model: Any, place: int, *, as_it_is: bool = False) -> tuple[Link | None, bool, Any]:
    """The link of an output, whether its logits can be read, and the model to ask for them; it may be changed.

    ``as_it_is`` leaves a softmax or sigmoid at the end in its place. So does a layer that is used elsewhere too.
    """
    layer, inside = _last_layer(model, place)
    function = getattr(getattr(layer, "activation", None), "__name__", "")
    link = Link.SOFTMAX if isinstance(layer, keras.layers.Softmax) else _ENDS.get(function)
    if link is None:
        return None, True, model
    if as_it_is or len(layer._inbound_nodes) > 1:
        return link, False, model
    if not isinstance(layer, keras.layers.Softmax):
        layer.activation = keras.activations.linear
        return link, True, model
    if inside:
        return link, False, model
    return link, True, keras.Model(model.inputs, layer.input)


def _last_layer(model: Any, place: int) -> tuple[Any, bool]:
    """The layer that makes an output, looked for inside models that are layers; and whether it was found inside one."""
    layer, inside = model.outputs[place]._keras_history.operation, False
    while getattr(layer, "outputs", None) and len(layer.outputs) == 1 and hasattr(layer, "layers"):
        layer, inside = layer.outputs[0]._keras_history.operation, True
    return layer, inside
