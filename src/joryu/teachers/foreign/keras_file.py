"""``keras:FILE``: a ``.keras`` archive or a legacy ``.h5``, through Keras 3 on PyTorch; no code in it is run."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy.typing as npt
import torch

from joryu.errors import InputError
from joryu.students.keras_model import keras_model, logits_of
from joryu.teachers.foreign.description import Options
from joryu.teachers.foreign.family import Runtime
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Ask, Opened


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
    keras, model, content = keras_model(path)
    if len(model.inputs or ()) != 1:
        raise InputError(f"{path} cannot be asked", expected="one input", received=len(model.inputs or ()))
    names = getattr(model, "output_names", None) or list(map(str, range(len(model.outputs))))  # a Sequential has none
    place = options.said.output.place_among(list(names), path)
    said_to_be = options.said.output.values
    link, has_logits, asked = logits_of(keras, model, place, as_it_is=said_to_be == "probs")
    values = said_to_be if link is None else "logits" if has_logits else "probs"
    batch, *shape = model.inputs[0].shape
    said = model.outputs[place].shape
    return Opened(
        _asking(keras, asked, place if asked is model else 0),
        Intake.of(tuple(shape), str(model.inputs[0].dtype), options.said.input, model=str(path)),
        hashlib.sha256(content).hexdigest(),
        n_outputs=said[1] if len(said) == 2 else None, values=values, link=link, batch=batch, by_torch=True,
    )  # fmt: skip


KERAS: Final = Runtime("keras", open_keras, ("labels", "output", "layout", "range", "mean", "std"))


def _asking(keras: Any, model: Any, place: int) -> Ask:
    def ask(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        with torch.no_grad():
            found = keras.tree.flatten(model(keras.ops.convert_to_tensor(values), training=False))
        answers: npt.NDArray[Any] = found[place].detach().float().cpu().numpy()
        return answers

    return ask
