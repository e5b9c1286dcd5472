"""`keras:FILE`: the logits before its end, one output of several; and that no code in either kind of file is run."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras

from joryu.errors import InputError
from joryu.questions import Link
from joryu.teachers import load_teacher

ABC = ("ant", "bee", "cat")
UNIT = ",range=0..1"
KINDS = (".keras", ".h5")


def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def saved(model: Any, path: Path) -> Path:
    logging.disable(logging.WARNING)  # that .h5 is legacy is known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras, about copies
        model.save(path)
    logging.disable(logging.NOTSET)
    return path


def layered(*end: Any) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dropout(0.5), *end])


def own(model: Any) -> torch.Tensor:
    values = (pictures() / 255).movedim(1, -1).numpy()
    return model(values, training=False).detach().cpu()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ["softmax", "sigmoid", "Softmax", "Activation", "nested"])
def test_the_logits_before_its_end_are_read(kind: str, end: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)  # a layer draws the seed of its weights when it is made
    dense = keras.layers.Dense
    ends = {
        "softmax": [dense(3, activation="softmax")],
        "sigmoid": [dense(3, activation="sigmoid")],
        "Softmax": [dense(3), keras.layers.Softmax()],
        "Activation": [dense(3), keras.layers.Activation("softmax")],
        "nested": [keras.Sequential([keras.Input((64,)), dense(3, activation="softmax")])],
    }
    model = layered(*ends[end])
    (tmp_path / "labels.txt").write_text("\n".join(ABC))
    path = saved(model, tmp_path / f"a{kind}")
    teacher = load_teacher(f"keras:{path}{UNIT}")
    assert teacher.question.link is (Link.SIGMOID if end == "sigmoid" else Link.SOFTMAX)
    assert teacher.question.names == ABC
    found = teacher.label(pictures())
    assert torch.allclose(found.probs(), own(model), atol=1e-5)
    probs = load_teacher(f"keras:{path}{UNIT},output=probs").label(pictures())
    assert torch.allclose(probs.probs(), own(model), atol=1e-5)
    sums = found.values.logsumexp(1)  # of probabilities turned back all would be nought
    assert end == "sigmoid" or sums.abs().max() > 1e-3


def test_of_several_outputs_one_is_chosen(tmp_path: Path) -> None:
    taken = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(taken)
    kinds = keras.layers.Dense(3, activation="softmax", name="kinds")(flat)
    sizes = keras.layers.Dense(3, name="sizes")(flat)
    model = keras.Model(taken, [kinds, sizes])
    path = saved(model, tmp_path / "a.keras")
    with pytest.raises(InputError, match=re.escape("has 2 outputs (expected one of kinds, sizes, or its number)")):
        load_teacher(f"keras:{path}{UNIT}", classes=ABC)
    values = (pictures() / 255).movedim(1, -1).numpy()
    expected = [one.detach().cpu().numpy() for one in model(values)]
    first = load_teacher(f"keras:{path}{UNIT},output=kinds", classes=ABC).label(pictures()).probs()
    assert np.allclose(first, expected[0], atol=1e-5)
    second = load_teacher(f"keras:{path}{UNIT},output=1:logits", classes=ABC).label(pictures()).values
    assert np.allclose(second, expected[1], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_code_is_refused_by_name_before_keras_reads_the_file(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = layered(keras.layers.Lambda(lambda x: x * 2, name="twice"), keras.layers.Dense(3))
    path = saved(model, tmp_path / f"a{kind}")
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(InputError, match=r"holds code, which is not run .*received Lambda twice\); replace it"):
        load_teacher(f"keras:{path}{UNIT}", classes=ABC)


def test_what_is_no_plain_model_is_refused(tmp_path: Path) -> None:
    path = saved(layered(keras.layers.Dense(3)), tmp_path / "a.keras")
    whole = path.read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[:400])
    (tmp_path / "pickle.keras").write_bytes(pickle.dumps([1]))
    (tmp_path / "a.h5").write_bytes(whole)
    with zipfile.ZipFile(path) as before:
        config = json.loads(before.read("config.json"))
        weights = before.read("model.weights.h5")
        (tmp_path / "weights.h5").write_bytes(weights)
        with zipfile.ZipFile(tmp_path / "more.keras", "w") as after:
            for name in (*before.namelist(), "assets/x.pkl"):
                after.writestr(name, b"" if "assets" in name else before.read(name))
        (tmp_path / "cut.h5").write_bytes(weights[:-100])
        config["config"]["layers"][1].update(module=None, class_name="Mine", registered_name="Custom>Mine")
        with zipfile.ZipFile(tmp_path / "mine.keras", "w") as after:
            for name in before.namelist():
                after.writestr(name, json.dumps(config) if name == "config.json" else before.read(name))
        config["config"]["layers"][1].update(module="os", class_name="system")
        with zipfile.ZipFile(tmp_path / "other.keras", "w") as after:
            for name in before.namelist():
                after.writestr(name, json.dumps(config) if name == "config.json" else before.read(name))
    for name, said in {
        "cut.keras": "cannot be used (expected a whole .keras or .h5 model",
        "pickle.keras": "received a pickle",
        "a.h5": "is called what it is not (expected a name that ends in .keras",
        "cut.h5": "it may be cut off",
        "mine.keras": "wants code of others (expected Keras alone; received Custom>Mine); build it of Keras's own",
        "weights.h5": "weights alone are no model",
        "more.keras": "received assets/x.pkl",
        "other.keras": "wants code of others (expected Keras alone; received os.system",
        "nowhere.keras": "no model at",
    }.items():
        with pytest.raises(InputError, match=re.escape(said)) as error:
            load_teacher(f"keras:{tmp_path / name}{UNIT}", classes=ABC)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="does not say of what range"):
        load_teacher(f"keras:{path}", classes=ABC)


def test_another_backend_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(layered(keras.layers.Dense(3)), tmp_path / "a.keras")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match=re.escape("(expected torch; received jax); set KERAS_BACKEND=torch")):
        load_teacher(f"keras:{path}{UNIT}", classes=ABC)
