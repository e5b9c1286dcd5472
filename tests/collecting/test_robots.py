"""What a robots.txt allows: RFC 9309, its examples and its corners."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.collecting.robots import Robots


def rules(text: str, agent: str = "joryu") -> Robots:
    return Robots.parse(text, agent=agent)


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [
        ("Disallow: /fish", "/fish.html", False),
        ("Disallow: /fish", "/Fish.html", True),  # paths are case-sensitive
        ("Disallow: /fish/", "/fish", True),
        ("Disallow: /*.jpg$", "/a/b.jpg", False),
        ("Disallow: /*.jpg$", "/a/b.jpg?size=1", True),
        ("Disallow: /*.jpg", "/a/b.jpg?size=1", False),
        ("Disallow: /a*b*c", "/a-b", True),
        ("Disallow: /a*b*c", "/a--b--c--", False),
        ("Disallow: /$", "/", False),
        ("Disallow: /$", "/a", True),
        ("Disallow: /x*y$", "/xy", False),
        ("Disallow: /x*yy$", "/xy", True),
        ("Disallow: /?id=", "/?id=4", False),
        ("Disallow: /ä", "/%C3%A4", False),
        ("Disallow: /%C3%A4", "/%c3%a4/b", False),
        ("Disallow: /a%2Fb", "/a/b", True),
        ("Disallow:", "/anything", True),
        ("Disallow: /   # all of it", "/a", False),
        ("DISALLOW : /a", "/a", False),
    ],
)
def test_one_rule(rule: str, path: str, allowed: bool) -> None:
    assert rules(f"User-agent: *\n{rule}\n").allows(path) is allowed


def test_the_longest_rule_says_and_of_two_alike_the_one_that_allows() -> None:
    text = "User-agent: *\nDisallow: /example\nAllow: /example/page\nDisallow: /example/page/secret\n"
    found = rules(text)
    assert [found.allows(path) for path in ("/example/a", "/example/page/b", "/example/page/secret1")] == [
        False,
        True,
        False,
    ]
    assert rules("User-agent: *\nDisallow: /a\nAllow: /a").allows("/a")


def test_an_agent_obeys_its_own_groups_and_else_those_of_everybody() -> None:
    text = (
        "User-agent: *\nDisallow: /\n\nUser-agent: OtherBot\nUser-agent: Joryu/1.0\nDisallow: /a\n\n"
        "User-agent: joryu\nDisallow: /b\n"
    )
    assert [rules(text).allows(path) for path in ("/a", "/b", "/c")] == [False, False, True]
    assert not rules(text, agent="another").allows("/c")
    assert rules(text, agent="otherbot").allows("/b")


def test_a_group_of_its_own_without_a_rule_allows_everything() -> None:
    assert rules("User-agent: joryu\nDisallow:\n\nUser-agent: *\nDisallow: /").allows("/a")


@pytest.mark.parametrize("text", ["", "nonsense", "Disallow: /", "<html>User-agent: no</html>", "\x00\xff"])
def test_what_says_nothing_to_us_disallows_nothing(text: str) -> None:
    assert rules(text).allows("/a")


def test_crawl_delay() -> None:
    assert rules("User-agent: *\nCrawl-delay: 2.5").delay == 2.5
    assert rules("User-agent: *\nCrawl-delay: soon").delay == 0
    assert rules("User-agent: *\nCrawl-delay: 999999999").delay == 3600


def test_a_rule_of_many_stars_takes_no_time() -> None:
    found = rules(f"User-agent: *\nDisallow: /{'*a' * 1000}$")
    begun = time.process_time()
    assert found.allows("/" + "a" * 999 + "b" * 5000)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [  # RFC 9309, section 2.2.3: a star and a dollar that are meant are written %2A and %24
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", False),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-%2a.html", False),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-b.html", True),
        ("/path/foo-%24", "/path/foo-$", False),
        ("/path/foo-%24", "/path/foo-%24bar", False),
        ("/path/foo-%24", "/path/foo-", True),
        ("/a%2a$", "/a*", False),
        ("/a%2A$", "/a*b", True),
        ("/a$b", "/a$b", False),
        ("/a*b", "/a%2Ab", False),  # a star matches a star, too
        ("/100%", "/100%25", False),
    ],
)
def test_signs_that_mean_something_can_be_meant_as_they_are(rule: str, path: str, allowed: bool) -> None:
    assert rules(f"User-agent: *\nDisallow: {rule}\n").allows(path) is allowed


def says(rule: str, path: str) -> bool:
    """Whether a rule matches, by its regular expression."""
    parts = [".*" if sign == "*" else re.escape(sign) for sign in rule.removesuffix("$")]
    return re.fullmatch("".join(parts) + ("" if rule.endswith("$") else ".*"), path) is not None


@given(st.lists(st.tuples(st.booleans(), st.text("ab/*$", max_size=7)), max_size=4), st.text("ab/", max_size=9))
def test_rules_match_as_their_regular_expressions_do(listed: list[tuple[bool, str]], path: str) -> None:
    lines = [f"{'Allow' if allows else 'Disallow'}: /{rule}" for allows, rule in listed]
    matching = [(len(rule), allows) for allows, rule in listed if says(f"/{rule}", f"/{path}")]
    expected = max(matching)[1] if matching else True
    assert rules("\n".join(["User-agent: *", *lines])).allows(f"/{path}") is expected


@given(st.text(max_size=200), st.text(max_size=20))
def test_no_text_is_too_odd_to_be_read(text: str, path: str) -> None:
    found = rules(text)
    assert isinstance(found.allows(f"/{path}"), bool)
    assert 0 <= found.delay <= 3600
