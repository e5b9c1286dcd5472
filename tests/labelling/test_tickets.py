"""Who may come in: every state a link can be in, and what each browser may do in it."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from joryu.labelling.tickets import ANYBODY, Guest, Tickets, hash_of

KEY, OTHER = "k" * 64, "o" * 64
VIEW, OTHER_VIEW = "v" * 32, "w" * 32
INVITED = Guest("ben", invited=True)


@pytest.fixture
def tickets() -> Tickets:
    return Tickets()


def entered(tickets: Tickets, guest: Guest = ANYBODY, *, key: str = KEY, view: str = VIEW) -> tuple[str, str]:
    """A link and the cookie of the browser that came by it."""
    token = tickets.issue(guest=guest)
    cookie = tickets.enter(token, key=key, view=view)
    assert cookie is not None
    return token, cookie


def test_a_link_nobody_made_opens_nothing(tickets: Tickets) -> None:
    tickets.issue()
    for token in ("", "guess", "ü", "\udcff", "0" * 10_000):
        assert tickets.enter(token, key=KEY, view=VIEW) is None
        assert not tickets.opens(token, "")


def test_every_link_and_cookie_is_another_and_too_long_to_guess(tickets: Tickets) -> None:
    links = [entered(tickets) for _ in range(50)]
    secrets = [secret for pair in links for secret in pair]
    assert len(set(secrets)) == 100
    assert min(map(len, secrets)) >= 40


def test_a_token_of_ones_own_is_the_link(tickets: Tickets) -> None:
    assert tickets.issue("my own token") == "my own token"
    assert tickets.enter("my own token", key=KEY, view=VIEW) is not None


def test_a_link_is_for_the_browser_that_came_first_and_for_no_other(tickets: Tickets) -> None:
    token, cookie = entered(tickets)
    assert tickets.enter(token, key=OTHER, view=OTHER_VIEW) is None
    assert tickets.admitted(cookie, KEY) is not None  # and the first is not thrown out by it
    again = tickets.enter(token, key=KEY, view=OTHER_VIEW)
    assert again not in (None, cookie)
    assert tickets.admitted(cookie, KEY) is None  # what it lost opens nothing any more
    assert tickets.admitted(again, KEY) is not None
    assert tickets.views(again, VIEW) is None
    assert tickets.views(again, OTHER_VIEW) is not None


@pytest.mark.parametrize(("cookie", "key"), list(itertools.product([True, False], [True, False])))
def test_a_browser_shows_both_its_cookie_and_its_key(tickets: Tickets, cookie: bool, key: bool) -> None:
    _, own = entered(tickets)
    admitted = tickets.admitted(own if cookie else "stolen", KEY if key else OTHER)
    assert (admitted is not None) == (cookie and key)
    seen = tickets.views(own if cookie else "stolen", VIEW if key else OTHER_VIEW)
    assert (seen is not None) == (cookie and key)


@pytest.mark.parametrize("nothing", ["", " ", "\udcff", "ü"])
def test_next_to_nothing_is_no_cookie_and_no_key(tickets: Tickets, nothing: str) -> None:
    tickets.issue()  # not yet entered: its cookie is none, which an empty one must not be taken for
    _, cookie = entered(tickets)
    assert tickets.admitted(nothing, KEY) is None
    assert tickets.admitted(cookie, nothing) is None
    assert tickets.admitted(nothing, nothing) is None


def test_one_guests_cookie_with_anothers_key_is_nobody(tickets: Tickets) -> None:
    _, ann = entered(tickets, Guest("ann"))
    _, ben = entered(tickets, Guest("ben"), key=OTHER, view=OTHER_VIEW)
    assert tickets.admitted(ann, KEY).annotator == "ann"  # type: ignore[union-attr]
    assert tickets.admitted(ben, OTHER).annotator == "ben"  # type: ignore[union-attr]
    assert tickets.admitted(ann, OTHER) is tickets.admitted(ben, KEY) is None
    assert tickets.views(ann, OTHER_VIEW) is tickets.views(ben, VIEW) is None


def test_of_keys_only_hashes_are_kept(tickets: Tickets) -> None:
    _, cookie = entered(tickets)
    guest = tickets.admitted(cookie, KEY)
    assert guest is not None
    assert guest.browser == hash_of(KEY)
    assert KEY not in repr(vars(tickets))


# --- invitations ------------------------------------------------------------------------------------------------------


def test_invitations_are_those_of_guests_in_their_order_and_a_used_one_shows_no_token(tickets: Tickets) -> None:
    tickets.issue(guest=Guest("host"))
    first, second = tickets.issue(guest=INVITED), tickets.issue(guest=Guest(None, invited=True))
    assert [(one.annotator, one.token) for one in tickets.invitations()] == [("ben", first), (None, second)]
    tickets.enter(first, key=KEY, view=VIEW)
    found = tickets.invitations()
    assert [(one.annotator, one.token, one.browser) for one in found] == [
        ("ben", None, hash_of(KEY)), (None, second, ""),
    ]  # fmt: skip
    assert len({one.id for one in found}) == 2
    assert not {first, second} & {one.id for one in found}  # what is shown on a page opens nothing


def test_an_invitation_that_is_taken_back_opens_nothing_whether_it_was_used_or_not(tickets: Tickets) -> None:
    used, cookie = entered(tickets, INVITED)
    unused = tickets.issue(guest=INVITED)
    for one in tickets.invitations():
        assert tickets.revoke(one.id)
        assert not tickets.revoke(one.id)  # there is none any more
    assert tickets.invitations() == []
    assert tickets.admitted(cookie, KEY) is None
    assert tickets.views(cookie, VIEW) is None
    for token in (used, unused):
        assert tickets.enter(token, key=KEY, view=VIEW) is None
        assert not tickets.opens(token, "")
    assert not tickets.opens(used, cookie)


def test_the_hosts_own_link_cannot_be_taken_back(tickets: Tickets) -> None:
    token, cookie = entered(tickets, Guest("host"))
    for identity in ("", token, cookie, "guess"):
        assert not tickets.revoke(identity)
    assert tickets.admitted(cookie, KEY) is not None


# --- what to tell who was not let in ----------------------------------------------------------------------------------


def test_a_page_may_be_tried_by_a_link_that_stands_or_by_a_cookie_that_does(tickets: Tickets) -> None:
    token, cookie = entered(tickets)
    assert tickets.opens(token, "")
    assert tickets.opens("", cookie)
    assert tickets.opens("wrong", cookie)
    assert not tickets.opens("wrong", "wrong")
    assert not tickets.opens("", "")


def test_each_reason_is_told_apart(tickets: Tickets) -> None:
    _, cookie = entered(tickets, INVITED)
    said = {
        "no cookie": tickets.why_not(""),
        "another start": tickets.why_not("of before"),
        "no key": tickets.why_not(cookie),
    }
    tickets.revoke(tickets.invitations()[0].id)
    said["taken back"] = tickets.why_not(cookie)
    assert len(set(said.values())) == 4
    assert "was cleared" in said["no cookie"]
    assert "started again" in said["another start"]
    assert "key is gone" in said["no key"]
    assert "taken back" in said["taken back"]
    assert all(text.endswith(".") and "\n" not in text for text in said.values())


def test_many_browsers_at_one_link_let_one_in(tickets: Tickets) -> None:
    token = tickets.issue()
    with ThreadPoolExecutor(8) as pool:
        cookies = list(pool.map(lambda at: tickets.enter(token, key=f"{at:064}", view=VIEW), range(40)))
    assert sum(cookie is not None for cookie in cookies) == 1
