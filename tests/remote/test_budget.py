"""What may be spent: budgets to the unit, and a purse from which nobody takes too much, however many ask at once."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.errors import InputError, Stop
from joryu.remote.budget import Budget, Purse

CENTS = st.decimals(0, 2000, places=2)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("500", Budget(units=500)),
        (" 0 ", Budget(units=0)),
        ("7.50USD", Budget(money=7.5)),
        ("7.50 EUR", Budget(money=7.5)),
        ("$ 7", Budget(money=7.0)),
        ("¥.5", Budget(money=0.5)),
        ("12€", Budget(money=12.0)),
    ],
)
def test_a_budget_is_pictures_or_money(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget


@pytest.mark.parametrize(
    "text", ["9" * 5000, "9" * 400 + "USD", "$" + "9" * 400, "7USDT", "usd 7", "$7€", "1,000", "²"]
)
def test_a_budget_that_nobody_has_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^budget is not usable"):
        Budget.parse(text)


@settings(max_examples=150)
@given(CENTS, st.decimals("0.01", 20, places=2))
def test_money_buys_as_many_pictures_as_it_pays_for_and_no_more(money: Decimal, price: Decimal) -> None:
    exact = Fraction(money) / Fraction(price) * 1000
    assert Budget.parse(f"{money}USD").in_units(float(price)) == exact.numerator // exact.denominator


def test_money_without_a_price_buys_nothing_that_can_be_counted() -> None:
    for price in (None, 0.0):
        with pytest.raises(InputError, match="a budget in money needs a price"):
            Budget(money=5.0).in_units(price)
    assert Budget(units=5).in_units(None) == 5


@settings(max_examples=60)
@given(
    st.integers(0, 30),
    st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8), st.integers(0, 3)), max_size=12),
)
def test_never_more_is_held_and_spent_than_there_is(limit: int, wishes: list[tuple[int, int, int]]) -> None:
    purse, paid = Purse(limit), list[int]()

    async def ask(wanted: int, cost: int, turns: int) -> None:
        taken = await purse.take(wanted)
        assert 1 <= taken <= wanted
        assert purse.spent + purse.held <= limit
        for _ in range(turns):
            await asyncio.sleep(0)
        paid.append(min(cost, taken))
        purse.settle(taken, paid[-1])

    async def everybody() -> list[BaseException | None]:
        return await asyncio.wait_for(asyncio.gather(*(ask(*wish) for wish in wishes), return_exceptions=True), 10)

    ended = [one for one in asyncio.run(everybody()) if one is not None]
    assert all(isinstance(one, Stop) for one in ended)
    assert (purse.spent, purse.held) == (sum(paid), 0)
    assert not ended or purse.spent == limit, "who is told that the budget is spent finds nothing left"


def test_who_finds_everything_held_waits_for_what_comes_back() -> None:
    async def session() -> tuple[int, list[int]]:
        purse = Purse(12, spent=7)
        first = await purse.take(16)
        others = [asyncio.create_task(purse.take(2)) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(other.done() for other in others)
        purse.settle(first, 0)  # it was not charged
        return first, await asyncio.gather(*others)

    assert asyncio.run(session()) == (5, [2, 2])


def test_without_a_limit_everybody_has_what_is_wanted() -> None:
    async def session() -> list[int]:
        purse = Purse(None, spent=10**9)
        return [await purse.take(wanted) for wanted in (1, 16, 1000)]

    assert asyncio.run(session()) == [1, 16, 1000]


def test_what_was_spent_before_counts_and_a_smaller_budget_stops_at_once() -> None:
    with pytest.raises(Stop, match=r"expected at most 1,000 units; received 1,234 spent"):
        asyncio.run(Purse(1000, spent=1234).take(1))
