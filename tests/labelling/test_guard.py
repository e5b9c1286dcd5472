"""The eleven rules of a local labelling server; each test is named after its rule."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from PIL import Image
from scene import ORIGIN, SETTINGS, Browser, Page, make_project
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from joryu.annotations import Project, Settings
from joryu.annotations.exchange import export_answers
from joryu.errors import InputError
from joryu.labelling import serve as serving
from joryu.labelling.guard import HEADERS, KEY, MOST_BYTES
from joryu.labelling.pictures import ID_LENGTH, scan
from joryu.labelling.serve import Address, hosts_of, name_of
from joryu.labelling.tickets import Guest, Tickets
from joryu.listening.address import is_local


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(make_project(tmp_path))


def stranger(page: Page) -> TestClient:
    return TestClient(page.app, base_url=ORIGIN)


def test_1_only_this_machine_unless_told_otherwise_with_a_token() -> None:
    assert Address().host == "127.0.0.1"
    for host in ("0.0.0.0", "192.168.1.5", "::", "myhost"):  # noqa: S104
        for token in (None, "short"):
            with pytest.raises(InputError, match="open to everybody"):
                Address(host=host, token=token)
        assert Address(host=host, token="a token of twenty-two.").host == host  # noqa: S106
    with pytest.raises(InputError, match="can be guessed"):
        Address(token="short")  # noqa: S106
    assert Address(token="").token == ""  # as of an empty variable: a random one is made
    assert all(map(is_local, ("127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost")))
    assert not any(map(is_local, ("0.0.0.0", "localhost.evil.example", "10.0.0.1")))  # noqa: S104


def test_2_a_token_is_exchanged_once_for_a_strict_cookie_and_leaves_the_address(page: Page) -> None:
    token = page.tickets.issue()
    browser = Browser(page.app, 1)
    assert browser.get("/").status_code == 403
    door = browser.get("/", params={"token": token})
    assert (door.status_code, "set-cookie" in door.headers) == (200, False)  # a preview of the link spends nothing
    entered = browser.enter(token)
    assert entered.status_code == 204
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert token not in cookie
    assert browser.get("/").status_code == 200
    assert browser.enter(token).status_code == 204  # its own link, opened again: as where the cookie was cleared
    other = Browser(page.app, 2)
    assert other.enter(token).status_code == 403
    assert other.get("/").status_code == 403
    assert Browser(page.app, 3).enter(token[:-1]).status_code == 403
    assert stranger(page).get("/", params={"token": token[:-1]}).status_code == 403
    assert token not in browser.get("/").text
    tickets = Tickets()
    assert tickets.admitted("", "") is None
    assert tickets.enter("", key="k", view="v") is None


def test_2_a_link_may_be_somebodys_and_an_invitation_is_not(page: Page) -> None:
    anns, guest = page.enter(Guest("ann"), number=1), Browser(page.app, 2)
    guest.enter(page.post("/api/invite", {}, by=anns).json()["token"])
    assert "&#34;annotator&#34;: &#34;ann&#34;" in anns.get("/").text
    assert "&#34;annotator&#34;: null" in guest.get("/").text


def test_2_the_cookie_of_nobody_opens_nothing(page: Page) -> None:
    for cookie in ("", "joryu-8642=", "joryu-8642=guess", "joryu-8642=\x7f; =;"):
        for key in ({}, {KEY: "0" * 64}):
            answer = stranger(page).get("/api/summary", headers={"cookie": cookie, **key})
            assert answer.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:9999", "127.0.0.1.nip.io:8642", "", "localhost"])
def test_3_other_hosts_are_refused(page: Page, host: str) -> None:
    assert page.client.get("/", headers={"host": host}).status_code == 421
    assert page.client.get("/", params={"token": page.tickets.issue()}, headers={"host": host}).status_code == 421


def test_2_cookies_of_other_servers_on_this_machine_do_not_lock_the_door(page: Page) -> None:
    (ours,) = page.client.cookies.jar
    for other in ('prefs={"a":1,"b":[2]}', "a b=c", "=", "\x7f"):
        for cookies in (f"{other}; {ours.name}={ours.value}", f"{ours.name}={ours.value}; {other}"):
            answer = stranger(page).get("/", headers={"cookie": cookies, KEY: page.client.own["key"]})
            assert (answer.status_code, "data-setup" in answer.text) == (200, True)


def test_3_the_own_names_are_accepted(page: Page) -> None:
    assert page.client.get("/", headers={"host": "localhost:8642"}).status_code == 200
    assert hosts_of(Address(), 5) == {"127.0.0.1:5", "localhost:5", "[::1]:5"}
    assert {"127.0.0.1", "127.0.0.1:80"} < hosts_of(Address(), 80)  # browsers leave this port out


TOKEN = "a token of twenty-two."  # noqa: S105


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("2001:DB8:0:0::1", "[2001:db8::1]"),
        ("MyHost", "myhost"), ("192.168.1.5", "192.168.1.5"),
    ],
)  # fmt: skip
def test_3_the_name_in_the_link_is_accepted(host: str, name: str) -> None:
    place = Address(host=host, token=TOKEN)
    assert name_of(place) == name
    assert f"{name}:5" in hosts_of(place, 5)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]"])  # noqa: S104
@pytest.mark.parametrize("outward", ["192.168.1.5", None])
def test_3_a_server_that_listens_everywhere_is_called_by_an_address_that_reaches_it(
    host: str, outward: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_outward", lambda: outward)
    place = Address(host=host, token=TOKEN)
    assert name_of(place) == (outward or "127.0.0.1")
    assert f"{name_of(place)}:5" in hosts_of(place, 5)
    assert "127.0.0.1:5" in hosts_of(place, 5)
    assert not any(one.startswith(("0.0.0.0", "[::]", "::")) for one in hosts_of(place, 5))  # noqa: S104


def test_the_door_is_open_before_the_browser_is_sent_there() -> None:
    with serving._listen(Address(port=0)) as listening:
        socket.create_connection(listening.getsockname(), timeout=5).close()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8642"},
        {"origin": "http://localhost:8642"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
    ],
)
def test_4_writes_from_elsewhere_are_refused(page: Page, headers: dict[str, str]) -> None:
    body = {"annotator": "ann"}
    assert page.client.post("/api/session", json=body, headers=headers).status_code == 403
    assert page.client.post("/api/session", json=body).status_code == 403  # no origin at all
    own = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
    assert page.client.post("/api/session", json=body, headers=own).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_4_only_json_is_taken(page: Page, kind: str) -> None:
    sent = json.dumps({"annotator": "ann"})
    answer = page.client.post("/api/session", content=sent, headers={"origin": ORIGIN, "content-type": kind})
    assert answer.status_code == 415


def test_5_no_cross_origin_sharing(page: Page) -> None:
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = page.client.options("/api/answers", headers=asked)
    assert answer.status_code == 403
    for found in (answer, page.client.get("/", headers={"origin": "http://evil.example"})):
        assert not [name for name in found.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/summary", "/static/label.js", "/api/summary", "/nowhere", "/pictures/none"])
def test_6_every_answer_has_the_headers(page: Page, path: str) -> None:
    for client in (page.client, stranger(page)):
        answer = client.get(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "server" not in answer.headers
    assert "script-src 'self'" in HEADERS["content-security-policy"]
    assert "unsafe" not in HEADERS["content-security-policy"]


def test_6_pages_need_nothing_that_the_policy_forbids(page: Page) -> None:
    for path in ("/", "/summary"):
        text = page.client.get(path).text
        assert "<script>" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "http://" not in text.replace(ORIGIN, "")


@pytest.mark.parametrize(
    "path",
    [
        "../project/project.json", "..%2fproject%2fproject.json", "%2e%2e/%2e%2e/etc/passwd", "one/001.png", "001.png",
        "/etc/passwd", "....//", "%00", "a" * 5000,
    ],
)  # fmt: skip
def test_7_pictures_have_ids_and_no_paths(page: Page, path: str) -> None:
    for prefix in ("/pictures/", "/static/"):
        assert page.client.get(prefix + path).status_code in (404, 400)


def test_7_a_picture_is_sent_as_what_it_is(page: Page) -> None:
    file = page.project.pictures[0]
    answer = page.client.get(f"/pictures/{file.key[:ID_LENGTH]}")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == (page.project.pictures_root / file.path).read_bytes()


def test_7_links_out_of_the_folder_scripts_and_bombs_are_not_shown(tmp_path: Path) -> None:
    project = make_project(tmp_path, n=2)
    root, outside = project.pictures_root, tmp_path / "secret.png"
    Image.new("RGB", (4, 4)).save(outside)
    (root / "out.png").symlink_to(outside)
    (root / "drawing.png").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    (root / "page.jpg").write_text("<html><script>alert(1)</script>")
    Image.new("1", (20_000, 20_000)).save(root / "bomb.png")
    Image.new("RGB", (4, 4)).save(root / "scan.tiff")
    Image.new("RGB", (4, 4)).save(root / "really a jpeg.png", "JPEG")
    found = scan(root)
    reasons = {rejected.name: rejected.reason for rejected in found.rejected}
    assert set(reasons) == {"out.png", "drawing.png", "page.jpg", "bomb.png", "scan.tiff"}
    assert "leads out" in reasons["out.png"]
    assert "too many pixels" in reasons["bomb.png"]
    assert "browsers do not show TIFF" in reasons["scan.tiff"]
    project.set_pictures(found.files)
    page = Page(project)
    odd = next(file for file in found.files if file.path == "really a jpeg.png")
    assert page.client.get(f"/pictures/{odd.key[:ID_LENGTH]}").headers["content-type"] == "image/jpeg"
    # Replaced by a link after the start: still not followed.
    target = root / project.pictures[0].path
    target.unlink()
    target.symlink_to(outside)
    assert page.client.get(f"/pictures/{project.pictures[0].key[:ID_LENGTH]}").status_code == 422


def test_7_a_file_that_was_replaced_is_not_shown_for_the_old_one_and_no_message_names_a_folder(page: Page) -> None:
    first, second, third = page.project.pictures[:3]
    root = page.project.pictures_root
    Image.new("RGB", (4, 4)).save(root / first.path)
    (root / second.path).unlink()
    (root / third.path).write_text("no picture")
    for file, said in ((first, "replaced"), (second, "gone"), (third, "replaced")):
        answer = page.client.get(f"/pictures/{file.key[:ID_LENGTH]}")
        assert answer.status_code == 422
        assert said in answer.text
        assert file.path not in answer.text
        assert Path(file.path).name not in answer.text


def test_8_the_server_fetches_nothing(page: Page) -> None:
    for body in ({"annotator": "ann", "url": "http://127.0.0.1:1/"}, {"annotator": "ann", "webhook": "file:///etc"}):
        assert page.post("/api/session", body).status_code == 422  # no field takes an address


def test_9_a_body_without_an_end_is_not_read_to_its_end(page: Page) -> None:
    taken: list[int] = []

    async def endless() -> dict[str, object]:
        taken.append(1024)
        return {"type": "http.request", "body": b"x" * 1024, "more_body": True}

    async def send(message: object) -> None:
        del message

    (cookie,) = page.client.cookies.jar
    headers = {
        "host": ORIGIN.removeprefix("http://"), "origin": ORIGIN, "content-type": "application/json",
        "cookie": f"{cookie.name}={cookie.value}", KEY: page.client.own["key"],
    }  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/api/session", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(page.app(scope, endless, send))
    assert MOST_BYTES <= sum(taken) <= MOST_BYTES + 2 * 1024


def test_9_bodies_are_limited_and_the_api_is_not_described(page: Page) -> None:
    long = json.dumps({"annotator": "a" * MOST_BYTES})
    headers = {"origin": ORIGIN, "content-type": "application/json"}
    assert page.client.post("/api/session", content=long, headers=headers).status_code == 413

    endless = (b"x" * 1024 for _ in range(200))  # sent in chunks, without a length
    assert page.client.post("/api/session", content=endless, headers=headers).status_code == 400
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert page.client.get(path).status_code == 404


def test_10_html_in_names_is_text(tmp_path: Path) -> None:
    evil = '<img src=x onerror="alert(1)">'
    settings = Settings(classes=("ok", evil, "a'b\"c&d"), guidelines=f"{evil}</div><script>alert(2)</script>")
    page = Page(make_project(tmp_path, settings))
    begun = page.begin("ann")
    page.answer(begun, begun["session"], evil)
    for path in ("/", "/summary"):
        text = page.client.get(path).text
        assert "<img src=x" not in text
        assert "<script>alert" not in text
    assert page.project.answers()[0].choice == evil


@pytest.mark.parametrize("name", ["", " ", "a@b.example", "<b>", "a" * 41, "../x", "a\nb"])
def test_11_annotators_have_pseudonyms(page: Page, name: str) -> None:
    assert page.post("/api/session", {"annotator": name}).status_code == 422
    assert page.project.answers() == []


def test_11_recordings_are_private_to_the_user_and_forgotten_with_the_person(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    path = project.signal_file("s1")
    path.write_bytes(b"raw")
    assert (path.parent.stat().st_mode & 0o077) == 0
    page = Page(project)
    begun = page.begin("ann", "s1-0123456789abcdef")
    page.answer(begun, begun["session"])
    project.signal_file(begun["session"]).write_bytes(b"raw")
    assert project.forget("ann").signal_files == 1
    assert Project.open(project.folder).answers() == []


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet"])
def test_16_exports_are_private_to_the_user(page: Page, tmp_path: Path, name: str) -> None:
    for place, anywhere in ((name, False), (tmp_path / name, True)):
        done = export_answers(page.project, place, anywhere=anywhere)
        assert done.path.stat().st_mode & 0o777 == 0o600


def test_no_web_sockets(page: Page) -> None:
    with pytest.raises(WebSocketDisconnect) as closed, page.client.websocket_connect("/"):
        pass
    assert closed.value.code == 1008


def test_what_is_asked_is_on_the_page(page: Page) -> None:
    for name in SETTINGS.classes:
        assert name in page.client.get("/").text
