"""What more answers are worth, in words and as a figure."""

from __future__ import annotations

from pathlib import Path

from joryu.evaluation import summarise
from joryu.report.figures import save_figure
from joryu.report.plots import lines
from joryu.report.wording import plural, quantity
from joryu.training.worth import LOSS, Worth


def worth_in_words(found: Worth, more: int) -> str:
    """A table of errors by number of answers, and what ``more`` answers are expected to bring, for a terminal.

    Raises:
        InputError: they are more than the curve can be followed to.
    """
    judge = "their teacher's answers" if found.by_teacher else "labels"
    head = (
        f"error by {found.measure}, on {found.judged:,} examples that taught nobody, judged by {judge};"
        f" {found.steps:,} steps for every size"
    )
    rows = [f"{'answers':>12}  {'error':>10}  95 % interval over draws"]
    for size, row in found.errors.items():
        spread = summarise(row)
        ends = "" if spread.low is None else f"{quantity(max(0.0, spread.low))} to {quantity(spread.high)}"
        rows.append(f"{size:>12,}  {quantity(spread.mean):>10}  {ends}")
    return "\n".join([head, *rows, expected_in_words(found, more)])


def expected_in_words(found: Worth, more: int) -> str:
    """What ``more`` answers are expected to bring, or why nothing is said of it."""
    if found.curve is None:
        return f"nothing is said of {plural(more, 'more answer')}: {found.untold}"
    gain, then = found.curve.gain(more), found.curve.predict(found.largest + more)
    cost = f"; they cost {more * found.price:,.2f} in the store's currency" if found.price else ""
    law = f"error = {found.curve.a:.3g} · n^-{found.curve.b:.3g} + {found.curve.c:.3g}"
    return (
        f"{law}\nthe next {plural(more, 'answer')}: the error falls by {quantity(gain.value)}"
        f" ({quantity(gain.low)} to {quantity(gain.high)}), to {quantity(then.value)}"
        f" ({quantity(then.low)} to {quantity(then.high)}){cost}"
    )


def draw_worth(found: Worth, path: Path) -> Path:
    """The measured errors with their intervals, and the curve where there is one, as an SVG; returns its path."""
    name = found.measure if found.measure == LOSS else f"error by {found.measure}"
    series: dict[str, dict[float, list[float]]] = {"measured": dict(found.errors.items())}
    if found.curve is not None:
        series["curve"] = {size: [found.curve.at(size)] for size in (*found.errors, 2 * found.largest)}
    return save_figure(lines(series, levels={}, axes_labels=("answers", name), log_x=True), path)
