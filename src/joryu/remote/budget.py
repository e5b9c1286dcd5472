"""What may be spent: a `Budget` in units or money, and the `Purse` from which requests take before they are sent."""

from __future__ import annotations

import asyncio
import math
import re
from fractions import Fraction
from typing import Final, NamedTuple, Self

from joryu.errors import InputError, Stop

_MONEY: Final = re.compile(r"(?:([$€£¥])\s*([\d.]+)|([\d.]+)\s*([$€£¥]|[A-Z]{3}))")


class Budget(NamedTuple):
    """The most that a ledger may ever cost, over all sessions: ``units``, or ``money`` at a price.

    >>> Budget.parse("500").in_units(price=1.5), Budget.parse("7.50USD").in_units(price=1.5)
    (500, 5000)
    """

    units: int | None = None
    money: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``500`` (units: pictures asked about), or ``7.50USD``, ``$7.50`` (money).

        Raises:
            InputError: it is neither.
        """
        written = text.strip()
        try:
            if written.isdecimal():
                return cls(units=int(written))
            if (found := _MONEY.fullmatch(written)) is not None and math.isfinite(money := float(found[2] or found[3])):
                return cls(money=money)
        except ValueError:  # two points, or more digits than Python reads
            pass
        raise InputError(
            "is not usable", setting="budget", expected="pictures such as 500, or money such as 7.50USD", received=text
        )

    def in_units(self, price: float | None) -> int:
        """How many units it is worth at ``price`` for 1,000 units, rounded down.

        Raises:
            InputError: it is money, and no price is known.
        """
        if self.units is not None:
            return self.units
        if not price:
            raise InputError(
                "a budget in money needs a price", expected="a price for 1,000 units", received=price,
                hint="give --price, or a budget in pictures",
            )  # fmt: skip
        # In decimals, as they are written: rounded, a large budget would be worth one picture less.
        return int(Fraction(str(self.money or 0.0)) * 1000 / Fraction(str(price)))


class Purse:
    """Holds what may still be spent; requests take from it before they are sent.

    Args:
        limit: the most units that may be spent in all; ``None`` for no limit.
        spent: what was spent before.

    What a request took is held until it is settled, because it may turn out to cost nothing.
    """

    def __init__(self, limit: int | None, spent: int = 0) -> None:
        self.limit, self.spent, self.held = limit, spent, 0
        self._changed = asyncio.Event()

    async def take(self, wanted: int) -> int:
        """Take up to ``wanted`` units, at least one; where none is left, wait whether what is held comes back.

        Raises:
            Stop: nothing is left, and nothing is held.
        """
        while True:
            left = wanted if self.limit is None else min(wanted, self.limit - self.spent - self.held)
            if left > 0:
                self.held += left
                return left
            if not self.held:
                raise Stop(
                    "the budget is spent", expected=f"at most {self.limit:,} units",
                    received=f"{self.spent:,} spent", hint="give a larger --budget to go on",
                )  # fmt: skip
            self._changed.clear()
            await self._changed.wait()

    def settle(self, taken: int, spent: int) -> None:
        """Count what a request that took ``taken`` has really cost."""
        self.held -= taken
        self.spent += spent
        self._changed.set()
