"""How hard hosts are asked: what cannot be kept is refused by name, and what can is kept by each host."""

from __future__ import annotations

import asyncio
import math

import pytest

from joryu.collecting.hosts import Host, Hosts, Unreachable
from joryu.collecting.limits import FetchLimits
from joryu.collecting.robots import Robots
from joryu.errors import InputError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0) for name in ("rate", "seconds", "concurrency", "largest", "attempts", "failures")),
        *((name, -1) for name in ("rate", "seconds", "concurrency", "redirects", "attempts", "first_wait")),
        *((name, -1) for name in ("longest_wait", "largest", "failures")),
        *((name, math.nan) for name in ("rate", "seconds", "first_wait", "longest_wait")),
        *((name, math.inf) for name in ("rate", "seconds", "first_wait")),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"^{name} is not usable .*received {value}"):
        FetchLimits(**{name: value})  # type: ignore[arg-type]


def test_no_redirect_and_no_wait_are_limits() -> None:
    assert FetchLimits(redirects=0, first_wait=0, longest_wait=0, attempts=1, failures=1, largest=1).attempts == 1


@pytest.mark.parametrize(("rate", "at_once"), [(0.1, 1), (1, 1), (5, 5), (1000, 32)])
def test_a_slow_host_is_asked_by_few_at_once(rate: float, at_once: int) -> None:
    assert FetchLimits(rate=rate).at_a_host == at_once


async def no_rules() -> Robots:
    return Robots()


def test_rules_are_learned_once_however_many_wait_for_them() -> None:
    learned: list[int] = []

    async def learn() -> Robots:
        learned.append(1)
        await asyncio.sleep(0)
        return Robots.parse("User-agent: *\nDisallow: /a", agent="joryu")

    async def session() -> list[Robots]:
        host = Host("http://a.example:80", FetchLimits())
        return list(await asyncio.gather(*(host.robots(learn) for _ in range(5))))

    found = asyncio.run(session())
    assert len(learned) == 1
    assert all(not robots.allows("/a") for robots in found)


def test_a_host_that_is_left_is_asked_nothing_and_the_first_reason_is_told() -> None:
    async def cannot() -> Robots:
        raise Unreachable("its robots.txt cannot be read: HTTP 500")

    async def session(hosts: Hosts) -> None:
        host = hosts.of("http://a.example:80")
        for ask in (lambda: host.robots(cannot), lambda: host.robots(no_rules), host.turn):
            with pytest.raises(Unreachable, match="HTTP 500"):
                await ask()
        host.leave("another reason")
        await hosts.of("https://a.example:443").turn()

    hosts = Hosts(FetchLimits())
    asyncio.run(session(hosts))
    assert hosts.left == {"http://a.example:80": "its robots.txt cannot be read: HTTP 500"}


def test_who_waits_for_a_turn_is_told_when_the_host_is_left_meanwhile() -> None:
    async def session() -> None:
        host = Host("http://a.example:80", FetchLimits(rate=50))
        await host.turn()
        waiting = asyncio.create_task(host.turn())
        await asyncio.sleep(0)
        host.leave("10 failures in a row")
        with pytest.raises(Unreachable, match="10 failures"):
            await waiting

    asyncio.run(session())


def test_a_pause_as_long_as_a_run_may_wait_is_waited_for_and_a_longer_one_is_not() -> None:
    host = Host("http://a.example:80", FetchLimits(longest_wait=600))
    host.pause(600)
    assert not host.left
    host.pause(600.5)
    assert host.left.startswith("it asks for a pause of 60")


def test_a_success_between_them_keeps_failures_from_being_in_a_row() -> None:
    host = Host("http://a.example:80", FetchLimits(failures=3))
    for succeeded in (False, False, True, False, False):
        host.note(succeeded, "HTTP 500")
    assert not host.left
    host.note(False, "HTTP 502")
    assert host.left == "3 failures in a row, the last: HTTP 502"
