"""What comes of one address: from a real server on this computer, good and bad."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpcore2
import pytest
from website import Site, breaks_off, drips, endless, first, gives, moved, opened, picture, says

from joryu.collecting.fetching import Fetched, Fetcher, Missed
from joryu.collecting.hosts import Hosts, Unreachable
from joryu.collecting.limits import FetchLimits

QUICK = FetchLimits(rate=1000, seconds=5.0, first_wait=0.01, private=True)
GOOD = picture(1)


@pytest.fixture
def site() -> Iterator[Site]:
    with opened() as site:
        yield site


def fetch(*addresses: str, limits: FetchLimits = QUICK, **how: Any) -> list[Fetched | Missed]:
    """What comes of some addresses, one after another."""

    async def each() -> list[Fetched | Missed]:
        async with Fetcher(limits, Hosts(limits), agent="joryu/test (me@example.com)", **how) as fetcher:
            return [await fetcher.fetch(address) for address in addresses]

    return asyncio.run(each())


def missed(address: str, limits: FetchLimits = QUICK) -> Missed:
    (found,) = fetch(address, limits=limits)
    assert isinstance(found, Missed), found
    return found


def missed_in_time(site: Site, path: str, seconds: float) -> Missed:
    """As `missed`, and only the picture has so little time: robots.txt is known before."""

    async def second() -> Fetched | Missed:
        async with Fetcher(QUICK, Hosts(QUICK), agent="joryu") as fetcher:
            await fetcher.fetch(site.at("nothing.png"))
            fetcher._limits = replace(QUICK, seconds=seconds)
            return await fetcher.fetch(site.at(path))

    found = asyncio.run(second())
    assert isinstance(found, Missed), found
    return found


def test_a_picture(site: Site) -> None:
    site.pages["a b.png"] = gives(GOOD, Content_Type="image/png")
    site.pages["a%20b.png"] = site.pages["a b.png"]
    (found,) = fetch(site.at("a b.png"))
    assert found == Fetched(site.at("a%20b.png"), "image/png", GOOD)
    headers = site.asked[-1].headers
    assert headers["User-Agent"] == "joryu/test (me@example.com)"
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)


def test_no_cookie_is_kept_and_no_proxy_of_the_environment_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.pages["a.png"] = gives(GOOD, Set_Cookie="who=you")
    assert all(isinstance(one, Fetched) for one in fetch(site.at("a.png"), site.at("a.png")))
    assert not any("Cookie" in one.headers for one in site.asked)


def test_what_robots_txt_disallows_is_not_asked_for_and_robots_txt_is_read_once(site: Site) -> None:
    site.pages |= {"robots.txt": b"User-agent: *\nDisallow: /*.png$", "a.png": GOOD, "a.png?b": GOOD}
    refused, allowed = fetch(site.at("a.png"), site.at("a.png?b"))
    assert refused == Missed("robots.txt of 127.0.0.1 disallows it", for_good=True)
    assert isinstance(allowed, Fetched)
    assert [one.path for one in site.asked] == ["/robots.txt", "/a.png?b"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_site_that_keeps_its_rules_to_itself_has_none(site: Site, status: int) -> None:
    site.pages |= {"robots.txt": says(status), "a.png": GOOD}
    assert isinstance(fetch(site.at("a.png"))[0], Fetched)


@pytest.mark.parametrize("robots", [says(500), says(503), says(429), drips(b"User-agent: *", 1.0)])
def test_a_site_that_cannot_say_its_rules_is_left_alone(site: Site, robots: Any) -> None:
    site.pages |= {"robots.txt": robots, "a.png": GOOD}
    with pytest.raises(Unreachable, match=r"its robots\.txt cannot be read"):
        fetch(site.at("a.png"), limits=replace(QUICK, seconds=0.2))
    assert site.paths == []


def test_rules_that_moved_are_followed(site: Site) -> None:
    site.pages |= {"robots.txt": moved("/rules.txt"), "rules.txt": b"User-agent: *\nDisallow: /", "a.png": GOOD}
    assert missed(site.at("a.png")).reason == "robots.txt of 127.0.0.1 disallows it"


def test_rules_of_endless_length_are_read_as_far_as_they_must(site: Site) -> None:
    site.pages |= {"robots.txt": endless, "a.png": GOOD}
    assert isinstance(fetch(site.at("a.png"))[0], Fetched)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_the_last_address_is_kept(site: Site, status: int) -> None:
    site.pages |= {"a.png": moved("b.png", status), "b.png": moved(site.at("c.png")), "c.png": GOOD}
    assert fetch(site.at("a.png")) == [Fetched(site.at("c.png"), "", GOOD)]


def test_redirects_without_end(site: Site) -> None:
    site.pages["a.png"] = moved("/a.png")
    assert missed(site.at("a.png")) == Missed("more than 5 redirects", for_good=True)
    assert len(site.paths) == 6


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://a.example/x", "http://me:s3cret@127.0.0.1/x", "http://", ""]
)
def test_redirects_to_what_is_not_asked(site: Site, to: str) -> None:
    site.pages["a.png"] = moved(to)
    found = missed(site.at("a.png"))
    assert found.for_good
    assert "s3cret" not in found.reason


def test_a_redirect_to_a_private_address_is_refused(site: Site) -> None:
    """The first host is public, as far as its name says; where it leads to is not."""
    inner = "http://inner.example/secret.png"
    site.pages["a.png"] = moved(inner)
    looked_up: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if host == "127.0.0.1" else ["192.168.7.7"]

    public = replace(QUICK, private=False)

    async def ask() -> Fetched | Missed:
        async with Fetcher(public, Hosts(public), agent="joryu", resolve=resolve) as fetcher:
            backend = fetcher._pool._network_backend
            checked = backend._addresses

            async def only_the_site_is_public(host: str, port: int) -> Sequence[str]:
                return ["127.0.0.1"] if host == "127.0.0.1" else await checked(host, port)

            backend._addresses = only_the_site_is_public
            return await fetcher.fetch(site.at("a.png"))

    found = asyncio.run(ask())
    assert found == Missed("inner.example leads to 192.168.7.7, which is no public address", for_good=True)
    assert looked_up == ["inner.example"]


def test_this_computer_is_not_asked_unless_it_is_allowed(site: Site) -> None:
    site.pages["a.png"] = GOOD
    found = missed(site.at("a.png"), replace(QUICK, private=False))
    assert found == Missed("127.0.0.1 leads to 127.0.0.1, which is no public address", for_good=True)
    assert site.asked == []


@pytest.mark.parametrize(
    "page", [gives(bytes(1001)), endless, gives(gzip.compress(bytes(10**6)), Content_Encoding="gzip")]
)
def test_what_is_too_large_is_given_up_as_it_comes(site: Site, page: Any) -> None:
    site.pages["a.png"] = page
    assert missed(site.at("a.png"), replace(QUICK, largest=1000)) == Missed("larger than 1,000 bytes", for_good=True)


def test_a_limit_is_what_may_still_come(site: Site) -> None:
    site.pages["a.png"] = bytes(1000)
    assert isinstance(fetch(site.at("a.png"), limits=replace(QUICK, largest=1000))[0], Fetched)


def test_a_picture_that_drips_is_given_up_in_time(site: Site) -> None:
    site.pages["a.png"] = drips(GOOD, 0.05)
    begun = time.monotonic()
    found = missed_in_time(site, "a.png", 0.4)
    assert time.monotonic() - begun < 10  # all of it would take longer
    assert found == Missed("not finished in 0.4 s", for_good=False)


def test_the_time_is_that_of_all_redirects_together(site: Site) -> None:
    def slowly(handler: Any) -> None:
        time.sleep(0.2)
        moved("/a.png")(handler)

    site.pages["a.png"] = slowly
    assert missed_in_time(site, "a.png", 0.5) == Missed("not finished in 0.5 s", for_good=False)


def test_a_picture_that_breaks_off_may_come_another_time(site: Site) -> None:
    site.pages["a.png"] = breaks_off(GOOD, len(GOOD) // 2)
    found = missed(site.at("a.png"))
    assert not found.for_good
    assert found.reason.startswith("the answer broke off")
    site.pages["a.png"] = gives(gzip.compress(GOOD)[:-20], Content_Encoding="gzip")
    assert not missed(site.at("a.png")).for_good


def test_a_host_that_compresses_what_was_asked_for_plain(site: Site) -> None:
    site.pages["a.png"] = gives(gzip.compress(GOOD), Content_Encoding="gzip")
    site.pages["b.png"] = gives(GOOD, Content_Encoding="br")
    one, other = fetch(site.at("a.png"), site.at("b.png"))
    assert isinstance(one, Fetched)
    assert one.content == GOOD
    assert isinstance(other, Missed)
    assert other.for_good


@pytest.mark.parametrize(("status", "for_good"), [(404, True), (403, True), (204, True), (206, True), (418, True)]
                         + [(one, False) for one in (408, 425, 429, 500, 502, 503, 504)])  # fmt: skip
def test_which_answers_are_for_good(site: Site, status: int, for_good: bool) -> None:
    site.pages["a.png"] = says(status)
    assert missed(site.at("a.png")).for_good is for_good


def test_nobody_there() -> None:
    with pytest.raises(Unreachable, match="no connection"):
        fetch("http://127.0.0.1:9/a.png")


def test_a_host_that_fails_again_and_again_is_left_alone(site: Site) -> None:
    site.pages |= {f"{at}.png": says(500) for at in range(9)}
    with pytest.raises(Unreachable, match="3 failures in a row, the last: HTTP 500"):
        fetch(*(site.at(f"{at}.png") for at in range(9)), limits=replace(QUICK, failures=3))
    assert len(site.paths) == 3
    site.pages["good.png"] = GOOD
    mixed = itertools.chain.from_iterable((site.at(f"{at}.png"), site.at("good.png")) for at in range(5))
    assert len(fetch(*mixed, limits=replace(QUICK, failures=3))) == 10


def test_a_redirect_to_a_host_that_is_left_alone_says_nothing_of_the_first(site: Site) -> None:
    with opened() as other:
        other.pages["robots.txt"] = says(500)
        site.pages |= {"a.png": moved(other.at("x.png")), "b.png": GOOD}
        one, two = fetch(site.at("a.png"), site.at("b.png"))
    assert isinstance(one, Missed)
    assert not one.for_good
    assert isinstance(two, Fetched)


def test_retry_after_holds_the_host_back(site: Site) -> None:
    site.pages |= {"a.png": first(says(429, Retry_After="1"), GOOD), "b.png": GOOD}
    one, two = fetch(site.at("a.png"), site.at("b.png"))
    assert one == Missed("HTTP 429, too many requests", for_good=False, wait=1.0)
    assert isinstance(two, Fetched)
    assert site.times("b.png")[0] - site.times("a.png")[0] >= 0.99


def test_a_host_that_asks_for_a_long_pause_is_left_alone(site: Site) -> None:
    site.pages |= {"a.png": says(503, Retry_After="3600"), "b.png": GOOD}
    with pytest.raises(Unreachable, match="it asks for a pause of 3,600 s"):
        fetch(site.at("a.png"), site.at("b.png"))


def test_the_rate_is_kept_and_a_crawl_delay_makes_it_slower(site: Site) -> None:
    site.pages |= {f"{at}.png": GOOD for at in range(3)}
    begun = time.monotonic()
    fetch(*(site.at(f"{at}.png") for at in range(3)), limits=replace(QUICK, rate=10))
    assert site.asked[-1].at - begun > 0.29
    site.pages["robots.txt"] = b"User-agent: *\nCrawl-delay: 0.4"
    site.asked.clear()
    begun = time.monotonic()
    fetch(*(site.at(f"{at}.png") for at in range(2)))
    assert site.asked[-1].at - begun > 0.79


@pytest.fixture
def secure(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The site behind TLS, with a certificate of photos.example alone, which this test trusts; its port."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=photos.example",
             "-addext", "subjectAltName=DNS:photos.example", "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    site.secure(context)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(httpcore2, "default_ssl_context", lambda: trusting)
    for module in ("httpcore2._async.connection", "httpcore2._async.connection_pool"):
        monkeypatch.setattr(f"{module}.default_ssl_context", lambda: trusting, raising=False)
    return str(site.port)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_a_certificate_is_that_of_the_name_though_an_address_is_connected_to(site: Site, secure: str) -> None:
    site.pages["a.png"] = GOOD

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    (found,) = fetch(f"https://photos.example:{secure}/a.png", resolve=resolve)
    assert isinstance(found, Fetched)
    assert site.asked[-1].headers["Host"] == f"photos.example:{secure}"
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        fetch(f"https://other.example:{secure}/a.png", resolve=resolve)


def test_a_redirect_to_a_name_that_is_not_ascii_is_followed_as_it_is_sent(site: Site) -> None:
    site.pages["%C3%A4%20b.png"] = GOOD
    for sent in ("/%C3%A4 b.png", "/ä b.png".encode().decode("latin-1")):  # as UTF-8, byte for byte
        site.pages["a.png"] = moved(sent)
        assert fetch(site.at("a.png")) == [Fetched(site.at("%C3%A4%20b.png"), "", GOOD)]
    site.pages["a.png"] = moved("/\xe4.png")  # as Latin-1, which is no UTF-8
    site.pages["%C3%A4.png"] = GOOD
    assert isinstance(fetch(site.at("a.png"))[0], Fetched)


@pytest.mark.parametrize("after", ["Fri, 31 Dec 99999999999 23:59:59 GMT", "9" * 400, "soon", "-1"])
def test_a_host_that_asks_for_an_impossible_pause_ends_nothing(site: Site, after: str) -> None:
    site.pages |= {"a.png": says(503, Retry_After=after), "b.png": GOOD}
    one, two = fetch(site.at("a.png"), site.at("b.png"))
    assert isinstance(one, Missed)
    assert not one.for_good
    assert isinstance(two, Fetched)


def test_a_port_that_there_is_not_ends_nothing(site: Site) -> None:
    site.pages |= {"a.png": moved("http://127.0.0.1:99999/b.png"), "b.png": GOOD}
    direct, redirected, good = fetch("http://127.0.0.1:99999/b.png", site.at("a.png"), site.at("b.png"))
    for found in (direct, redirected):
        assert isinstance(found, Missed)
        assert found.for_good
    assert isinstance(good, Fetched)
