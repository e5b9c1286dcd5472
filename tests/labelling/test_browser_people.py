"""Invitations and the page's own key in a real browser; skipped where there is no Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import IN_A_BROWSER, Server, settle, until

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("served"), "--annotator", "ann", n=8)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def host(chromium: Any, server: Server) -> Any:
    page = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.set_default_timeout(20_000)
    page.goto(server.link)
    settle(page, 0)
    return page


def test_a_guest_comes_by_a_link_that_is_copied_and_is_taken_back(chromium: Any, server: Server, host: Any) -> None:
    page = host.context.new_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"http://127.0.0.1:{server.port}/summary")
    page.fill("#invited", "mei")
    page.click("#invite button")
    link = page.get_attribute("#invitations a", "href")
    page.click("text=Copy")
    until(page, "document.querySelector('#invitations li button').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == link
    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # the link wraps on a telephone
    assert page.is_visible("#local")
    guest = chromium.new_context().new_page()
    guest.set_default_timeout(20_000)
    guest.goto(link)
    settle(guest, 0)  # an invitation in a name asks for none
    assert guest.inner_text("#who") == "mei"
    assert guest.url == f"http://127.0.0.1:{server.port}/"
    page.reload()
    until(page, "document.querySelector('#invitations li').innerText.includes('is here')")
    page.click("text=Take back")
    until(page, "document.querySelectorAll('#invitations li').length === 0")
    guest.keyboard.press("1")
    until(guest, "document.getElementById('notice').textContent.includes('was taken back')")
    guest.goto(f"http://127.0.0.1:{server.port}/summary")
    until(guest, "document.body.innerText.includes('taken back')")


def test_another_port_gets_the_cookie_and_not_the_key(server: Server, host: Any) -> None:
    (cookie,) = [one for one in host.context.cookies() if one["name"].startswith("joryu")]
    assert cookie["httpOnly"]
    thief = host.context.browser.new_context()
    thief.add_cookies([cookie])
    page = thief.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    until(page, "document.body.innerText.includes('key is gone from the browser')")
    assert "healthy" not in page.content()
    assert "project" not in page.content()


def test_a_cleared_cookie_is_called_so_and_the_link_opens_again_in_its_own_browser(server: Server, host: Any) -> None:
    host.context.clear_cookies()
    host.keyboard.press("1")
    until(host, "document.getElementById('notice').textContent.includes('it was cleared')")
    assert "started again" not in host.inner_text("#notice")
    again = host.context.new_page()
    again.goto(server.link)
    settle(again, 1)
    settle(host, 1)
    assert host.is_hidden("#notice")
    assert [(one.annotator, one.choice) for one in server.answers()] == [("ann", "healthy")]
