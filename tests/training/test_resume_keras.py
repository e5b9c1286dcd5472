"""A student of Keras that goes on after an interruption, dropout and averages included."""

from __future__ import annotations

import os
import signal
import warnings
from pathlib import Path

import pytest
from scenes import STEPS, Scene, at_step, outcome, recipe

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="keras is in the extra keras")


def test_going_on_gives_the_same_bits_as_never_stopping(tmp_path: Path) -> None:
    layers = keras.layers
    parts = [layers.Conv2D(2, 3), layers.BatchNormalization(), layers.SpatialDropout2D(0.3), layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 1)), *parts, layers.Dropout(0.3), layers.Dense(10)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras, about copies
        model.save(tmp_path / "a.keras")
    scene = Scene(f"keras:{tmp_path / 'a.keras'},weights=new", recipe(epochs=2, precision="32-true"))
    scene.train(tmp_path / "whole", tmp_path, every=1e9)
    with pytest.raises(KeyboardInterrupt):
        ctrl_c = at_step(STEPS + 3, lambda: signal.raise_signal(signal.SIGINT))
        scene.train(tmp_path / "cut", tmp_path, watch=ctrl_c, every=1e9)
    scene.train(tmp_path / "cut", tmp_path, every=1e9)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
