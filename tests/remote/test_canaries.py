"""Known pictures asked about again: what an API may say otherwise, and what shows that it is another one now."""

from __future__ import annotations

import json

import pytest

from joryu.errors import Stop
from joryu.remote import google_vision
from joryu.remote.canaries import TOLERANCE, require_unchanged

GOOGLE = google_vision()  # no tag below one half is returned
TWO = google_vision(max_results=2)  # a list of two is full
PICTURE = bytes(range(16))


def answer(**scores: float) -> bytes:
    tags = [{"mid": f"/m/{name}", "description": name, "score": score} for name, score in scores.items()]
    return json.dumps({"labelAnnotations": tags}).encode()


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (answer(cat=0.9, fur=0.6), answer(cat=0.9, fur=0.6)),
        (answer(cat=0.9, fur=0.6), answer(fur=0.6, cat=0.9)),
        (answer(cat=0.9), answer(cat=0.9 - TOLERANCE / 2)),
        (answer(cat=0.9), answer(cat=0.9, fur=0.51)),  # it lay just below the floor
        (answer(cat=0.9, fur=0.51), answer(cat=0.9)),
        (answer(), answer()),
    ],
)
def test_what_moves_a_little_is_the_same_api(before: bytes, now: bytes) -> None:
    require_unchanged(GOOGLE, PICTURE, before, now)


def test_the_last_of_a_full_list_may_change_places_with_the_first_that_was_cut_off() -> None:
    require_unchanged(TWO, PICTURE, answer(cat=0.9, fur=0.8), answer(cat=0.9, paw=0.79))
    with pytest.raises(Stop, match=r"expected fur 0\.80; received no fur"):
        require_unchanged(TWO, PICTURE, answer(cat=0.9, fur=0.8), answer(cat=0.9, paw=0.7))


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (answer(cat=0.9), answer(cat=0.8), r"expected cat 0\.90; received cat 0\.80"),
        (answer(cat=0.9, fur=0.6), answer(cat=0.9), r"expected fur 0\.60; received no fur"),
        (answer(cat=0.9), answer(cat=0.9, fur=0.6), r"expected no fur; received fur 0\.60"),
        (answer(), answer(cat=0.9), r"expected no cat; received cat 0\.90"),
    ],
)
def test_what_moves_further_is_another_api_and_the_picture_is_named(before: bytes, now: bytes, said: str) -> None:
    with pytest.raises(Stop, match=rf"the API has changed.*{said}.*nothing is mixed") as stopped:
        require_unchanged(GOOGLE, PICTURE, before, now)
    assert PICTURE.hex()[:12] in str(stopped.value)
