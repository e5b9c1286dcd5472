"""What a robots.txt allows: RFC 9309, its examples and its corners."""

from __future__ import annotations

import time

import pytest

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
