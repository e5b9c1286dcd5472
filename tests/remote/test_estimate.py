"""What a plan says asking takes is what asking takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from asked import QUICK, api_at, id_of, pictures, to_ask
from benchmarks.black_box import BlackBox

from joryu.errors import InputError
from joryu.remote import Api, ApiLimits, Ledger, Options, Pictures, collect, google_vision
from joryu.remote.credentials import Anonymous
from joryu.remote.estimate import estimate


def in_sevens(api: Api) -> Api:
    return api.model_copy(update={"request": api.request.model_copy(update={"pictures": 7}), "price": 2.0})


def test_requests_units_and_bytes_are_those_that_are_sent(tmp_path: Path) -> None:
    contents = pictures(60)
    with BlackBox().running() as box, Ledger.write(tmp_path, api_at(box).settings) as ledger:
        api = in_sevens(api_at(box))
        collect(api, ledger, Anonymous(), to_ask(contents[:11]), options=Options(limits=QUICK))
        told = estimate(api, to_ask(contents), ledger, rate=4.0, budget=11 + 40)
        assert (told.distinct, told.known, told.spent, told.room, told.asked) == (60, 11, 11, 40, 40)
        assert told.money == pytest.approx(0.08)
        assert told.seconds == told.requests / 4
        before = box.requests, box.units
        collect(api, ledger, Anonymous(), to_ask(contents[11:51]), options=Options(limits=ApiLimits(canaries=0)))
        assert (box.requests - before[0], box.units - before[1]) == (told.requests, told.asked)
    bodies = [api.body(contents[at : at + 7])[0] for at in range(11, 51, 7)]
    assert told.bytes_sent == pytest.approx(sum(map(len, bodies)), rel=0.1)


def test_a_picture_that_comes_twice_is_planned_and_asked_about_once(tmp_path: Path) -> None:
    contents = pictures(520)
    twice = [*contents, *reversed(contents)]
    assert estimate(google_vision(longest_side=None), to_ask(twice)).distinct == 520
    seen: list[tuple[int, int]] = []
    with BlackBox(delay=0.02).running() as box, Ledger.write(tmp_path, api_at(box).settings) as ledger:
        options = Options(limits=QUICK, progress=lambda done, total: seen.append((done, total)))
        found = collect(api_at(box), ledger, Anonymous(), to_ask(twice), options=options)
        assert (box.units, found.answered, found.before) == (520, 520, 0), "also while the first request is in flight"
    assert seen[-1] == (520, 520)


def test_with_nothing_left_to_ask_nothing_is_sent(tmp_path: Path) -> None:
    api = google_vision(longest_side=None)
    with Ledger.write(tmp_path, api.settings) as ledger:
        for told in (estimate(api, to_ask([]), ledger), estimate(api, to_ask(pictures(5)), ledger, budget=0)):
            assert (told.asked, told.requests, told.bytes_sent, told.seconds) == (0, 0, 0, 0)


def test_pictures_that_cannot_be_made_smaller_are_not_sent_and_have_no_bytes() -> None:
    told = estimate(google_vision(longest_side=64), to_ask([b"no picture", b"nor this"]))
    assert (told.asked, told.bytes_sent) == (2, 0)


def test_a_picture_that_is_gone_is_an_error() -> None:
    def gone(_: int) -> bytes:
        raise InputError("40.jpg cannot be read any more")

    with pytest.raises(InputError, match="cannot be read any more"):
        estimate(google_vision(longest_side=None), Pictures([id_of(b"a")], gone))


@pytest.mark.parametrize(
    ("price", "budget", "rate", "said"),
    [
        (1.5, None, 30.0, ["40 distinct pictures, 0 answered already: 40 to ask about",
                           "3 requests, at least 0 s at the rate limit", "0.06 USD at 1.5 for 1,000 pictures"]),
        (None, 17, 1 / 3600, ["40 to ask about, the budget has room for 17", "2 requests, at least 2.0 hours",
                              "no price is known"]),
        (1.5, 40, 1.0, ["40 to ask about\n", "at least 3 s"]),
    ],
)  # fmt: skip
def test_a_plan_in_words(price: float | None, budget: int | None, rate: float, said: list[str]) -> None:
    api = google_vision(longest_side=None, price=price)
    told = estimate(api, to_ask(pictures(40)), rate=rate, budget=budget)
    lines = "\n".join(told.lines(price))
    for words in said:
        assert words in lines
    assert set(told.to_json()) >= {"distinct", "asked", "money", "currency"}
