"""`joryu serve` and JSON: whatever a client sends is answered or refused as the client's own fault, and never ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from joryu.examples.preparation import PicturePreparation
from joryu.examples.tabular.preparation import CategoryColumn, NumberColumn, TablePreparation
from joryu.questions import Question
from joryu.serving import load
from joryu.serving.lines import json_lines
from joryu.serving.web.app import Served, create_app
from joryu.serving.web.limits import RequestLimits
from joryu.serving.web.opening import open_model
from joryu.students import Blueprint, save_student

ANNOTATE = "/v1/images:annotate"
HUGE = 10**400
TABLE = TablePreparation(
    columns=(NumberColumn(name="age", mean=40.0, std=10.0), CategoryColumn(name="colour", values=("blue", "red")))
)
PLANS = {
    "table": Blueprint(
        architecture="mlp:4x1", input_shape=(3,), question=Question.numbers(["price"]), preparation=TABLE,
        heads={"log_variance": ("price",)},
    ),
    "raw": Blueprint(architecture="mlp:4x1", input_shape=(2,), question=Question.tags(["red", "round"])),
    "pictures": Blueprint(
        architecture="mlp:4x1", input_shape=(1, 4, 4), question=Question.one_of(["<b>cat</b>", "dog & 'co'"]),
        preparation=PicturePreparation(channels=1, height=4, width=4), scale=1 / 255,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("served")
    torch.manual_seed(0)
    for name, plan in PLANS.items():
        save_student(root / name, plan.build(), plan)
    return {name: root / name for name in PLANS}


@pytest.fixture(scope="module")
def clients(runs: dict[str, Path]) -> Iterator[dict[str, TestClient]]:
    served, found = Served(RequestLimits(wait_ms=0), described=True), dict[str, TestClient]()
    for name, run in runs.items():
        found[name] = TestClient(create_app(open_model(str(run)), served), base_url="http://localhost").__enter__()
    yield found
    for client in found.values():
        client.__exit__()


def sent(client: TestClient, said: Any, path: str = "/predict") -> tuple[int, Any]:
    """The status and the answer; JSON as Python writes it, NaN and halves of characters included."""
    found = client.post(path, content=said if isinstance(said, bytes) else json.dumps(said).encode())
    return found.status_code, json.loads(found.content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_table_by_columns_or_by_rows_has_the_answers_of_the_predictor(
    clients: dict[str, TestClient], runs: dict[str, Path]
) -> None:
    columns = {"colour": ["red", "blue", "red"], "age": [31, 44.5, 40], "more": ["x", "y", "z"]}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    wanted = {"rows": [answer.to_json() for answer in load(runs["table"]).predict(columns)]}
    assert sent(clients["table"], columns) == (200, wanted)
    assert sent(clients["table"], rows) == (200, wanted)
    assert sent(clients["table"], {name: [] for name in columns}) == (200, {"rows": []})
    absent = [{"age": 31, "colour": "red"}, {"colour": "blue"}]
    with pytest.warns(UserWarning, match="the mean stands for them"):
        _, said = sent(clients["table"], absent)
    assert len(said["rows"]) == 2


@pytest.mark.parametrize(
    ("model", "said", "why"),
    [
        ("table", {"age": [1, 2], "colour": ["red"]}, "differ in length"),
        ("table", {"age": [HUGE], "colour": ["red"]}, "'age'"),
        ("table", b'{"age": [1e999], "colour": ["red"]}', "too large"),
        ("table", {"age": ["old"], "colour": ["red"]}, "holds numbers"),
        ("table", {"age": [[1]], "colour": ["red"]}, "holds no numbers"),
        ("table", {"age": [{}], "colour": ["red"]}, "holds no numbers"),
        ("table", {"age": [1, "x"], "colour": ["red", "red"]}, "several kinds"),
        ("table", {"age": [1], "colour": ["\ud800"]}, "'colour'"),
        ("table", {"age": [1], "\udfff": ["red"]}, "lacks the columns colour"),
        ("table", {"age": [1]}, "lacks the columns colour"),
        ("table", {"age": 1, "colour": "red"}, "this is no table"),
        ("table", {}, "lacks the columns"),
        ("table", [], "this is no table"),
        ("table", [{"age": 1}, 2], "this is no table"),
        ("table", None, "this is no table"),
        ("raw", [[1, 2, 3]], "does not take examples of this shape"),
        ("raw", [1, 2], r"inputs[None]"),
        ("raw", [[1, HUGE]], "nested lists of numbers"),
        ("raw", b"[[1, NaN]]", "not finite"),
        ("raw", [[1, 1e39]], "not finite"),
        ("raw", [[1, None]], "nested lists of numbers"),
        ("raw", [["1", "2"]], "nested lists of numbers"),
        ("raw", {"a": 1}, "nested lists of numbers"),
        ("raw", [], "no batch of inputs"),
        ("raw", b"[" * 150 + b"]" * 150, "no batch of inputs"),
        ("raw", b"1" * 5000, "no JSON"),
        ("raw", b"\xff\xfe\xfd", "no JSON"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value)[:40],
)
def test_what_is_no_batch_is_refused_as_the_client_s_fault(
    model: str, said: Any, why: str, clients: dict[str, TestClient]
) -> None:
    status, answer = sent(clients[model], said)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert why in answer["error"]["message"]


def test_half_a_character_can_be_refused_too(clients: dict[str, TestClient]) -> None:
    status, answer = sent(clients["pictures"], {"\ud800": 1}, ANNOTATE)
    assert (status, answer["error"]["message"]) == (
        400, 'Invalid JSON payload received. Unknown name "?" at the body',
    )  # fmt: skip
    feature = {"image": {"content": "aGk="}, "features": [{"type": "\ud800"}]}
    status, answer = sent(clients["pictures"], {"requests": [feature]}, ANNOTATE)
    assert (status, answer["responses"][0]["error"]["code"]) == (200, 12)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.sampled_from([0, 1, -1, 4, HUGE, -HUGE, "", "red", "aGk=", "\ud800"]),
    lambda inside: st.lists(inside, max_size=3)
    | st.dictionaries(
        st.sampled_from(["age", "colour", "requests", "image", "content", "features", "type", "max_results", "\udc00"]),
        inside, max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")  # what was imputed is told
@settings(max_examples=60, deadline=None)
@given(said=ANYTHING, model=st.sampled_from(list(PLANS)))
def test_nothing_that_is_sent_breaks_the_server(clients: dict[str, TestClient], said: Any, model: str) -> None:
    status, answer = sent(clients[model], said)
    assert status in ((422,) if model == "pictures" else (200, 400))
    assert set(answer) <= {"rows", "error", "file"}
    status, answer = sent(clients[model], {"requests": [said]}, ANNOTATE)
    assert status in ((200, 400) if model == "pictures" else (501,))


def test_a_deviation_beyond_all_numbers_is_still_json(runs: dict[str, Path], tmp_path: Path) -> None:
    """A student may say e^5000 of a row unlike all others; JSON knows no infinity."""
    plan = PLANS["table"]
    module = plan.build()
    with torch.no_grad():
        module[1][-1].bias[1] = 5000.0  # type: ignore[index, union-attr, operator]
    save_student(tmp_path / "run", module, plan)
    (tmp_path / "t.csv").write_text("age,colour\n1,red\n")
    (line,) = json_lines(load(tmp_path / "run").predict_each(tmp_path / "t.csv"))
    said = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert said["std"]["price"] > 1e300
    with TestClient(
        create_app(open_model(str(tmp_path / "run")), Served(RequestLimits())), base_url="http://localhost"
    ) as one:
        assert sent(one, {"age": [1], "colour": ["red"]}) == (
            200,
            {"rows": [{"numbers": said["numbers"], "std": said["std"]}]},
        )


def test_names_on_the_page_of_the_api_are_text_and_no_html(clients: dict[str, TestClient]) -> None:
    page = clients["pictures"].get("/docs").text
    assert "&lt;b&gt;cat&lt;/b&gt;" in page
    assert "<b>cat" not in page
    assert "dog & 'co'" in json.dumps(clients["pictures"].get("/openapi.json").json())


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_of_a_token_may_be_written_in_any_case(scheme: str, runs: dict[str, Path]) -> None:
    token = "o7Rk-2vXq_9mTz4B"  # noqa: S105 - of no server
    app = create_app(open_model(str(runs["raw"])), Served(RequestLimits(wait_ms=0), token=token))
    with TestClient(app, base_url="http://box.example") as client:
        assert client.get("/metrics", headers={"authorization": f"{scheme} {token}"}).status_code == 200
        for other in (f"{scheme} {token}x", f"{scheme}{token}", scheme, f"Basic {token}"):
            assert client.get("/metrics", headers={"authorization": other}).status_code == 401
