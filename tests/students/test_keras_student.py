"""`keras:FILE` as a student: its own logits, built again without the file, and what is refused."""

from __future__ import annotations

import copy
import logging
import os
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="keras is in the extra keras")

from joryu.errors import InputError, MismatchError  # noqa: E402
from joryu.questions import Question  # noqa: E402
from joryu.students import Blueprint, build_architecture, load_student, save_student  # noqa: E402
from joryu.students.architecture import (  # noqa: E402
    begin_with_its_file,
    file_to_begin_with,
    remarks_on,
    require_architecture,
)

layers = keras.layers
SHAPE = (3, 6, 5)


def pictures() -> Tensor:
    return torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))


def saved(path: Path, *parts: Any, shape: tuple[int, ...] = (6, 5, 3)) -> Any:
    model = keras.Sequential([keras.Input(shape), *parts])
    logging.disable(logging.WARNING)  # that .h5 is legacy is known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras, about copies
        model.save(path)
    logging.disable(logging.NOTSET)
    return model


def begun(spec: str, n: int = 3, shape: tuple[int, ...] = SHAPE) -> Any:
    network = build_architecture(spec, shape, n)
    begin_with_its_file(spec, network)
    return network.eval()


@pytest.mark.parametrize("kind", [".keras", ".h5"])
@pytest.mark.parametrize("end", ["softmax", "Softmax", "sigmoid"])
def test_it_gives_the_logits_of_the_file(kind: str, end: str, tmp_path: Path) -> None:
    ends = {"Softmax": [layers.Dense(3), layers.Softmax()]}.get(end, [layers.Dense(3, activation=end.lower())])
    path = tmp_path / f"a{kind}"
    model = saved(path, layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Flatten(), *ends)
    with torch.no_grad():
        logits = begun(f"keras:{path}")(pictures())
        own = model(pictures().movedim(1, -1), training=False)
    assert torch.allclose(logits.sigmoid() if end == "sigmoid" else logits.softmax(1), own, atol=1e-5)
    assert logits.min() < 0
    assert file_to_begin_with(f"keras:{path}") == path
    assert file_to_begin_with(f"keras:{path},weights=new") is None


def test_on_disk_it_needs_the_file_no_more(tmp_path: Path) -> None:
    spec = f"keras:{tmp_path / 'a.keras'}"
    saved(tmp_path / "a.keras", layers.Flatten(), layers.Dense(3, activation="softmax"))
    plan = Blueprint.fitted(spec, pictures(), Question.one_of("abc"))
    assert plan.layers is not None and "softmax" not in plan.layers
    student = plan.build().eval()
    save_student(tmp_path / "run", student, plan)
    (tmp_path / "a.keras").unlink()
    loaded, read = load_student(tmp_path / "run")
    assert read == plan
    with torch.no_grad():
        assert torch.equal(loaded(pictures()), student(pictures()))
    assert "layers" not in Blueprint(architecture="mlp:2x1", input_shape=(3,), classes=("a", "b")).model_dump()


def test_a_last_layer_of_other_outputs_begins_with_random_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.keras"
    saved(path, layers.Flatten(), layers.Dense(4), layers.Dense(3, activation="softmax"))
    same, other = begun(f"keras:{path}"), begun(f"keras:{path}", n=5)
    assert other(pictures()).shape == (4, 5)
    assert [torch.equal(a, b) for a, b in zip(same.parameters(), other.parameters(), strict=True)][:2] == [True, True]
    network = build_architecture(f"keras:{path}", SHAPE, 3)
    saved(path, layers.Flatten(), layers.Dense(2), layers.Dense(3))  # the file is another one by now
    with pytest.raises(MismatchError, match="holds the weights of another network than this began as"):
        begin_with_its_file(f"keras:{path}", network)


def test_pixels_and_rows(tmp_path: Path) -> None:
    saved(tmp_path / "pixels.keras", layers.Conv2D(2, 1), shape=(None, None, 3))
    assert begun(f"keras:{tmp_path / 'pixels.keras'}", n=2)(pictures()).shape == (4, 2, 6, 5)
    saved(tmp_path / "rows.keras", layers.Dense(3), shape=(90,))
    assert begun(f"keras:{tmp_path / 'rows.keras'}")(pictures()).shape == (4, 3)
    assert begun(f"keras:{tmp_path / 'rows.keras'}", shape=(90,))(torch.zeros(2, 90)).shape == (2, 3)


def test_a_copy_has_weights_and_averages_of_its_own(tmp_path: Path) -> None:
    saved(tmp_path / "a.keras", layers.BatchNormalization(), layers.Flatten(), layers.Dense(3))
    network = begun(f"keras:{tmp_path / 'a.keras'}").train()
    before, copied = [one.clone() for one in network.parameters()], copy.deepcopy(network)
    network(pictures())  # an average of what was seen
    changed = [not torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True)]
    assert sum(changed) == 2
    assert all(map(torch.equal, copied.parameters(), before))
    assert copied.training


def test_what_is_dropped_follows_from_the_random_state_of_torch(tmp_path: Path) -> None:
    """So that a training that is gone on with equals one that was never interrupted."""
    dropping = [layers.SpatialDropout2D(0.5), layers.GaussianNoise(0.5), layers.Flatten(), layers.Dropout(0.3)]
    saved(tmp_path / "a.keras", *dropping, layers.Dense(3))
    network = begun(f"keras:{tmp_path / 'a.keras'}").train()
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(network(pictures()))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_layers_that_scale_and_weights_of_another_scale_are_told(tmp_path: Path) -> None:
    saved(tmp_path / "a.keras", layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3))
    told = remarks_on(f"keras:{tmp_path / 'a.keras'}")
    assert [("as Joryu normalises" in one, "Rescaling" in one) for one in told] == [(True, False), (False, True)]
    assert len(remarks_on(f"keras:{tmp_path / 'a.keras'},weights=new")) == 1


def test_what_cannot_be_a_student_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "code.keras", layers.Lambda(lambda x: x, name="same"), layers.Flatten(), layers.Dense(3))
    inside = keras.Sequential([keras.Input((90,)), layers.Dense(3), layers.Softmax()])
    saved(tmp_path / "inside.keras", layers.Flatten(), inside)
    saved(tmp_path / "small.keras", layers.Flatten(), layers.Dense(3), shape=(4, 4, 1))
    saved(tmp_path / "ends.keras", layers.Flatten(), layers.Dense(3), layers.ReLU())
    for spec, said in {
        "code.keras": "holds code, which is not run (expected layers of Keras alone; received Lambda same)",
        "inside.keras": "expected an end that can be taken off",
        "small.keras": "takes other inputs (expected [B, 6, 5, 3]; received [B, 4, 4, 1])",
        "ends.keras": "gives another number of outputs (expected 2; received 3); let it end in a Dense layer",
        "none.keras": "no model at",
        "a.txt": "cannot read architecture",
        "small.keras,weights=old": "cannot read architecture",
    }.items():
        with pytest.raises(InputError, match=re.escape(said)):
            build_architecture(f"keras:{tmp_path / spec}", SHAPE, 2)
    with pytest.raises(InputError, match="cannot read architecture"):
        require_architecture("keras:a.txt")
