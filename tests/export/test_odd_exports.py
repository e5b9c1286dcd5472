"""Around an export: damaged folders, tables of costs, what an exporter complains of, models that answer otherwise."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.export import bench, bench_child
from joryu.export.bench import Cost, Timeable, Timed, bench_lines, bench_models, read_student
from joryu.export.by_ranges import quiet
from joryu.export.contents import FORM, labels_text
from joryu.export.litert import WithProbs
from joryu.export.parity import parity
from joryu.export.refused import cannot_export
from joryu.questions import LOG_VARIANCE, MAIN, PICTURE, Question

SOUND = {
    "form": FORM, "runtime": "onnx", "architecture": "mlp:4x1", "input": {"shape": [3], "dtype": "float32"},
    "models": {"model.onnx": {"kind": "float"}},
}  # fmt: skip


# --- folders and costs ----------------------------------------------------------------------------------


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in SOUND.items() if key != name}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b"[]", "is no exported folder"),
        (b"3", "is no exported folder"),
        (b"null", "is no exported folder"),
        ({"architecture": "mlp:4x1", "input_shape": [3]}, "a run is not exported yet: joryu export RUN"),
        (SOUND | {"form": "joryu-export-2"}, r"received joryu-export-2\); export it again"),
        (without("models"), "is damaged .*received no models"),
        (without("input"), r"received no input\.shape"),
        (without("runtime"), "received no runtime"),
        (SOUND | {"models": {}}, "received no kind of a model"),
        (SOUND | {"models": {"model.onnx": "float"}}, "received no kind of a model"),
        (SOUND | {"models": ["model.onnx"]}, "received no models"),
        (SOUND | {"models": {"other.onnx": {"kind": "float"}}}, r"lacks other\.onnx"),
    ],
)
def test_a_folder_that_is_damaged_is_refused_in_one_line(content: Any, says: str, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"a model")
    (tmp_path / "student.json").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(InputError, match=says) as refused:
        read_student(tmp_path)
    assert "\n" not in str(refused.value)
    (tmp_path / "student.json").write_text(json.dumps(SOUND))
    assert read_student(tmp_path) == SOUND


def test_models_take_turns_and_their_rounds_are_one_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest memory of any round, and percentiles over the answers of all, in milliseconds."""
    turns = list[tuple[str, int]]()

    def child(model: Timeable, batch: int, threads: int, seconds: float) -> dict[str, Any]:
        turns.append((model.name, threads))
        assert (batch, seconds) == (2, 0.5)
        return {"seconds": [0.001 * len(turns)] * 3, "before": 100 - len(turns), "peak": 200 + len(turns)}

    monkeypatch.setattr(bench, "_child", child)
    models = [Timeable(name, "float", tmp_path / name, "onnx", [3], "float32") for name in ("a", "b")]
    for at, model in enumerate(models, start=1):
        model.path.write_bytes(bytes(at))
    one, other = bench_models(models, batch=2, threads=(1, 4), seconds=1.0, rounds=2)
    assert turns == [("a", 1), ("b", 1), ("a", 4), ("b", 4)] * 2
    assert (one.size, other.size) == (1, 2)
    assert (one.memory, one.runtime) == (207, 99)  # turns 1, 3, 5 and 7
    assert [timed.n for timed in one.times] == [6, 6]
    assert [timed.p50 for timed in one.times] == pytest.approx([3.0, 5.0])  # of turns 1 and 5, of turns 3 and 7
    assert one.times[1].p95 == pytest.approx(np.percentile([3] * 3 + [7] * 3, 95))


def test_a_table_of_costs_is_aligned_whatever_stands_in_it() -> None:
    times = (Timed(threads=1, p50=0.001, p95=12345.6789, n=20), Timed(threads=16, p50=1.0, p95=2.0, n=20))
    costs = [
        Cost(name=name, kind="float", size=size, memory=size * 1000, runtime=2**20, times=times)
        for name, size in (("model.onnx", 7), ("teacher", 123_456_789))
    ]
    head, *rows, last = bench_lines(costs, 1)
    assert len({len(line) for line in (head, *rows)}) == 1
    assert "1 thread: p50 ms" in head
    assert "16 threads: p50 ms" in head
    assert [row.split()[1] for row in rows] == ["7", "123,456,789"]
    assert rows[0].split()[4:] == ["0.001", "12345.679", "1.000", "2.000"]
    assert last == "an answer to 1 example at a time"


@pytest.mark.parametrize(("seconds", "least", "most"), [(0.0, 20, 20), (1e9, 20_000, 20_000)])
def test_a_model_is_asked_often_enough_and_not_for_ever(
    seconds: float, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, shown = [0], list[np.ndarray]()

    def ask(inputs: np.ndarray) -> None:
        asked[0] += 1
        shown[:] = [inputs]

    monkeypatch.setitem(bench_child.RUNTIMES, "none", ("json", lambda said: ask))
    said = {"runtime": "none", "batch": 2, "shape": [3, 4], "dtype": "uint8", "threads": 1, "seconds": seconds}
    found = bench_child.measured(said)
    assert least <= len(found["seconds"]) <= most
    assert asked[0] == len(found["seconds"]) + bench_child.WARM_UP
    assert (shown[0].shape, shown[0].dtype) == ((2, 3, 4), np.uint8)
    assert 0 < found["before"] <= found["peak"]


NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\r\x0b\x85\u2028"), max_size=3),
                 min_size=1, max_size=4, unique=True)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(names=NAMES)
def test_every_line_of_labels_is_the_name_of_that_output_or_the_names_are_refused(names: list[str]) -> None:
    try:
        text = labels_text(Question.tags(names))
    except InputError as error:
        assert "cannot be a line of labels.txt" in str(error)
        assert any(name.splitlines() != [name] for name in names)
    else:
        assert text.splitlines() == names


# --- what an exporter complains of ----------------------------------------------------------------------


def raised(*errors: Exception) -> Exception:
    """The last of these, raised from the ones before it."""
    for before, after in pairwise(errors):
        after.__cause__ = before
    return errors[-1]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RuntimeError("No ONNX function found for <OpOverload(op='aten.fft_fft2')>"), "aten.fft_fft2"),
        (raised(RuntimeError("No ONNX function for aten::cdist"), ValueError("in aten.add.Tensor")), "aten::cdist"),
        (raised(RuntimeError("at torchvision::nms"), RuntimeError("aten.mul.Tensor")), "torchvision::nms"),
        (RuntimeError("\n\n   something odd\nTraceback"), "RuntimeError: something odd"),
        (RuntimeError(), "RuntimeError:"),
        (RuntimeError("x" * 5000), "x…"),
        (raised(RuntimeError("Could not guard on data-dependent expression"), ValueError("failed")), "torch.where or"),
        (ValueError("dynamic control flow is not supported at the moment in aten.sum"), "torch.where or torch.cond"),
    ],
)  # fmt: skip
def test_an_exporter_s_complaint_is_one_short_line_that_names_what_it_lacks(error: Exception, says: str) -> None:
    found = str(cannot_export(error, "mine", "ONNX"))
    assert found.startswith("mine cannot be exported to ONNX (expected ")
    assert says in found
    assert "\n" not in found
    assert len(found) < 500


def test_the_exporter_is_quiet_and_others_are_heard_again_afterwards(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RuntimeError, match="it fails"), quiet(), quiet():
        warnings.warn("for developers", stacklevel=1)
        logging.getLogger("theirs").warning("for developers")
        raise RuntimeError("it fails")
    assert not caplog.records
    logging.getLogger("theirs").warning("for people")
    assert [one.message for one in caplog.records] == ["for people"]
    with pytest.warns(UserWarning, match="for people"):
        warnings.warn("for people", stacklevel=1)


@pytest.mark.parametrize("ask", [Question.one_of, Question.tags])
@pytest.mark.parametrize("grid", [(), PICTURE])
def test_a_litert_model_gives_probabilities_beside_logits(ask: Callable[..., Question], grid: tuple[str, ...]) -> None:
    question, outputs = ask(3, grid=grid), torch.randn(2, 3, *[4] * len(grid))
    logits, probs = WithProbs(nn.Identity(), question, spread=False)(outputs)
    assert torch.equal(logits, outputs)
    torch.testing.assert_close(probs.movedim(1, -1), question.link.probs(outputs.movedim(1, -1)))


def test_a_litert_model_of_numbers_gives_them_alone_or_before_their_variances() -> None:
    outputs, question = torch.randn(2, 4), Question.numbers(2)
    values, spread = WithProbs(nn.Identity(), question, spread=True)(outputs)
    assert torch.equal(torch.cat([values, spread], 1), outputs)
    (alone,) = WithProbs(nn.Identity(), Question.numbers(4), spread=False)(outputs)
    assert torch.equal(alone, outputs)


# --- models that answer otherwise -----------------------------------------------------------------------


PRICES = Examples.of(torch.arange(9.0)[:, None], torch.arange(9.0)[:, None], question=Question.numbers(["price"]))


def said(inputs: Tensor, **others: Any) -> Mapping[str, Tensor]:
    return {MAIN: inputs, LOG_VARIANCE: torch.zeros(len(inputs), 1)} | others


def test_variances_that_an_export_spoils_are_found() -> None:
    found = parity(said, lambda rows: said(rows, log_variance=torch.full((len(rows), 1), 0.5)), PRICES,
                   Question.numbers(["price"]))  # fmt: skip
    assert (found.largest, found.mean, found.lost) == (0.5, 0.25, 0.0)
    assert parity(said, said, PRICES, Question.numbers(["price"])).largest == 0


@pytest.mark.parametrize(
    ("other", "error", "says"),
    [
        (lambda rows: {MAIN: rows}, MismatchError, r"expected main, log_variance \[1, 1\]; received main \[1, 1\]"),
        (lambda rows: said(torch.cat([rows, rows], 1)), MismatchError, r"received main, log_variance \[1, 2\]"),
        (lambda rows: said(rows, log_variance=torch.zeros(1, 3)), MismatchError, "other outputs"),
        (lambda rows: said(rows / rows), InputError, "outputs are not finite"),
        (lambda rows: said(rows, log_variance=torch.full((len(rows), 1), -torch.inf)), InputError, "not finite"),
    ],
    ids=["no variance", "one more number", "variances of others", "no number", "no variance at all"],
)
def test_outputs_that_cannot_be_compared_are_refused(other: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        parity(said, other, PRICES, Question.numbers(["price"]))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, 11, 75])
def test_parity_asks_about_every_example_once_in_batches_of_several_sizes(n: int) -> None:
    question, asked = Question.one_of(2), list[Tensor]()

    def remembered(rows: Tensor) -> Mapping[str, Tensor]:
        asked.append(rows)
        return {MAIN: torch.cat([rows, -rows], 1)}

    examples = Examples.of(torch.arange(1.0, n + 1)[:, None]).asked(question)
    found = parity(remembered, lambda rows: {MAIN: torch.cat([-rows, rows], 1)}, examples, question)
    assert torch.equal(torch.cat(asked), examples.inputs)
    assert found.batches == tuple(sorted({len(rows) for rows in asked}))
    sizes = [len(rows) for rows in asked]
    assert sizes[:-1] == [1, 2, 7, 64][: len(sizes) - 1]
    assert (found.n, found.size, found.largest, found.agreement, found.measure) == (n, n, 2 * n, 0.0, None)
