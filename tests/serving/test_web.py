"""`joryu serve`: answers, refusals and limits of the application, asked in this process."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from joryu.errors import InputError
from joryu.serving import load
from joryu.serving.lines import json_lines
from joryu.serving.web.app import Served, create_app
from joryu.serving.web.limits import RequestLimits
from joryu.serving.web.opening import open_model
from joryu.serving.web.server import VARIABLE, read_token

ANNOTATE = "/v1/images:annotate"
TOKEN = "o7Rk-2vXq_9mTz4B"  # noqa: S105 - of no server
Ask = Callable[..., TestClient]


@pytest.fixture
def ask(student: Callable[..., Path]) -> Iterator[Ask]:
    """A client of a server of a student of this kind of question."""
    clients = list[TestClient]()

    def start(kind: str = "tags", host: str = "127.0.0.1", **more: Any) -> TestClient:
        limits = more.pop("limits", RequestLimits(wait_ms=0))
        app = create_app(open_model(str(student(kind))), Served(limits, **more))
        client = TestClient(app, base_url=f"http://{host}")
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__()


def picture(shade: int = 9, size: tuple[int, int] = (8, 8)) -> bytes:
    file = BytesIO()
    Image.new("L", size, shade).save(file, "PNG")
    return file.getvalue()


def wanted(content: bytes | str, most: int | None = None, kind: Any = "LABEL_DETECTION") -> dict[str, Any]:
    text = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    feature = {"type": kind} if most is None else {"type": kind, "maxResults": most}
    return {"image": {"content": text}, "features": [feature]}


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 30,000 × 30,000."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["classes", "tags", "mask", "segments", "numbers"])
def test_predict_says_what_the_command_prints(
    kind: str, ask: Ask, student: Callable[..., Path], pictures: Path
) -> None:
    (line,) = json_lines(load(student(kind)).predict_each(pictures / "03.png"))
    printed = json.loads(line)
    found = ask(kind).post("/predict", content=(pictures / "03.png").read_bytes(), params={"name": printed["file"]})
    assert (found.status_code, found.json()) == (200, printed)


def test_masks_come_as_png_where_they_are_asked_for(ask: Ask) -> None:
    found = ask("mask").post("/predict?masks=true", content=picture(size=(20, 10))).json()
    drawn = Image.open(BytesIO(base64.b64decode(found["masks"]["salt"])))
    assert drawn.size == (20, 10)


def test_a_table_and_raw_inputs_come_as_json(tmp_path: Path, student: Callable[..., Path]) -> None:
    raw = create_app(open_model(str(student("tags", preparation=None, scale=1.0))), Served(RequestLimits()))
    with TestClient(raw, base_url="http://localhost") as client:
        found = client.post("/predict", json=np.zeros((2, 1, 8, 8)).tolist()).json()
        assert len(found["rows"]) == 2
        refused = client.post("/predict", json=[[1, 2], [3]])
        assert refused.status_code == 400
        assert "nested lists of numbers" in refused.json()["error"]["message"]
        assert client.post(ANNOTATE, json={}).status_code == 501


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("top=0", "whole number above 0"),
        ("top=x", "whole number"),
        ("topp=1", "unknown parameter 'topp'"),
        ("masks=2", "true"),
    ],
)
def test_strange_parameters_are_refused(query: str, why: str, ask: Ask) -> None:
    found = ask().post(f"/predict?{query}", content=picture())
    assert found.status_code == 400
    assert why in found.json()["error"]["message"]


def test_what_cannot_be_read_is_said(ask: Ask) -> None:
    client = ask()
    found = client.post("/predict", content=b"no picture")
    assert (found.status_code, set(found.json())) == (422, {"file", "error"})
    assert client.post("/predict", content=b"").status_code == 400
    assert client.get("/predict").json()["error"]["status"] == "UNIMPLEMENTED"
    assert client.get("/../etc/passwd").json()["error"]["status"] == "NOT_FOUND"
    assert "too many pixels" in client.post("/predict", content=bomb()).json()["error"]
    assert client.get("/healthz").json()["status"] == "ok"


def test_a_picture_of_many_pixels_is_refused_by_its_header(ask: Ask) -> None:
    client = ask(limits=RequestLimits(pixels=100))
    assert "20×10 pixels are too many" in client.post("/predict", content=picture(size=(20, 10))).json()["error"]
    assert client.post("/predict", content=picture()).status_code == 200


# --- the shape of the vision API -------------------------------------------------------------------------------------


def test_labels_come_with_scores_in_their_order(ask: Ask, student: Callable[..., Path]) -> None:
    top = load(student("tags")).predict(picture()).top()  # type: ignore[attr-defined]
    query = "?%24alt=json%3Benum-encoding%3Dint"
    (found,) = ask().post(ANNOTATE + query, json={"requests": [wanted(picture(), kind=4)]}).json()["responses"]
    labels = found["labelAnnotations"]
    assert {one["description"]: one["score"] for one in labels} == top
    assert [one["score"] for one in labels] == sorted(top.values(), reverse=True)
    assert len({one["mid"] for one in labels}) == 3


def test_as_many_labels_as_are_wanted_and_none_below_the_least(ask: Ask) -> None:
    client = ask(least=0.999)
    assert client.post(ANNOTATE, json={"requests": [wanted(picture())]}).json() == {"responses": [{}]}
    (found,) = ask().post(ANNOTATE, json={"requests": [wanted(picture(), 2)]}).json()["responses"]
    assert len(found["labelAnnotations"]) == 2


def test_what_is_wrong_with_one_picture_spoils_no_other(ask: Ask) -> None:
    source = {"image": {"source": {"imageUri": "http://127.0.0.1/x.png"}}, "features": [{"type": "LABEL_DETECTION"}]}
    requests = [
        wanted(picture()), wanted(b"no picture"), wanted(bomb()), source, wanted(picture(), kind="FACE_DETECTION"),
        wanted(picture(), -1), {}, wanted(picture(1)),
    ]  # fmt: skip
    found = ask().post(ANNOTATE, json={"requests": requests}).json()["responses"]
    assert [one.get("error", {}).get("code") for one in found] == [None, 3, 3, 3, 12, 3, 3, None]
    assert "never fetched" in found[3]["error"]["message"]


def test_names_in_either_spelling_and_bytes_in_either_alphabet(ask: Ask) -> None:
    content = base64.urlsafe_b64encode(picture()).decode().rstrip("=")
    feature = {"type": "LABEL_DETECTION", "max_results": 1, "model": "builtin/stable"}
    asked = {"requests": [{"image": {"content": content}, "features": [feature], "image_context": {}}]}
    (found,) = ask().post(ANNOTATE, json=asked).json()["responses"]
    assert len(found["labelAnnotations"]) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Invalid JSON"), (b"{", "Invalid JSON"), (b"[" * 100_000, "Invalid JSON"), (b"[]", "expected an object"),
        (b"{}", "at least one picture"), (b'{"requests": 1}', "expected a list"),
        (b'{"request": []}', 'Unknown name "request"'),
        (b'{"requests": [1]}', "requests[0]: expected an object"),
        (json.dumps({"requests": [wanted("%%%")]}).encode(), "Base64 decoding failed"),
        (json.dumps({"requests": [wanted("abcde")]}).encode(), "Base64 decoding failed"),
        (json.dumps({"requests": [wanted("aGk=", True)]}).encode(), "expected a whole number"),
        (b'{"requests": [{"image": {"content": 5}}]}', "expected base64"),
        (json.dumps({"requests": [{}] * 17}).encode(), "Too many images per request: 17"),
    ],
)  # fmt: skip
def test_a_request_of_another_shape_is_refused_whole(body: bytes, why: str, ask: Ask) -> None:
    found = ask().post(ANNOTATE, content=body)
    assert (found.status_code, found.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert why in found.json()["error"]["message"]


def test_a_model_of_pixels_has_no_labels(ask: Ask) -> None:
    found = ask("mask").post(ANNOTATE, json={"requests": [wanted(picture())]})
    assert (found.status_code, found.json()["error"]["status"]) == (501, "UNIMPLEMENTED")


# --- who may ask, and how much ---------------------------------------------------------------------------------------


def test_a_body_beyond_the_limit_is_refused(ask: Ask) -> None:
    client = ask(limits=RequestLimits(body=1000))
    assert client.post("/predict", content=b"x" * 1001).status_code == 413
    assert client.post("/predict", content=iter([b"x" * 600, b"x" * 600])).status_code == 413  # in parts, of no length
    assert client.post("/predict", content=picture()).status_code == 200


def test_other_sites_and_other_names_are_refused(ask: Ask) -> None:
    client = ask()
    assert client.post("/predict", content=picture(), headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/predict", content=picture(), headers={"origin": "http://127.0.0.1"}).status_code == 200
    assert client.post("/predict", content=picture(), headers={"host": "evil.example:8643"}).status_code == 421
    for host in ("localhost", "localhost:8643", "[::1]", "[::1]:8643"):
        assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_a_token_is_asked_for_in_a_header(ask: Ask) -> None:
    client = ask(token=TOKEN, host="box.example")
    asked = {"requests": [wanted(picture())]}
    for headers in (
        {},
        {"x-goog-api-key": "another"},
        {"authorization": "Bearer öther"},
        {"authorization": "Basic eDp5"},
    ):
        sent = {name: value.encode() for name, value in headers.items()}
        found = client.post(ANNOTATE, json=asked, headers=sent)
        assert (found.status_code, found.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
        assert TOKEN not in found.text
    assert client.get("/metrics").status_code == 401
    assert client.get("/healthz").status_code == 200
    assert client.post(f"{ANNOTATE}?key={TOKEN}", json=asked).status_code == 401
    for headers in ({"x-goog-api-key": TOKEN}, {"authorization": f"Bearer {TOKEN}"}):
        assert client.post(ANNOTATE, json=asked, headers=headers).status_code == 200
    beside = client.post(f"{ANNOTATE}?key={TOKEN}", json=asked, headers={"x-goog-api-key": TOKEN})
    assert "does not belong in the URL" in beside.json()["error"]["message"]


def test_where_others_can_ask_a_token_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert read_token("127.0.0.1", None) is None
    with pytest.raises(InputError, match=r"everybody who reaches 0\.0\.0\.0 could ask"):
        read_token("0.0.0.0", None)  # noqa: S104
    with pytest.raises(InputError, match="cannot be read"):
        read_token("::", tmp_path / "none")
    kept = tmp_path / "token"
    kept.write_text("\n")
    with pytest.raises(InputError, match="holds no token"):
        read_token("::", kept)
    kept.write_text("1234567890123456\n")
    with pytest.raises(InputError, match="can be guessed") as refused:
        read_token("::", kept)
    assert "1234567890123456" not in str(refused.value)
    kept.write_text(f"{TOKEN}\n")
    assert read_token("::", kept) == TOKEN
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert read_token("0.0.0.0", None) == TOKEN  # noqa: S104


@pytest.mark.parametrize(
    "wrong", [{"body": 0}, {"seconds": -1}, {"batch": 0}, {"wait_ms": float("nan")}, {"pixels": 10**9}]
)
def test_limits_that_limit_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        RequestLimits(**wrong)


def test_the_counters_count(ask: Ask) -> None:
    client = ask()
    client.post("/predict", content=picture())
    client.post("/predict", content=b"no picture")
    client.get("/somewhere")
    told = client.get("/metrics").text
    assert 'joryu_requests_total{path="/predict",status="422"} 1.0' in told
    assert 'joryu_requests_total{path="other",status="404"} 1.0' in told
    assert 'joryu_pictures_total{outcome="answered"} 1.0' in told


def test_the_api_is_described_where_that_is_asked_for(ask: Ask) -> None:
    client = ask(described=True)
    assert set(client.get("/openapi.json").json()["paths"]) == {"/predict", ANNOTATE, "/healthz", "/metrics"}
    page = client.get("/docs")
    assert "images:annotate" in page.text
    assert "http" not in page.text.replace("https://", "http")  # nothing from outside
    assert ask().get("/docs").status_code == 404
