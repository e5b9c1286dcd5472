"""Who may label under which pseudonym, and who sees what a device measures; each test is named after its rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scene import ORIGIN, Browser, Page, make_project

from joryu.annotations import Answer, Project
from joryu.labelling.guard import KEY
from joryu.labelling.project_summary import summarise_project
from joryu.labelling.tickets import Guest


class Steady:
    """A device that knows whom it was told to record."""

    def __init__(self) -> None:
        self.sessions: list[str] = []

    def begin(self, session: str) -> None:
        self.sessions.append(session)

    def window(self, start: float, stop: float) -> dict[str, float]:
        del start, stop
        return {"attention": 55.0, "heart_rate": 61.0}

    def state(self) -> dict[str, Any]:
        return {"device": "steady", "status": "connected", "attention": 55.0, "heart_rate": 61.0}


@pytest.fixture
def worn() -> Steady:
    return Steady()


@pytest.fixture
def page(tmp_path: Path, worn: Steady) -> Page:
    return Page(make_project(tmp_path), worn=worn, device="steady")


def said(page: Page, name: str, by: Browser) -> str:
    refused = page.post("/api/session", {"annotator": name}, by=by)
    assert refused.status_code == 422, refused.text
    return str(refused.json()["detail"])


def test_12_a_guest_cannot_come_as_somebody_who_labels_here(page: Page, worn: Steady) -> None:
    ann = page.begin("ann")
    page.answer(ann, ann["session"])
    guest = page.guest(1)
    assert "ann labels here already, in another browser" in said(page, "ann", guest)
    for name in ("Ann", " ANN", "ａｎｎ"):
        assert "somebody labels here as ann" in said(page, name, guest)
    # Knowing the session, as from an export, is not enough either.
    stolen = {"session": ann["session"]}
    undo = {**stolen, "key": "key-of-a-guest"}
    again = {**undo, "choice": "scab", **ann["task"]}
    clock = {**stolen, "offset_ms": 0.0, "round_trip_ms": 1.0}
    for path, body in (
        ("/api/undo", undo), ("/api/answers", again), ("/api/device", stolen), ("/api/clock", clock),
    ):  # fmt: skip
        refused = page.post(path, body, by=guest)
        assert refused.status_code == 403, path
        assert "may not go on as ann" in refused.json()["detail"]
    assert page.post("/api/session", {"annotator": "ann", **stolen}, by=guest).status_code == 422
    assert page.post("/api/session", {"annotator": "bob", **stolen}, by=guest).status_code == 422
    assert [one.choice for one in page.project.answers()] == ["healthy"]
    assert set(worn.sessions) == {ann["session"]}


def test_12_a_name_is_kept_over_a_new_start_and_belongs_to_the_browser(page: Page) -> None:
    begun = page.begin("mei", by=page.guest(1))
    again = Page(Project.open(page.project.folder))
    for number, status in ((2, 422), (1, 200)):
        guest = again.guest(number)
        assert again.post("/api/session", {"annotator": "mei"}, by=guest).status_code == status
    # The page that stayed open goes on in its own browser, and in no other.
    for number, status in ((3, 403), (1, 200)):
        undone = again.post(
            "/api/undo", {"session": begun["session"], "key": f"key-{number:08d}"}, by=again.guest(number)
        )
        assert undone.status_code == status


def test_12_the_host_goes_on_as_a_host_from_any_browser_but_not_as_a_guest(page: Page) -> None:
    page.begin("ann")
    page.begin("mei", by=page.guest(1))
    other = Page(Project.open(page.project.folder))
    host = other.enter(number=7)  # another browser, or one whose storage was cleared
    assert other.post("/api/session", {"annotator": "ann"}, by=host).status_code == 200
    assert "start with --annotator mei" in said(other, "mei", host)
    named = other.enter(Guest("mei"), number=8)
    assert other.post("/api/session", {"annotator": "mei"}, by=named).status_code == 200


def test_12_an_invitation_in_somebodys_name_is_for_that_name_alone(page: Page) -> None:
    first = page.begin("mei", by=page.guest(1))
    again = Browser(page.app, 2)  # mei's new telephone
    again.enter(page.post("/api/invite", {"annotator": "mei"}).json()["token"])
    assert page.post("/api/session", {"annotator": "mei"}, by=again).status_code == 200
    assert "this link is mei's" in said(page, "bob", again)
    assert page.post("/api/undo", {"session": first["session"], "key": "key-00000000"}, by=again).status_code == 200
    assert page.post("/api/invite", {"annotator": "a@b.example"}).status_code == 422


def test_12_a_name_that_a_link_was_made_for_waits_for_whoever_opens_it(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path), wearer="ann")  # as with --annotator ann, who has not begun
    page.post("/api/invite", {"annotator": "mei"})
    for name in ("ann", "mei"):
        assert f"{name} labels here already" in said(page, name, page.guest(1))
    assert "start with --annotator mei" in said(page, "mei", page.client)
    assert "somebody labels here as mei" in said(page, "Mei", page.guest(1))
    assert page.post("/api/session", {"annotator": "ann"}).status_code == 200


def test_12_what_a_closed_page_left_behind_is_delivered_under_another_name_of_the_same_browser(page: Page) -> None:
    ann = page.begin("ann")
    again = Page(Project.open(page.project.folder))
    bob = again.enter(Guest("bob"))  # the same browser, when the server was started with --annotator bob
    again.begin("bob", by=bob)
    left = {"session": ann["session"], "key": "key-left-behind", **ann["task"], "choice": "scab"}
    assert again.post("/api/answers", left, by=bob).status_code == 200
    assert [(one.annotator, one.choice) for one in again.project.answers()] == [("ann", "scab")]


def test_12_answers_from_elsewhere_and_of_earlier_versions_are_nobodys_for_a_guest(page: Page) -> None:
    told = Answer(picture=page.project.pictures[0].key, annotator="imported", session="s", choice="scab", at=1.0)
    page.project.import_answers([told])
    assert "imported labels here already" in said(page, "imported", page.guest(1))
    assert page.post("/api/session", {"annotator": "imported"}).status_code == 200


def test_13_what_is_measured_is_for_its_wearer_alone(page: Page, worn: Steady) -> None:
    ann = page.begin("ann")
    second = Browser(page.app, 1)
    second.enter(page.post("/api/invite", {"annotator": "ann"}).json()["token"])
    elsewhere = page.begin("ann", by=second)  # even under the wearer's own name: the device is not there
    window: dict[str, Any] = {"onset": 1000.0, "done": 1742.0, "offset_ms": 0.0}
    body = {"session": elsewhere["session"], "key": "key-elsewhere", **elsewhere["task"], "choice": "scab", **window}
    assert page.post("/api/answers", body, by=second).status_code == 200
    assert page.post("/api/device", {"session": elsewhere["session"]}, by=second).json() == {"device": None}
    assert set(worn.sessions) == {ann["session"]}
    assert page.post("/api/device", {"session": ann["session"]}).json()["device"]["heart_rate"] == 61.0
    page.answer(page.begin("ann", ann["session"]), ann["session"], **window)
    assert [bool(one.signals) for one in page.project.answers()] == [False, True]


def test_14_the_cookie_alone_opens_nothing(page: Page) -> None:
    page.begin("ann")
    (cookie,) = page.client.cookies.jar
    thief = Browser(page.app, 9)  # whatever listens on another port of this machine is sent the cookie
    caught = {"cookie": f"{cookie.name}={cookie.value}", "origin": ORIGIN}
    picture = page.project.pictures[0].key[:32]
    for key in ({}, {KEY: thief.own["key"]}, {KEY: ""}):
        for path in ("/", "/summary"):
            text = thief.get(path, headers={**caught, **key}).text
            for told in ("healthy", "black rot", "ann", page.project.folder.name, "data-setup"):
                assert told not in text.replace("door.js", "").replace("Joryu", ""), (path, key)
        for path in ("/api/summary", "/api/clock", "/api/invitations", f"/pictures/{picture}"):
            assert thief.get(path, headers={**caught, **key}).status_code == 403
        assert thief.get(f"/pictures/{picture}", params={"view": "0" * 31}, headers=caught).status_code == 403
        for path in ("/api/session", "/api/invite"):
            body = {"annotator": "ann"}
            assert thief.post(path, json=body, headers={**caught, **key}).status_code == 403
    alone = Browser(page.app)  # and the key alone opens nothing either
    assert alone.get("/api/summary", headers={KEY: page.client.own["key"]}).status_code == 403
    seen = page.client.get(f"/pictures/{picture}", params={"view": page.client.own["view"]})
    assert seen.status_code == 200


def test_15_an_invitation_is_for_one_browser_and_can_be_taken_back(page: Page) -> None:
    token = page.post("/api/invite", {}).json()["token"]
    guest = Browser(page.app, 1)
    assert guest.enter(token).status_code == 204
    assert Browser(page.app, 2).enter(token).status_code == 403
    assert guest.enter(token).status_code == 204
    page.begin("mei", by=guest)
    page.post("/api/invite", {"annotator": "bob"})
    first, second = page.client.get("/api/invitations").json()["invitations"]
    assert (first["annotator"], first["token"]) == ("mei", None)
    assert second["annotator"] == "bob"
    assert second["token"]
    for one in (first, second):
        assert page.post("/api/revoke", {"id": one["id"]}).json() == {"revoked": True}
    assert page.post("/api/revoke", {"id": first["id"]}).json() == {"revoked": False}
    refused = guest.get("/api/clock")
    assert (refused.status_code, "was taken back" in refused.text) == (403, True)
    assert guest.enter(token).status_code == 403
    assert Browser(page.app, 3).enter(second["token"]).status_code == 403
    assert page.client.get("/api/invitations").json() == {"invitations": []}


def test_15_guests_invite_nobody(page: Page) -> None:
    guest = page.guest(1)
    for path, body in (("/api/invite", {}), ("/api/revoke", {"id": "0123456789abcdef"})):
        assert page.post(path, body, by=guest).status_code == 403
    assert guest.get("/api/invitations").status_code == 403


def test_who_is_not_let_in_is_told_why(page: Page) -> None:
    (cookie,) = page.client.cookies.jar
    asked = {KEY: page.client.own["key"]}
    for cookies, why in (
        ("", "has no cookie of this page: it was cleared"),
        (f"{cookie.name}=another", "The server was started again"),
        (f"{cookie.name}={cookie.value}", ""),
    ):
        answer = Browser(page.app).get("/api/clock", headers={"cookie": cookies, **asked})
        assert (answer.status_code, why in answer.text) == (403 if why else 200, True)
    stranger = Browser(page.app).get("/api/clock", headers={"cookie": f"{cookie.name}={cookie.value}", KEY: "f" * 64})
    assert "This page's key is gone" in stranger.text


def test_17_what_others_said_about_a_picture_is_shown_after_ones_own_answer(page: Page) -> None:
    ann = page.begin("ann")
    first = page.answer(ann, ann["session"]).json()
    page.answer(first, ann["session"], "black rot")
    guest = page.guest(1)
    mei = page.begin("mei", by=guest)
    seen = guest.get("/api/summary").json()
    assert (seen["hardest"], seen["withheld"], seen["answers"]) == ([], 2, 2)
    assert set(seen["classes"].values()) == {0}  # of few pictures the classes would tell as much
    text = guest.get("/summary").text
    assert "Without what was said about the 2 pictures that you have not answered yet." in " ".join(text.split())
    assert "What others said about 2 pictures is shown once you have answered" in " ".join(text.split())
    for choice, shown, withheld in ((None, 0, 2), ("scab", 1, 1)):  # a skip is no answer
        body = {"session": mei["session"], "key": page.key(), **ann["task"], "choice": choice}
        assert page.post("/api/answers", body, by=guest).status_code == 200
        seen = guest.get("/api/summary").json()
        assert (len(seen["hardest"]), seen["withheld"]) == (shown, withheld)
    assert seen["hardest"][0]["said"] == {"healthy": 1, "scab": 1}
    assert seen["classes"] == {"healthy": 1, "scab": 1, "black rot": 0}
    assert page.post("/api/undo", {"session": mei["session"], "key": page.key()}, by=guest).status_code == 200
    assert guest.get("/api/summary").json()["hardest"] == []
    assert len(page.client.get("/api/summary").json()["hardest"]) == 2  # ann's own
    assert page.client.get("/api/summary").json()["classes"] == {"healthy": 1, "scab": 0, "black rot": 1}
    assert len(summarise_project(page.project)["hardest"]) == 2  # whoever has the files, by joryu annotate summary
