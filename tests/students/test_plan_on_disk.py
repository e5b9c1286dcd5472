"""A student's plan: read back as it was written, whatever its names, and refused in one line where it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from joryu.errors import InputError
from joryu.questions import PICTURE, Question
from joryu.students import Blueprint
from joryu.students.architecture import require_architecture
from joryu.students.blueprint import read_blueprint

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), min_size=1, max_size=4,
                 unique=True)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(names=NAMES, mean=NUMBERS, std=NUMBERS, heads=NAMES, kind=st.sampled_from(["one_of", "tags", "numbers"]))
def test_names_of_any_writing_and_numbers_come_back_to_the_bit(
    names: list[str], mean: float, std: float, heads: list[str], kind: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    plan = Blueprint(
        architecture="mlp:2x1", input_shape=(3,), question=getattr(Question, kind)(names), mean=(mean,), std=(std,),
        heads={"signals": tuple(heads)},
    )  # fmt: skip
    folder = tmp_path_factory.getbasetemp()
    (folder / "student.json").write_bytes(plan.model_dump_json(indent=2).encode())
    assert read_blueprint(folder) == plan
    assert json.loads(json.dumps(plan.request())) == plan.request()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"3", b'"mlp"', b"\xff\xfe", b"{}", b'{"classes": 3}', b'{"classes": ["a", "a"]}',
     b'{"architecture": "mlp:4x1", "input_shape": "wide", "classes": ["a"]}',
     b'{"architecture": "mlp:4x1", "input_shape": [2], "question": {"names": []}}',
     b'{"architecture": "mlp:4x1", "input_shape": [2], "question": {"names": ["a"], "link": "tanh"}}',
     b'{"architecture": "mlp:4x1", "input_shape": [2], "question": [1]}',
     b'{"architecture": "mlp:4x1", "input_shape": [2], "classes": ["a"], "preparation": {"kind": "sound"}}',
     b'{"architecture": "mlp:4x1", "input_shape": [2], "classes": ["a"], "quantisation": "int4"}'],
)  # fmt: skip
def test_a_plan_that_cannot_be_read_is_named_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "student.json").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*student\.json") as refused:
        read_blueprint(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_plan_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*received No such file"):
        read_blueprint(tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    labels=arrays.arrays(
        np.float32, st.tuples(st.integers(1, 7), st.just(2)),
        elements=st.floats(-1e4, 1e4, width=32) | st.just(np.float32(np.nan)),
    )
)  # fmt: skip
def test_the_scale_of_numbers_is_that_of_those_that_are_known(labels: np.ndarray) -> None:
    """NumPy's mean and standard deviation of what is known, column by column."""
    plan = Blueprint.fitted("mlp:2x1", torch.zeros(2, 3), Question.numbers(2), outputs_like=torch.from_numpy(labels))
    for at, column in enumerate(labels.astype(np.float64).T):
        known = column[~np.isnan(column)]
        mean, std = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
        assert plan.output_mean[at] == pytest.approx(mean, rel=1e-9, abs=1e-9)
        if std > 1e-6:
            assert plan.output_std[at] == pytest.approx(std, rel=1e-6)
        assert plan.output_std[at] > 0


def test_numbers_of_pixels_share_a_scale_and_those_that_never_vary_keep_theirs() -> None:
    labels = torch.stack([torch.arange(24.0).reshape(2, 3, 4), torch.full((2, 3, 4), 7.0)], dim=-1)
    plan = Blueprint.fitted("unet:2x1", torch.zeros(2, 1, 3, 4), Question.numbers(2, grid=PICTURE), outputs_like=labels)
    assert plan.output_mean == (11.5, 7.0)
    assert plan.output_std == pytest.approx((np.arange(24).std(), 1.0))
    assert Blueprint.fitted("mlp:2x1", torch.zeros(2, 3), Question.one_of(2), outputs_like=labels).output_mean == ()


def test_a_plan_begins_with_itself_and_with_its_float_form_alone() -> None:
    plan = Blueprint(architecture="cnn:4x2", input_shape=(1, 8, 8), classes=("a", "b"))
    int8 = plan.model_copy(update={"quantisation": "int8"})
    wider = plan.model_copy(update={"architecture": "cnn:5x2"})
    assert [plan.begins_with(other) for other in (plan, int8, wider)] == [True, False, False]
    assert [int8.begins_with(other) for other in (plan, int8, wider)] == [True, True, False]


@settings(max_examples=150, deadline=None)
@given(
    family=st.sampled_from(["mlp", "cnn", "unet", "separable-unet", "timm", "smp", "keras", "module", "", "MLP"]),
    rest=st.text("0123456789x,=./@-_: ٣²éabcdropuembedfrozenheadflatkeras", max_size=24)
    | st.builds("{}x{},{}={}".format, st.integers(-1, 9), st.integers(-1, 9),
                st.sampled_from(["dropout", "embed", "frozen", ""]), st.floats(-1, 2) | st.just("0.1/0.2")),
)  # fmt: skip
def test_any_spec_is_read_or_refused_in_one_line(family: str, rest: str) -> None:
    try:
        require_architecture(f"{family}:{rest}")
    except InputError as error:
        assert "\n" not in str(error)
