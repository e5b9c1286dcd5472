"""Whatever an API says is an answer that can be kept and read again, or a refusal in words; it ends no session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asked import ask, id_of, pictures
from benchmarks.black_box import BlackBox, labels_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from joryu.remote import Api, Ledger, google_vision
from joryu.remote.api import Answered, Refusal, RequestForm, refusal_of
from joryu.remote.json_places import pieces_of_list, value_at
from joryu.remote.outcome import Outcome, Received, outcome_of
from joryu.remote.vocabulary import Vocabulary

GOOGLE = google_vision()
NAMES = [
    "responses",
    "labelAnnotations",
    "mid",
    "description",
    "score",
    "error",
    "code",
    "message",
    "details",
    "reason",
]
TEXT = st.text(st.characters(), max_size=5)  # with halves of characters, as JSON can have them
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXT, inner, max_size=4),
    max_leaves=10,
)
SCORES = st.floats(0, 1) | st.sampled_from([0, 1, 10**400, -1, True, None, "0.5"])
TAGS = st.fixed_dictionaries(
    {}, optional={"mid": TEXT | st.integers(), "description": TEXT | ANYTHING, "score": SCORES}
)
ANSWERS = st.fixed_dictionaries({}, optional={"labelAnnotations": st.lists(TAGS, max_size=3) | ANYTHING,
                                              "error": st.none() | ANYTHING})  # fmt: skip


def outcome(content: object, count: int = 1, status: int = 200) -> Outcome:
    return outcome_of(GOOGLE, Received(status, {}, json.dumps(content).encode()), count)


def printable(text: str) -> bool:
    return text.encode().decode() == text


@settings(max_examples=150)
@given(st.lists(ANSWERS | ANYTHING, max_size=3))
@example([{"error": {"code": [3], "message": {}}}])
@example([{"labelAnnotations": [{"mid": "m", "description": "a", "score": 10**400}]}])
@example([{"error": {"code": 3, "message": "half a smile \ud83d"}}])
@example([{"labelAnnotations": [{"mid": "/m/\ud83d", "description": "\ud83d", "score": 0.9}]}])
def test_every_reply_is_answers_or_refusals_one_for_each_picture(answers: list[Any]) -> None:
    found = outcome({"responses": answers}, count=2)
    assert len(found.parts) == 2
    assert printable(found.reason)
    for part in found.parts:
        if isinstance(part, Refusal):
            assert part.reason
            continue
        tags, bound = GOOGLE.read(part)
        assert all(tag.name and printable(tag.name + tag.key) and 0 <= tag.score <= 1 for tag in tags)
        assert 0 <= bound <= 1


@settings(max_examples=150)
@given(ANYTHING, st.sampled_from([200, 204, 301, 400, 401, 403, 404, 413, 429, 500, 503]), st.integers(1, 3))
def test_no_body_of_any_status_ends_a_session(content: Any, status: int, count: int) -> None:
    found = outcome(content, count, status)
    assert len(found.parts) == count
    assert printable(found.reason)
    assert found.stop is None or printable(str(found.stop))


def test_what_a_disk_cannot_hold_loses_no_answer(tmp_path: Path) -> None:
    def halves(picture: bytes) -> dict[str, object]:
        if picture == b"picture 7":
            return {"error": {"code": 3, "message": "half a smile \ud83d"}}
        first, *rest = labels_of(picture)["labelAnnotations"]
        return {"labelAnnotations": [first | {"description": "cat \ud83d", "mid": "/m/\ud83d"}, *rest]}

    with BlackBox(answer=halves).running() as box:
        found = ask(box, tmp_path, pictures(32))
    assert (found.answered, found.failed) == (31, 1)
    with Ledger.read(tmp_path) as ledger:
        (failure,) = ledger.failures()
        raw = [one for _, one in ledger.every_answer()]
        assert json.loads(ledger.raw([id_of(b"picture 1")])[id_of(b"picture 1")]) == halves(b"picture 1")
    assert failure.reason.startswith("half a smile")
    vocabulary = Vocabulary.of(raw, GOOGLE)
    assert Vocabulary.load(tmp_path, vocabulary.save(tmp_path)) == vocabulary
    assert "\n".join(vocabulary.names).encode()


def test_tags_whose_ids_are_numbers_are_known_by_them() -> None:
    api = Api(name="x", endpoint="https://x.org", request=RequestForm(), answer=Answered(tags="tags", id="id"))
    tags = [
        {"id": 17, "name": "cat", "score": 0.5},
        {"id": 0, "name": "dog", "score": 0.4},
        {"name": "eel", "score": 0},
    ]
    found = api.tags({"tags": tags})
    assert [(tag.key, tag.name) for tag in found] == [("17", "cat"), ("0", "dog"), ("eel", "eel")]
    for wrong in ([1], {}, True, 1.5):
        with pytest.raises(ValueError, match="the id of cat"):
            api.tags({"tags": [{"id": wrong, "name": "cat", "score": 0.5}]})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": 16, "message": "no key"}, Refusal("no key (code 16)", good=False, stops=True)),
        ({"code": 8, "message": "quota"}, Refusal("quota (code 8)", good=False)),
        ({"code": 415}, Refusal("no reason given (code 415)", good=True)),
        ({"code": {"a": 1}, "message": "odd"}, Refusal("odd (code {'a': 1})", good=False)),
        ("too dark", Refusal("too dark", good=True)),
        ({}, Refusal("no reason given", good=True)),
    ],
)
def test_an_error_about_one_picture_is_for_good_passes_or_stops_by_its_code(error: Any, expected: Refusal) -> None:
    assert refusal_of(error) == expected


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('a"]}{[,: \\é', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0"]), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(PLAIN, max_size=4), PLAIN, st.sampled_from([None, 0, 3]), st.booleans())
def test_a_list_is_cut_into_the_very_texts_of_its_elements(
    values: list[Any], other: Any, indent: int | None, ascii_: bool
) -> None:
    text = json.dumps({"a": other, "b": [other, {"list": values, "a": other}]}, indent=indent, ensure_ascii=ascii_)
    pieces = pieces_of_list(text, "b.1.list")
    assert [value for _, value in pieces] == values == [json.loads(piece) for piece, _ in pieces]
    at = 0
    for piece, _ in pieces:
        at = text.index(piece, at) + len(piece)


def paths(content: Any, path: str = "") -> list[tuple[str, Any]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    found = [(path.removesuffix("."), content)]
    for name, value in inner:
        found += paths(value, f"{path}{name}.")
    return found


@given(PLAIN)
def test_every_value_is_found_at_its_path_and_none_elsewhere(content: Any) -> None:
    for path, value in paths(content):
        assert value_at(content, path) == value
        assert value_at(content, f"{path}.nowhere".removeprefix(".")) is None
        assert value_at(content, f"{path}.99".removeprefix(".")) is None


AN_API = Api(name="x", endpoint="https://x.org", request=RequestForm(), answer=Answered(tags="tags"))


@pytest.mark.parametrize("fine", [None, "", False, 0, {}, [], {"code": 0}, {"code": 0, "message": ""}, {"code": "OK"}])
def test_an_error_that_is_always_there_and_says_nothing_is_none(fine: Any) -> None:
    text = json.dumps({"tags": [{"name": "cat", "score": 0.5}], "error": fine})
    assert AN_API.split(text.encode(), 1) == [text.encode()]


@pytest.mark.parametrize("wrong", ["no picture", True, 3, {"code": 3}, {"code": 0, "message": "half done"}, ["bad"]])
def test_an_error_that_says_anything_is_a_refusal(wrong: Any) -> None:
    text = json.dumps({"tags": [{"name": "cat", "score": 0.5}], "error": wrong})
    assert isinstance(AN_API.split(text.encode(), 1)[0], Refusal)
