"""Paid teachers as they are typed and described: what is usable is asked, what is not is told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from joryu.errors import InputError
from joryu.remote import Api
from joryu.remote.spec import find_api, is_paid

DESCRIBED = """
endpoint = "https://tags.example/v2/tag"
longest_side = 512
[request]
body = { image = "{picture}", options = { language = "en", top = 5 } }
picture = "data-url"
[answer]
tags = "result.tags"
"""


def described(folder: Path, text: str = DESCRIBED) -> str:
    path = folder / "tägs of mine.toml"
    path.write_text(text, encoding="utf-8")
    return f"http:{path}"


def test_a_file_describes_an_api_which_is_called_as_the_file(tmp_path: Path) -> None:
    api = find_api(described(tmp_path))
    assert (api.name, api.longest_side, api.price, api.key) == ("tägs of mine", 512, None, None)
    body, kind = api.body([b"GIF89a"])
    assert json.loads(body) == {
        "image": "data:image/gif;base64,R0lGODlh", "options": {"language": "en", "top": 5},
    }  # fmt: skip
    assert kind == "application/json"


def test_an_api_comes_back_from_the_settings_that_a_ledger_keeps(tmp_path: Path) -> None:
    for api in (find_api(described(tmp_path)), find_api("google-vision,max-results=7,longest-side=0")):
        kept = json.loads(json.dumps(api.settings))
        again = Api.from_settings(kept)
        assert again.settings == kept
        assert (again.answer, again.endpoint) == (api.answer, api.endpoint)
        assert again.body([b"a"]) == api.body([b"a"])
    with pytest.raises(InputError, match="the settings of these answers describe no API: answer is missing"):
        Api.from_settings({"name": "x", "endpoint": "https://x.org", "request": {}})


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ("http://127.0.0.1:8900", "http://127.0.0.1:8900/v2/tag"),
        ("http://127.0.0.1:8900/", "http://127.0.0.1:8900/v2/tag"),
        ("https://other.example/v3", "https://other.example/v3"),
        (None, "https://tags.example/v2/tag"),
    ],
)
def test_another_endpoint_keeps_the_path_unless_it_has_one(endpoint: str | None, found: str, tmp_path: Path) -> None:
    assert find_api(described(tmp_path), endpoint=endpoint).endpoint == found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"https://tags.example/v2/tag"', '"http://[::1"', "endpoint is no address"),
        ('"https://tags.example/v2/tag"', '"tags.example"', "endpoint is no address"),
        ('"https://tags.example/v2/tag"', '"https://tags.example/?key=planted"', "holds more than an address"),
        ('"https://tags.example/v2/tag"', "5", "endpoint is not usable .*expected a valid string"),
        ("top = 5", "version = 2023-06-01", "request.body.* JSON"),
        ("top = 5", "scores = [0.5, inf]", "request.body.* JSON"),
        ("longest_side = 512", "longest_side = 3", r"longest_side is not usable \(expected at least 16; received 3"),
        ("longest_side = 512", "price = -1", "price is not usable"),
        ("longest_side = 512", "price = inf", "price is not usable"),
        ("longest_side = 512", "colour = 1", "colour is not known"),
        ('tags = "result.tags"', "scale = 100", "answer.tags is missing"),
        ('tags = "result.tags"', 'tags = "t"\nfloor = 1.5', "answer.floor is not usable"),
        ('"{picture}"', '"a picture"', "the body needs {picture} or {pictures}"),
        ("[request]", "[request", "is no TOML"),
    ],
)
def test_a_description_that_is_none_is_told_in_one_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in DESCRIBED
    spec = described(tmp_path, DESCRIBED.replace(old, new))
    with pytest.raises(InputError, match=said) as caught:
        find_api(spec)
    assert "planted" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("http://h:99999/x", "http://127.0.0.1:8900/x"),
        ("/v2/tag", "http://127.0.0.1:8900/v2/tag"),
        ("http://[::1", None),
    ],
)
def test_an_endpoint_that_is_replaced_may_be_a_path_alone_but_not_nonsense(
    written: str, found: str | None, tmp_path: Path
) -> None:
    spec = described(tmp_path, DESCRIBED.replace("https://tags.example/v2/tag", written))
    if found is not None:
        assert find_api(spec, endpoint="http://127.0.0.1:8900").endpoint == found
        return
    with pytest.raises(InputError, match=r"the endpoint in .* is no address"):
        find_api(spec, endpoint="http://127.0.0.1:8900")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for spec in ("http:", f"http:{tmp_path}", f"http:{tmp_path / 'none.toml'}"):
        with pytest.raises(InputError, match=r"no description of an API .*docs/black-box\.md"):
            find_api(spec)
    (tmp_path / "latin.toml").write_bytes("name = 'é'".encode("latin-1"))
    with pytest.raises(InputError, match="is no TOML"):
        find_api(f"http:{tmp_path / 'latin.toml'}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("max-results=0", "max_results is not usable .*expected at least 1; received 0"),
        ("max-results", "max-results of google-vision is not usable"),
        ("longest-side=5", "google-vision cannot be asked like this: longest_side is not usable"),
        ("longest-side=big", r"longest-side of google-vision is not usable \(expected a number; received big"),
        ("price=nan", "price is not usable"),
        ("price=-1", "price is not usable"),
        ("maxresults=5", r"has no option 'maxresults' .*did you mean max-results\?"),
    ],
)
def test_options_that_cannot_be_meant(options: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        find_api(f"google-vision,{options}")


def test_options_stand_in_any_order_and_zero_leaves_pictures_as_they_are() -> None:
    for spec in ("google-vision,longest-side=0,price=3", "google-vision:price=3,,longest-side=0"):
        api = find_api(spec)
        assert (api.longest_side, api.price) == (None, 3.0)
    assert find_api("google-vision,key-env=MINE").key == find_api("google-vision").key.model_copy(
        update={"env": "MINE"}
    )  # type: ignore[union-attr]


def test_only_paid_teachers_are_paid() -> None:
    assert [is_paid(spec) for spec in ("google-vision", "http:a.toml", "run:google-vision", "human:x", "")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    with pytest.raises(
        InputError, match=r"names no paid teacher .*google-vision, http:FILE.*did you mean google-vision"
    ):
        find_api("google-visio")
