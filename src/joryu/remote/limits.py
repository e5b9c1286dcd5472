"""`ApiLimits`: how fast a paid API is asked, how often it is tried again, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass

from joryu.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLimits:
    """How fast to ask, how often to try again, and when to give up; times are in seconds.

    Args:
        concurrency: requests in flight at a time.
        rate: requests a second, in the long run.
        attempts: how often one picture is asked about before its failure is written down.
        timeout: for one request.
        first_wait, longest_wait: of the back-off between attempts.
        patience: the longest ``Retry-After`` that is waited for; the run stops at a longer one.
        failures: so many in a row open the circuit breaker.
        cool_down: how long it stays open at first.
        canaries: how many known pictures each later session asks about again, to see that the API has not changed.

    Raises:
        InputError: a number is not usable.
    """

    concurrency: int = 8
    rate: float = 30.0
    attempts: int = 6
    timeout: float = 60.0
    first_wait: float = 0.5
    longest_wait: float = 60.0
    patience: float = 600.0
    failures: int = 20
    cool_down: float = 5.0
    canaries: int = 3

    def __post_init__(self) -> None:
        for name, least in (("concurrency", 1), ("attempts", 1), ("failures", 1), ("canaries", 0)):
            if (given := getattr(self, name)) < least:
                raise InputError("is not usable", setting=name, expected=f"at least {least}", received=given)
        for name in ("rate", "timeout"):
            if not 0 < (given := getattr(self, name)) < float("inf"):
                raise InputError("is not usable", setting=name, expected="a number > 0", received=given)
        for name in ("first_wait", "longest_wait", "cool_down"):
            if not 0 <= (given := getattr(self, name)) < float("inf"):
                raise InputError("is not usable", setting=name, expected="a number >= 0", received=given)
        if not self.patience >= 0:  # it may be endless
            raise InputError("is not usable", setting="patience", expected="a number >= 0", received=self.patience)
