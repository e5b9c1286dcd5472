"""Numbers as text for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from joryu.examples.overview_text import plural as plural  # noqa: PLC0414 - one of the words that pages need

ABSENT = "–"  #: shown where there is no number
_SPACE = "\u00a0"  # a number and its unit stay on one line


def count(value: int | None) -> str:
    """A whole number with separated thousands.

    >>> count(1797), count(None)
    ('1,797', '–')
    """
    return ABSENT if value is None else f"{value:,}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share (0..1) as a percentage.

    >>> percent(0.4189).replace(chr(160), " "), percent(None)
    ('41.9 %', '–')
    """
    return ABSENT if share is None else f"{100 * share:.{digits}f}{_SPACE}%"


def number(value: float | None, digits: int = 3) -> str:
    """A plain number with a fixed number of decimals.

    >>> number(0.04567), number(None)
    ('0.046', '–')
    """
    return ABSENT if value is None else f"{value:.{digits}f}"


def quantity(value: float | None) -> str:
    """A number of any size with three significant digits; from 1,000 on a whole number.

    >>> quantity(0.03124), quantity(2853.4), quantity(-61.25), quantity(0.0), quantity(None)
    ('0.0312', '2,853', '−61.2', '0', '–')
    """
    if value is None:
        return ABSENT
    size, value = abs(value), value + 0.0  # -0.0 becomes 0.0
    text = f"{value:,.0f}" if 999.5 <= size < 1e9 - 0.5 else f"{value:.3g}"  # what rounds to 1e9 is said so
    return text.replace("-", "−")


def tick_texts(values: Sequence[float]) -> list[str]:
    """The texts of an axis' ticks: short, unless two different numbers would then have the same text.

    >>> tick_texts([0.0, 250_000.0, 500_000.0]), tick_texts([1e6, 2.5e6]), tick_texts([2e-5, 5e9])
    (['0', '250k', '500k'], ['1M', '2.5M'], ['2e−5', '5e9'])
    >>> tick_texts([1_234_500.0, 1_234_600.0])
    ['1,234,500', '1,234,600']
    """
    short = [text for value in values if (text := _short_number(value)) is not None]
    return short if len(short) == len(values) else [quantity(value) for value in values]


def _short_number(value: float) -> str | None:
    """A number in a few characters; ``None`` if that would round it."""
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-3:
        digits, power = f"{value:.2e}".split("e")
        text, worth = f"{float(digits):g}e{int(power)}", float(f"{value:.2e}")
    elif size >= 1e6:
        text, worth = f"{value / 1e6:.4g}M", float(f"{value / 1e6:.4g}") * 1e6
    elif size >= 1e4:
        text, worth = f"{value / 1e3:.4g}k", float(f"{value / 1e3:.4g}") * 1e3
    else:
        return quantity(value)
    return text.replace("-", "−") if math.isclose(worth, value, rel_tol=1e-6) else None


def measured(value: float | None, unit: str) -> str:
    """A measure in its unit: shares with three decimals, everything else with three significant digits.

    >>> measured(0.83126, "share"), measured(53.214, ""), measured(None, "share")
    ('0.831', '53.2', '–')
    """
    return number(value) if unit == "share" else quantity(value)


def size(value: int | None) -> str:
    """A number of bytes in decimal units (KB = 1000 B).

    >>> [size(n).replace(chr(160), " ") for n in (512, 41_500, 3_210_000)]
    ['512 B', '41.5 KB', '3.21 MB']
    """
    if value is None:
        return ABSENT
    amount, units = float(value), ["B", "KB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f}{_SPACE}B" if units[0] == "B" else f"{quantity(amount)}{_SPACE}{units[0]}"


def duration(milliseconds: float | None) -> str:
    """A latency, given in milliseconds, with three significant digits.

    >>> [duration(t).replace(chr(160), " ") for t in (0.0421, 1.234, 41.99, 1234.0)]
    ['42.1 µs', '1.23 ms', '42 ms', '1.23 s']
    """
    if milliseconds is None:
        return ABSENT
    for scale, unit in ((1000.0, "µs"), (1.0, "ms")):
        if milliseconds * scale < 999.5:  # what rounds to a thousand is one of the next unit
            return f"{milliseconds * scale:.3g}{_SPACE}{unit}"
    return f"{quantity(milliseconds / 1000)}{_SPACE}s"


def errors(value: float) -> str:
    """A number of errors, which may be fractional: one decimal below ten, none above.

    >>> errors(17.62), errors(0.94), errors(-3.0)
    ('18', '0.9', '−3.0')
    """
    text = f"{value:.{1 if abs(value) < 9.95 else 0}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def p_value(value: float) -> str:
    """A p-value with its sign of equality.

    >>> [p_value(p).replace(chr(160), " ") for p in (0.052479, 1e-9, 0.7)]
    ['p = 0.052', 'p < 0.0001', 'p = 0.70']
    """
    if value < 1e-4:
        return f"p{_SPACE}<{_SPACE}0.0001"
    digits = 2 if value >= 0.1 else 1 - math.floor(math.log10(value))
    return f"p{_SPACE}={_SPACE}{value:.{digits}f}"


def ratio(value: float) -> str:
    """A factor: two significant digits below ten, a whole number above.

    >>> ratio(13.62), ratio(5.248)
    ('14×', '5.2×')
    """
    return f"{value:,.{1 if value < 9.95 else 0}f}×"


def short(name: str, longest: int) -> str:
    """A name shortened to ``longest`` characters, cut in the middle, where similar names differ least.

    >>> short("alphabet/character19", 12), short("cat", 12)
    ('alphab…ter19', 'cat')
    """
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return f"{name[: longest - 1 - tail]}…{name[len(name) - tail :]}"
