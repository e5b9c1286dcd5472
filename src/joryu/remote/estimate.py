"""What asking would take: pictures, requests, money, hours and bytes, before the first call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from joryu.errors import InputError
from joryu.remote.api import Api
from joryu.remote.ledger import Ledger
from joryu.remote.limits import ApiLimits
from joryu.remote.picture_size import fitted
from joryu.remote.reading_ahead import Pictures, blocks

SAMPLE: Final = 32  #: pictures that are made as small as they would be sent, to know how many bytes they take
USUAL_RATE: Final = ApiLimits().rate
_BLOCK: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What asking about some pictures would take.

    ``distinct`` pictures, of which ``known`` are in the ledger; ``asked`` are to be asked about, as many as the budget
    has ``room`` for (``None``: no budget). ``seconds`` is the least that the rate lets it take. ``money`` is ``None``
    where no price is known; ``spent`` is what the ledger has cost before, in pictures.
    """

    distinct: int
    known: int
    spent: int
    room: int | None
    asked: int
    requests: int
    seconds: float
    bytes_sent: int
    money: float | None
    currency: str

    def to_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def lines(self, price: float | None) -> list[str]:
        """The same in words."""
        left = self.distinct - self.known
        room = "" if self.room is None or self.room >= left else f", the budget has room for {self.room:,}"
        told = [
            f"{self.distinct:,} distinct pictures, {self.known:,} answered already: {left:,} to ask about{room}",
            f"{self.requests:,} requests, at least {_time(self.seconds)} at the rate limit",
            f"{self.bytes_sent / 1e6:,.1f} MB to send",
        ]
        if self.money is None:
            told.append("no price is known: name one to see what it costs")
        else:
            told.append(
                f"{self.money:,.2f} {self.currency} at {price:g} for 1,000 pictures, repeated requests not counted"
            )
        return told


def estimate(
    api: Api, pictures: Pictures, ledger: Ledger | None = None, *, rate: float = USUAL_RATE, budget: int | None = None
) -> Estimate:
    """What it would take to ask ``api`` about what a ledger does not know yet, at ``rate`` requests a second.

    A few pictures are read, and none is sent.

    Raises:
        InputError: a picture cannot be read.
    """
    first: dict[bytes, int] = {}
    for block in blocks(range(len(pictures.ids)), _BLOCK):
        for at, one in zip(block, pictures.ids[block[0] : block[-1] + 1], strict=True):
            first.setdefault(one, at)
    missing = [first[one] for block in blocks([*first], _BLOCK) for one in _missing(block, ledger)]
    distinct = len(first)
    spent = 0 if ledger is None else ledger.spent().units
    room = None if budget is None else max(0, budget - spent)
    asked = len(missing) if room is None else min(room, len(missing))
    requests = math.ceil(asked / api.request.pictures)
    return Estimate(
        distinct=distinct, known=distinct - len(missing), spent=spent, room=room, asked=asked, requests=requests,
        seconds=requests / rate, bytes_sent=round(_bytes_each(api, pictures, missing[:asked]) * asked),
        money=None if api.price is None else asked * api.price / 1000, currency=api.currency,
    )  # fmt: skip


def _missing(ids: Sequence[bytes], ledger: Ledger | None) -> Sequence[bytes]:
    return ids if ledger is None else ledger.missing(ids)


def _bytes_each(api: Api, pictures: Pictures, numbers: Sequence[int]) -> float:
    sample = numbers[:: max(1, len(numbers) // SAMPLE)][:SAMPLE]
    sizes = []
    for number in sample:
        content = pictures.read(number)
        try:
            small = fitted(content, longest_side=api.longest_side, quality=api.quality)
        except InputError:
            continue  # it will be a failure of its own, and is not sent
        sizes.append(len(api.body([small])[0]))
    return sum(sizes) / len(sizes) if sizes else 0.0


def _time(seconds: float) -> str:
    """Seconds in the largest unit that fits.

    >>> _time(40), _time(5400), _time(200_000)
    ('40 s', '1.5 hours', '2.3 days')
    """
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
