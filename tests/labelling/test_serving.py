"""How the page is started: the secret in its link, how the browser is told, and connections that say nothing."""

from __future__ import annotations

import re
import resource
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import url2pathname, urlopen

import pytest
from scene import Browser, Page, make_project, paint

from joryu.errors import InputError
from joryu.labelling.opening import opened
from joryu.labelling.serve import Address, Labeller, check, link_to
from joryu.listening import connections
from joryu.listening.guessing import ENOUGH, surprises

WEAK = [
    "aaaaaaaaaaaaaaaa", "abababababababab", "1234567890123456", "abcdefghijklmnop", "qwertyuiopasdfgh",
    "passwordpassword", "joryujoryujoryu1", "password12345678", "zyxwvutsrqponmlk", "                ",
]  # fmt: skip


@pytest.mark.parametrize("token", WEAK)
@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.5"])
def test_18_a_token_that_is_easily_guessed_is_refused(token: str, host: str) -> None:
    with pytest.raises(InputError, match=r"can be guessed|open to everybody") as refused:
        Address(host=host, token=token)
    assert token not in str(refused.value)


def test_18_random_tokens_are_taken() -> None:
    import random

    dice = random.Random(0)
    made = ["".join(dice.choice("0123456789abcdef") for _ in range(16)) for _ in range(2000)]
    assert all(surprises(token) >= ENOUGH for token in made)
    assert Address(token="correct horse battery staple").token  # noqa: S106
    with pytest.raises(InputError, match="signs that are not text"):
        Address(token="o7Rk-2vXq_9mTz4B\udc83")  # noqa: S106 - as of a variable that is no UTF-8


@pytest.mark.parametrize("token", ["o7Rk&2vXq#9mTz4B", "o7Rk=2vXq+9m z4%B?", "ein Schlüssel für das Blatt"])
def test_18_a_token_of_any_signs_makes_a_link_that_opens(token: str, tmp_path: Path) -> None:
    page = Page(make_project(tmp_path))
    link = link_to(Address(token=token), 8642, page.tickets.issue(token))
    browser = Browser(page.app, 1)
    address = urlsplit(link)
    assert browser.get(f"{address.path}?{address.query}").status_code == 200
    (received,) = parse_qs(address.query)["token"]  # as the page's URLSearchParams read it
    assert browser.enter(received).status_code == 204
    assert not address.fragment


def test_19_what_the_browser_is_started_with_holds_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(webbrowser, "open", started.append)
    with opened("http://127.0.0.1:8642/?token=se%26cret", tmp_path):
        (address,) = started
        path = Path(url2pathname(urlsplit(address).path))
        assert address.startswith("file://")
        assert "se%26cret" not in address
        assert path.stat().st_mode & 0o777 == 0o600
        assert 'url=http://127.0.0.1:8642/?token=se%26cret"' in path.read_text()
    assert not path.exists()


def test_hiding_what_nobody_measures_is_refused() -> None:
    with pytest.raises(InputError, match=r"--hide-signals .*expected --device"):
        check(Labeller(hide_signals=True))


@pytest.mark.slow
def test_20_connections_that_say_nothing_do_not_close_the_door(tmp_path: Path) -> None:
    files = 200

    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    paint(tmp_path / "pictures", 2)
    command = [sys.executable, "-m", "joryu", "annotate", "pictures", "--classes", "a,b", "--no-browser"]
    talk = subprocess.PIPE
    process = subprocess.Popen(command, cwd=tmp_path, stderr=talk, text=True, preexec_fn=few_files)  # noqa: PLW1509
    idle: list[socket.socket] = []
    try:
        assert process.stderr is not None
        port = next(int(found[1]) for line in process.stderr if (found := re.search(r"127\.0\.0\.1:(\d+)/", line)))
        for at in range(files + 100):
            idle.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            if at % 3 == 0:
                idle[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")  # begun and never ended
        with pytest.raises(HTTPError) as answered:
            urlopen(f"http://127.0.0.1:{port}/", timeout=10)
        assert answered.value.code == 403
        answered.value.close()
        deadline = time.monotonic() + 60
        while not _closed(idle[-1]):  # the latest of them was let live, for a while
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        for one in idle:
            one.close()
        process.kill()
        process.communicate()


def _closed(one: socket.socket) -> bool:
    one.settimeout(0.05)
    try:
        return one.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_20_a_quarter_of_the_files_is_for_connections() -> None:
    assert 16 <= connections.most_connections() <= connections.MOST
