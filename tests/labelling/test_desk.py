"""The JSON API as the page uses it: acknowledged means kept, once; clocks; the device; the summary."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from scene import SETTINGS, Browser, Page, make_project

from joryu.annotations import Answer, Project, Settings, Timing
from joryu.labelling.keys import keys_of
from joryu.labelling.project_summary import summarise_project


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(make_project(tmp_path))


def test_a_whole_sitting(page: Page) -> None:
    shown = page.begin()
    session = shown["session"]
    seen = []
    while shown["task"]:
        assert shown["done"] == len(seen)
        assert shown["total"] == 12
        seen.append(shown["task"]["picture"])
        if shown["prefetch"]:
            following = shown["prefetch"]["picture"]
        answered = page.answer(shown, session, rt_ms=742.0, trial=shown["trial"])
        assert answered.status_code == 200
        shown = answered.json()
        if shown["task"]:
            assert shown["task"]["picture"] == following
    assert len(set(seen)) == 12
    found = page.project.answers()
    assert [one.timing.trial for one in found] == list(range(12))
    assert {one.timing.rt_ms for one in found} == {742.0}


def test_a_request_that_is_sent_again_answers_once(page: Page) -> None:
    shown = page.begin()
    body = {"session": shown["session"], "key": "key-abcdefgh", **shown["task"], "choice": "scab"}
    first, again = (page.post("/api/answers", body).json() for _ in range(2))
    assert (first["fresh"], again["fresh"]) == (True, False)
    assert (again["task"], again["done"]) == (first["task"], 1)
    assert len(page.project.answers()) == 1


def test_whoever_is_forgotten_meanwhile_begins_anew(page: Page) -> None:
    shown = page.begin()
    session, first = shown["session"], shown["task"]
    after = page.answer(shown, session).json()
    elsewhere = Project.open(page.project.folder)  # joryu annotate forget, while the page is served
    elsewhere.forget("ann")
    elsewhere.close()
    again = page.answer(after, session, "scab").json()
    assert (again["done"], again["total"]) == (1, 12)
    left = [again["task"]["picture"]]
    while again["task"]:
        again = page.answer(again, session).json()
        left += [again["task"]["picture"]] if again["task"] else []
    assert first["picture"] in left
    assert page.project.events.annotator_of(session) == "ann"


def test_undo_shows_the_picture_again(page: Page) -> None:
    shown = page.begin()
    session, first = shown["session"], shown["task"]
    page.answer(shown, session)
    undone = page.post("/api/undo", {"session": session, "key": page.key()}).json()
    assert (undone["undone"], undone["task"], undone["done"]) == (True, first, 0)
    assert page.project.answers() == []
    nothing = page.post("/api/undo", {"session": session, "key": page.key()}).json()
    assert nothing["undone"] is False


def test_a_new_server_goes_on_where_the_last_one_was_killed(page: Page) -> None:
    shown = page.begin()
    session = shown["session"]
    after = page.answer(shown, session).json()
    again = Page(Project.open(page.project.folder))
    # The page that is still open posts to the new server with its old session.
    body = {"session": session, "key": "key-from-before", **after["task"], "choice": "scab"}
    assert again.post("/api/answers", body).json()["done"] == 2
    assert again.begin("ann", session)["done"] == 2
    assert again.post("/api/session", {"annotator": "bob", "session": session}).status_code == 422
    assert "somebody else" in again.post("/api/session", {"annotator": "bob", "session": session}).json()["detail"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"choice": "rust"}, "not asked for"),
        ({"severity": "mild"}, "not asked for"),
        ({"picture": "0" * 32}, "no such picture"),
        ({"session": "nobody-0123456789"}, "not known"),
        ({"rt_ms": -1}, "rt_ms is not usable (expected at least 0)"),
        ({"rt_ms": "NaN"}, ""),
        ({"showing": 1.5}, ""),
        ({"showing": "0"}, "valid integer"),
        ({"trial": True}, "valid integer"),
        ({"more": 1}, "more is not asked for"),
        ({"rt_ms": 34.0}, "sooner than the picture can be seen (expected at least 200 ms; received 34 ms)"),
        ({"rt_ms": 900.0, "first_key_ms": 111.0}, "sooner than"),
        ({"rt_ms": 900.0, "hidden_ms": 760.0}, "received 140 ms"),
        ({"choice": None, "rt_ms": 34.0}, "sooner than"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(page: Page, change: dict[str, Any], said: str) -> None:
    shown = page.begin()
    body = {"session": shown["session"], "key": "key-abcdefgh", **shown["task"], "choice": "scab", **change}
    answer = page.post("/api/answers", body)
    assert answer.status_code == 422
    assert said in answer.text
    assert page.project.answers() == []


def test_no_page_can_say_that_it_looked_longer_than_it_had_the_picture(tmp_path: Path) -> None:
    moments = [10.0]
    page = Page(make_project(tmp_path), seconds=lambda: moments[0])
    shown = page.begin()
    session = shown["session"]
    moments[0] += 0.15
    page.begin(session=session)  # loaded anew, it shows what it had
    moments[0] += 0.04
    early = page.answer(shown, session, rt_ms=742.0, first_key_ms=742.0)
    assert early.status_code == 422
    assert "at least 200 ms; received 190 ms" in early.json()["detail"]
    moments[0] += 0.02
    following = page.answer(shown, session, rt_ms=742.0, first_key_ms=742.0).json()
    moments[0] += 0.1
    assert page.answer(following, session, rt_ms=742.0).status_code == 422
    moments[0] += 0.2
    assert page.answer(following, session, rt_ms=742.0).json()["done"] == 2


@pytest.mark.parametrize("name", ["", "   ", "mei@example.org"])
def test_a_name_that_is_none_is_refused_in_words(page: Page, name: str) -> None:
    refused = page.post("/api/session", {"annotator": name})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("this pseudonym is not usable (expected 1 to 40 letters")
    shapeless = page.post("/api/session", {"session": 5, "annotator": "ann"}).json()["detail"]
    assert shapeless == "session is not usable (expected a valid string)"


class Steady:
    """A device whose attention is the second of the clock."""

    def __init__(self) -> None:
        self.sessions: list[str] = []
        self.windows: list[tuple[float, float]] = []

    def begin(self, session: str) -> None:
        self.sessions.append(session)

    def window(self, start: float, stop: float) -> dict[str, float]:
        self.windows.append((start, stop))
        return {"attention": 55.0}

    def state(self) -> dict[str, Any]:
        return {"device": "steady", "status": "connected", "attention": 55.0}


def test_signals_are_those_of_the_response_window_on_the_servers_clock(tmp_path: Path) -> None:
    worn = Steady()
    page = Page(make_project(tmp_path), worn=worn, device="steady")
    shown = page.begin()
    session = shown["session"]
    assert worn.sessions == [session]
    stamps = page.client.get("/api/clock").json()
    assert abs(stamps["sent"] - time.monotonic() * 1000) < 5000
    unsynchronised = page.answer(shown, session, onset=1000.0, done=1742.0).json()
    page.post("/api/clock", {"session": session, "offset_ms": 500.0, "round_trip_ms": 2.0})
    # A page that was loaded anew has a clock of its own: its answer says which.
    synchronised = page.answer(unsynchronised, session, onset=1000.0, done=1742.0).json()
    synchronised = page.answer(synchronised, session, onset=1000.0, done=1742.0, offset_ms=500.0).json()
    page.answer(synchronised, session, onset=10.0, done=20.0, offset_ms=9000.0)
    assert worn.windows == [(1.5, 2.242), (9.01, 9.02)]
    told = [dict(one.signals) for one in page.project.answers()]
    assert told == [{}, {}, {"attention": 55.0}, {"attention": 55.0}]
    assert page.project.events.clocks(session)[0][1:] == (500.0, 2.0)
    assert page.post("/api/device", {"session": session}).json()["device"]["attention"] == 55.0
    bare = Page(page.project)
    assert bare.post("/api/device", {"session": bare.begin()["session"]}).json() == {"device": None}


def test_a_page_that_outlives_its_server_is_measured_on(tmp_path: Path) -> None:
    first = Page(make_project(tmp_path), worn=Steady(), device="steady")
    shown = first.begin()
    session, worn = shown["session"], Steady()
    again = Page(Project.open(first.project.folder), worn=worn, device="steady")
    assert again.post("/api/device", {"session": session}).json()["device"]["status"] == "connected"
    again.answer(shown, session, onset=1000.0, done=1742.0, offset_ms=0.0)
    assert (set(worn.sessions), len(worn.windows)) == ({session}, 1)
    assert dict(again.project.answers()[0].signals) == {"attention": 55.0}
    bare = Page(Project.open(first.project.folder), worn=Steady(), device="steady")
    assert bare.begin("bob")["session"] != session  # whoever begins first wears it, as ever
    assert bare.post("/api/device", {"session": session}).json() == {"device": None}


def test_what_is_measured_belongs_to_the_page_that_was_used_last(tmp_path: Path) -> None:
    worn = Steady()
    page = Page(make_project(tmp_path), worn=worn, device="steady")
    first, second = page.begin(), page.begin()
    assert worn.sessions[-1] == second["session"]
    page.answer(first, first["session"], onset=1000.0, done=1742.0, offset_ms=0.0)
    assert worn.sessions[-1] == first["session"]


def test_only_the_one_who_wears_the_device_is_measured_and_sees_it(tmp_path: Path) -> None:
    worn = Steady()
    page = Page(make_project(tmp_path), worn=worn, device="steady", wearer="ann")
    bob = page.begin("bob")  # a guest with a link, before the wearer
    ann = page.begin("ann")
    assert worn.sessions == [ann["session"]]
    for shown in (ann, bob):
        page.answer(shown, shown["session"], onset=1000.0, done=1742.0, offset_ms=0.0)
    assert {one.annotator: dict(one.signals) for one in page.project.answers()} == {
        "ann": {"attention": 55.0},
        "bob": {},
    }
    assert page.post("/api/device", {"session": bob["session"]}).json() == {"device": None}
    assert page.post("/api/device", {"session": ann["session"]}).json()["device"]["attention"] == 55.0
    assert page.post("/api/device", {"session": "nobody-12345678"}).status_code == 422


def test_whoever_was_invited_does_not_come_to_wear_the_device(tmp_path: Path) -> None:
    worn = Steady()
    page = Page(make_project(tmp_path), worn=worn, device="steady")
    host = page.client.cookies.jar
    guest = Browser(page.app, 1)
    guest.enter(page.post("/api/invite", {}).json()["token"])
    assert page.post("/api/session", {"annotator": "bob"}, by=guest).status_code == 200
    assert worn.sessions == []
    assert {cookie.value for cookie in host}.isdisjoint(cookie.value for cookie in guest.cookies.jar)
    assert worn.sessions == [page.begin("ann")["session"]]


def test_trials_count_within_a_session_and_over_a_restart(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path))
    shown = page.begin()
    session = shown["session"]
    for expected in range(3):
        assert shown["trial"] == expected
        shown = page.answer(shown, session, trial=shown["trial"]).json()
    body = {"session": session, "key": page.key()}
    undone, again = (page.post("/api/undo", body).json() for _ in range(2))  # the first reply was lost on the way
    assert undone["trial"] == 2
    assert again == undone
    again = Page(page.project)
    assert again.begin("ann", session)["trial"] == 2
    assert again.begin("ann")["trial"] == 0  # another sitting


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity"])
def test_a_number_that_is_none_is_refused_in_words(page: Page, number: str) -> None:
    shown = page.begin()
    task = shown["task"]
    body = (
        f'{{"session": "{shown["session"]}", "key": "key-abcdefgh", "picture": "{task["picture"]}", '
        f'"showing": 0, "choice": "scab", "rt_ms": {number}}}'
    )
    refused = page.client.post(
        "/api/answers", content=body, headers={"origin": "http://127.0.0.1:8642", "content-type": "application/json"}
    )
    assert refused.status_code == 422
    assert "rt_ms" in refused.json()["detail"]
    assert page.project.answers() == []


def test_keys_never_mean_two_things() -> None:
    settings = Settings(
        classes=tuple(f"class {at}" for at in range(36)),
        severities=tuple(f"severity {at}" for at in range(9)),
        confidences=tuple(f"confidence {at}" for at in range(9)),
    )
    found = keys_of(settings)
    assert [name for _, name in found["classes"]] == list(settings.classes)
    keys = [key for group in found.values() for key, _ in group if key]
    assert len(set(keys)) == len(keys)
    assert "s" not in keys
    many = settings.model_copy(update={"classes": tuple(f"class {at}" for at in range(37))})
    assert {key for key, _ in keys_of(many)["classes"]} == {""}  # letters search
    assert keys_of(many)["severities"] == found["severities"]
    assert keys_of(SETTINGS)["classes"] == [["1", "healthy"], ["2", "scab"], ["3", "black rot"]]


def test_the_summary_counts_what_was_said(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path, SETTINGS.model_copy(update={"overlap": 2}), n=4))
    for who, choices in (("ann", ["scab", "scab", "healthy", None]), ("bob", ["scab", "healthy", "healthy", "scab"])):
        shown = page.begin(who)
        by_picture = dict(zip(sorted(file.key[:32] for file in page.project.pictures), choices, strict=True))
        session = shown["session"]
        while shown["task"]:
            choice = by_picture[shown["task"]["picture"]]
            shown = page.answer(shown, session, choice, rt_ms=500.0 if who == "ann" else 900.0).json()
    found = summarise_project(page.project)
    assert (found["answered"], found["answers"], found["skips"], found["repeats"]) == (4, 7, 1, 0)
    assert found["classes"] == {"healthy": 3, "scab": 4, "black rot": 0}
    assert found["agreement"]["shared"] == 3
    assert found["agreement"]["cohen"]["kappa"] == pytest.approx(0.4)  # 2 of 3 alike, chance 4/9
    assert [one["median_rt_ms"] for one in found["annotators"]] == [500.0, 900.0]
    assert found["hardest"][0]["said"] in ({"scab": 1, "healthy": 1}, {"healthy": 1, "scab": 1})
    assert "/" not in found["hardest"][0]["name"]
    assert page.client.get("/api/summary").json() == found
    assert "Krippendorff" in page.client.get("/summary").text


def test_time_behind_another_tab_is_no_slowness_and_unknown_times_are_no_speed(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path, n=3))
    shown = page.begin()
    session, seen = shown["session"], []
    for times in ({"rt_ms": 60_000.0, "hidden_ms": 59_500.0}, {"rt_ms": 2_000.0, "hidden_ms": 0.0}, {}):
        seen.append(shown["task"]["picture"])
        shown = page.answer(shown, session, **times).json()
    found = summarise_project(page.project)
    assert found["annotators"][0]["median_rt_ms"] == 1250.0  # of 500 and 2,000
    hardest = [(one["picture"][:32], one["rt_ms"]) for one in found["hardest"]]
    assert hardest == [(seen[1], 2000.0), (seen[0], 500.0), (seen[2], None)]
    text = page.client.get("/summary").text
    assert "0.5 s" in text
    assert "0.0 s" not in text


def test_what_came_before_anybody_could_see_makes_no_picture_hard_or_easy(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path, n=2))
    times = (40.0, 2_000.0)
    for at, (picture, rt_ms) in enumerate(zip(page.project.pictures, times, strict=True)):
        early = Answer(picture=picture.key, annotator="ann", session="s", choice="scab", timing=Timing(rt_ms=rt_ms))
        page.project.record(early, key=f"an earlier Joryu took it {at}")
    found = summarise_project(page.project)
    assert [one["rt_ms"] for one in found["hardest"]] == [2_000.0, None]
    assert found["annotators"][0]["median_rt_ms"] == 2_000.0
    assert "0.0 s" not in page.client.get("/summary").text


def test_the_summary_asks_for_what_is_not_there_yet_and_writes_no_minus_zero(tmp_path: Path) -> None:
    alone, both = (
        Page(make_project(tmp_path / str(overlap), SETTINGS.model_copy(update={"overlap": overlap}), n=25))
        for overlap in (1, 2)
    )
    assert "Start with <code>--overlap 2</code>" in alone.client.get("/summary").text
    text = both.client.get("/summary").text
    assert "--overlap" not in text
    assert "Each is shown to 2: invite somebody." in text
    # 8 of 25 are alike, and (4 · 19 + 21 · 6) / 25² = 0.3232 by chance: a hair less than chance gives.
    pictures = sorted(file.key[:32] for file in both.project.pictures)
    for who, scabs in (("ann", set(range(4))), ("bob", set(range(1, 20)))):
        session = both.begin(who)["session"]
        for at, picture in enumerate(pictures):
            both.answer({"task": {"picture": picture, "showing": 0}}, session, "scab" if at in scabs else "healthy")
    kappa = summarise_project(both.project)["agreement"]["cohen"]["kappa"]
    assert -0.005 < kappa < 0
    text = both.client.get("/summary").text
    assert "-0.00" not in text


def test_fleiss_is_over_the_pictures_with_the_commonest_number_of_annotators(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path, SETTINGS.model_copy(update={"overlap": 3}), n=3))
    pictures = sorted(file.key[:32] for file in page.project.pictures)
    said = {
        "ann": ("scab", "scab", "healthy"), "bob": ("scab", "healthy", "healthy"), "cleo": ("scab", "scab", None),
    }  # fmt: skip
    for who, choices in said.items():
        session = page.begin(who)["session"]
        for picture, choice in zip(pictures, choices, strict=True):
            page.answer({"task": {"picture": picture, "showing": 0}}, session, choice)
    # By hand, over the first two: P = (1 + 1/3) / 2 = 2/3, chance = (5/6)² + (1/6)² = 26/36, so (24 - 26) / (36 - 26).
    assert summarise_project(page.project)["agreement"]["fleiss"] == {
        "raters": 3, "pictures": 2, "kappa": pytest.approx(-0.2),
    }  # fmt: skip
