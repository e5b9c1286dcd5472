"""`FetchLimits`: how hard hosts are asked, and what is too large or too slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from joryu.errors import InputError

MIB: Final = 2**20


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """How pictures are fetched.

    Args:
        rate: requests a second to one host; a ``Crawl-delay`` in its robots.txt may make it less.
        concurrency: requests in flight to all hosts together.
        seconds: for one picture from the first byte asked for to the last one received, redirects included.
        largest: bytes of one picture.
        redirects: how many are followed, each checked as the first address was.
        attempts: how often one picture is asked for where the failure may pass.
        first_wait: seconds of the first wait before another attempt, at most; each is up to twice the one before.
        longest_wait: seconds; a host that asks for a longer pause is left for another run.
        failures: so many in a row and a host is left for another run.
        private: addresses of this computer and of private networks may be asked.

    Raises:
        InputError: a value out of range.
    """

    rate: float = 5.0
    concurrency: int = 32
    seconds: float = 60.0
    largest: int = 32 * MIB
    redirects: int = 5
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 600.0
    failures: int = 10
    private: bool = False

    def __post_init__(self) -> None:
        for name in ("rate", "seconds"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError("is not usable", setting=name, expected="a number > 0", received=getattr(self, name))
        for name, least in (("concurrency", 1), ("largest", 1), ("attempts", 1), ("failures", 1), ("redirects", 0)):
            if getattr(self, name) < least:
                raise InputError("is not usable", setting=name, expected=f">= {least}", received=getattr(self, name))
        if not 0 <= self.first_wait < float("inf"):
            raise InputError("is not usable", setting="first_wait", expected="a number >= 0", received=self.first_wait)
        if not self.longest_wait >= 0:  # it may be endless
            raise InputError(
                "is not usable", setting="longest_wait", expected="a number >= 0", received=self.longest_wait
            )

    @property
    def at_a_host(self) -> int:
        """Requests in flight to one host: as many as it is asked in a second, so a slow one is asked more slowly."""
        return min(self.concurrency, max(1, round(self.rate)))
