"""What replies mean: answers picture by picture, refusals, faults; keys that never show."""

from __future__ import annotations

import copy
import json
import random

import pytest
from pydantic import ValidationError

from joryu.errors import InputError
from joryu.remote import google_vision
from joryu.remote.api import Answered, Api, KeyPlace, Refusal, RequestForm
from joryu.remote.budget import Budget
from joryu.remote.credentials import Anonymous, Key, find_credentials, require_endpoint
from joryu.remote.json_places import pieces_of_list
from joryu.remote.outcome import Lost, Received, outcome_of
from joryu.remote.pace import Breaker, back_off_s
from joryu.remote.vocabulary import Vocabulary

GOOGLE = google_vision()


def received(status: int, content: object = None, **headers: str) -> Received:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Received(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_each_answer_is_cut_out_as_it_stands() -> None:
    body = b'{"responses" : [ {"labelAnnotations": [{"mid":"/m/1","description":"a ]}","score":0.70}]} ,{}], "x": 1}'
    outcome = outcome_of(GOOGLE, received(200, body), 2)
    assert outcome.parts == [b'{"labelAnnotations": [{"mid":"/m/1","description":"a ]}","score":0.70}]}', b"{}"]
    assert outcome.succeeded and outcome.charged


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"responses": [{}, {}', "cut off"),
        (b'{"responses": []}', "0 answers to 2 pictures"),
        (b'{"responses": [{}]}', "1 answers to 2 pictures"),
        (b'{"responses": {}}', "no list at responses"),
        (b"{}", "no responses"),
        (b"[]", "no responses"),
        (b"<html>", "no JSON"),
        (b"", "no JSON"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"responses": [{}, {"labelAnnotations": 1}]}', "labelAnnotations is no list"),
        (b'{"responses": [{}, {"labelAnnotations": [{"score": 0.9}]}]}', "a tag without a name"),
        (b'{"responses": [{}, {"labelAnnotations": [{"description": "a", "mid": "m"}]}]}', "has no score"),
        (b'{"responses": [{}, {"labelAnnotations": [{"description": "a", "mid": "m", "score": NaN}]}]}', "no score"),
        (b'{"responses": [{}, {"labelAnnotations": [{"description": "a", "mid": "m", "score": 70}]}]}', "score of 70"),
        (b'{"responses": [{}, 7]}', "that is int"),
    ],
)
def test_an_answer_that_is_none_is_asked_for_again_and_paid(body: bytes, said: str) -> None:
    outcome = outcome_of(GOOGLE, received(200, body), 2)
    assert all(isinstance(part, Refusal) and not part.good for part in outcome.parts)
    assert said in outcome.reason and outcome.charged and not outcome.succeeded


@pytest.mark.parametrize(("status", "charged"), [(429, False), (500, True), (503, True), (408, False)])
def test_what_may_pass_is_tried_again(status: int, charged: bool) -> None:
    outcome = outcome_of(GOOGLE, received(status, {"error": {"message": "later"}}, Retry_After="7"), 1)
    assert (outcome.charged, outcome.wait_s, outcome.stop) == (charged, 7.0, None)
    assert outcome.reason == f"HTTP {status}: later"


def test_of_several_pictures_one_may_be_at_fault() -> None:
    bad = received(400, {"error": {"code": 400, "message": "Request payload size exceeds the limit"}})
    assert outcome_of(GOOGLE, bad, 16).halve
    (alone,) = outcome_of(GOOGLE, bad, 1).parts
    assert isinstance(alone, Refusal) and alone.good


@pytest.mark.parametrize("status", [301, 401, 403, 404, 501])
def test_what_will_not_pass_stops(status: int) -> None:
    assert outcome_of(GOOGLE, received(status, b"no"), 1).stop is not None


def test_a_wrong_key_is_no_fault_of_the_picture() -> None:
    said = {"error": {"code": 400, "message": "API key not valid.", "details": [{"reason": "API_KEY_INVALID"}]}}
    outcome = outcome_of(GOOGLE, received(400, said), 16)
    assert outcome.stop is not None and "look whether the key is right" in str(outcome.stop)


def test_what_never_arrived_costs_nothing() -> None:
    assert not outcome_of(GOOGLE, Lost("no connection", "refused", sent=False), 2).charged
    assert outcome_of(GOOGLE, Lost("timeout", "no answer", sent=True), 2).charged


def test_a_tag_not_returned_lies_below_the_floor_or_the_smallest_of_a_full_list() -> None:
    two = [{"mid": "/m/1", "description": "a", "score": 0.9}, {"mid": "/m/2", "description": "b", "score": 0.7}]
    raw = json.dumps({"labelAnnotations": two}).encode()
    assert GOOGLE.read(raw)[1] == 0.5
    assert google_vision(max_results=2).read(raw)[1] == 0.7
    assert GOOGLE.read(b"{}") == ([], 0.5)


def test_a_list_that_goes_below_the_floor_says_where_it_ends_itself() -> None:
    deep = [{"mid": "/m/1", "description": "a", "score": 0.9}, {"mid": "/m/2", "description": "b", "score": 0.04}]
    raw = json.dumps({"labelAnnotations": deep}).encode()
    assert GOOGLE.read(raw)[1] == 0.04
    assert Vocabulary.of([raw], GOOGLE).below_floor
    assert not Vocabulary.of([json.dumps({"labelAnnotations": deep[:1]}).encode()], GOOGLE).below_floor
    unknown = GOOGLE.model_copy(update={"answer": GOOGLE.answer.model_copy(update={"floor": 1.0})})
    assert unknown.read(raw)[1] == 1.0  # nothing is known of what such an API leaves out
    assert not Vocabulary.of([raw], unknown).below_floor


def test_the_recorded_answers_are_read(google_answers: dict[str, bytes]) -> None:
    for name, raw in google_answers.items():
        together = b'{"responses": [' + raw + b", {}]}"
        parts = outcome_of(GOOGLE, received(200, together), 2).parts
        assert parts == [raw, b"{}"], name
        tags, bound = GOOGLE.read(raw)
        assert 16 <= len(tags) <= 38 and bound == 0.5
        assert 0.5 < min(tag.score for tag in tags) < 0.52
        assert all(tag.key.startswith(("/m/", "/g/", "/j/")) for tag in tags)


def test_a_key_shows_nowhere() -> None:
    key = find_credentials(GOOGLE, {"GOOGLE_API_KEY": " planted-key \n"})
    assert isinstance(key, Key) and dict(key.headers()) == {"x-goog-api-key": "planted-key"}
    assert "planted" not in repr(key) + str(key) + key.redact("x planted-key y")
    with pytest.raises(TypeError, match="not copied"):
        copy.copy(key)


def test_a_key_is_wanted_where_one_is_needed() -> None:
    with pytest.raises(InputError, match=r"needs a key \(expected it in the environment variable GOOGLE_API_KEY"):
        find_credentials(GOOGLE, {"HOME": "/nonexistent"})
    with pytest.raises(InputError, match="cannot be a key") as caught:
        find_credentials(GOOGLE, {"GOOGLE_API_KEY": "zzzz\nzzzz"})
    assert "zz" not in str(caught.value)
    assert isinstance(find_credentials(google_vision("http://127.0.0.1:8"), {}), Anonymous)
    with pytest.raises(InputError, match="would travel unencrypted"):
        find_credentials(google_vision("http://example.org"), {"GOOGLE_API_KEY": "planted"})


@pytest.mark.parametrize(
    "endpoint", ["https://user:planted@example.org", "https://example.org/?key=planted", "https://e.org/#planted"]
)
def test_an_endpoint_holds_no_secret(endpoint: str) -> None:
    with pytest.raises(InputError, match="holds more than an address") as caught:
        require_endpoint(endpoint)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["ftp://example.org", "example.org", "http://", "http://[", ""])
def test_an_endpoint_is_an_address(endpoint: str) -> None:
    with pytest.raises(InputError, match="endpoint is no address"):
        require_endpoint(endpoint)


def test_scores_of_another_scale_and_tags_by_name() -> None:
    api = Api(
        name="x", endpoint="https://x.org", request=RequestForm(),
        answer=Answered(tags="result.scores", by_name=True, scale=100, floor=0.3),
    )  # fmt: skip
    tags, bound = api.read(b'{"result": {"scores": {"cat": 87.5, "dog": 30}}}')
    assert [(tag.key, tag.score) for tag in tags] == [("cat", 0.875), ("dog", 0.3)] and bound == 0.3
    assert api.body([b"\x89PNG..."]) == (b"\x89PNG...", "image/png")


@pytest.mark.parametrize(
    "asked",
    [
        {"body": {"a": 1}},
        {"body": {"a": "{pictures}"}},
        {"body": {"a": "{pictures}"}, "each": {"b": 1}},
        {"body": {"a": "{picture}"}, "pictures": 2},
        {"pictures": 4},
    ],
)
def test_a_request_without_a_place_for_the_picture_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RequestForm.model_validate(asked)


def test_what_changes_no_answer_is_not_in_the_settings() -> None:
    assert google_vision(price=3.0, key_env="OTHER").settings == GOOGLE.settings
    for other in (
        google_vision("http://127.0.0.1:1"), google_vision(max_results=10), google_vision(model="builtin/latest"),
        google_vision(longest_side=None),
    ):  # fmt: skip
        assert other.settings != GOOGLE.settings
    assert KeyPlace(env="A").header == "Authorization"


@pytest.mark.parametrize("text", ["", "-5", "5.5", "USD", "$", "1e9", "7.5.0USD"])
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="budget is not usable"):
        Budget.parse(text)


def test_a_budget_in_money_needs_a_price() -> None:
    assert Budget.parse("$0.30").in_units(1.5) == 200
    with pytest.raises(InputError, match="needs a price"):
        Budget.parse("3 EUR").in_units(None)


def test_a_list_is_found_below_names_and_numbers() -> None:
    nested = '[{"a": 0}, {"b": {"c": [1, [2], "]"]}}]'
    assert pieces_of_list(nested, "1.b.c") == [("1", 1), ("[2]", [2]), ('"]"', "]")]
    with pytest.raises(ValueError, match="follows"):
        pieces_of_list("[1] 2", "")


def test_a_breaker_opens_tries_and_closes() -> None:
    now = [0.0]
    breaker = Breaker(2, 10.0, clock=lambda: now[0])
    breaker.note(False)
    assert breaker.wait_s() == 0
    breaker.note(False)
    assert breaker.wait_s() == 10.0
    now[0] = 10.0
    assert breaker.wait_s() == 0 and breaker.wait_s() > 0, "one trial at a time"
    breaker.note(False)
    assert breaker.wait_s() == 20.0, "twice as long"
    now[0] = 30.0
    assert breaker.wait_s() == 0
    breaker.note(True)
    assert breaker.wait_s() == 0 == breaker.wait_s()


def test_back_off_grows_and_is_spread() -> None:
    random_ = random.Random(0)
    waits = [back_off_s(3, first=1.0, longest=60.0, random_=random_) for _ in range(2000)]
    assert 0 <= min(waits) < 0.1 and 7.9 < max(waits) <= 8.0
    assert back_off_s(99, first=1.0, longest=60.0, random_=random_) <= 60.0
