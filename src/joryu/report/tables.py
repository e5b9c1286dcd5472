"""Markdown tables of results: *published*, *ours* and *twin* side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from joryu.errors import InputError
from joryu.evaluation import Summary
from joryu.report.wording import ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One line of a results table.

    ``published`` is the paper's number (or text); ``ours`` and ``twin`` are summaries over seeds. ``digits`` is the
    number of decimals of ours and twin; ``unit`` is appended to every number.
    """

    name: str
    published: float | str | None = None
    ours: Summary | None = None
    twin: Summary | None = None
    digits: int = 1
    unit: str = ""


def results_table(rows: Sequence[ResultRow], *, first: str = "", twin: str = "twin") -> str:
    """A Markdown table: each row has the published number, ours and the twin's as mean ± standard deviation over seeds.

    ``first`` is the header of the first column, ``twin`` that of the last, which is left out if no row has a twin.

    >>> from joryu.evaluation import summarise
    >>> row = ResultRow(name="test errors", published=74, ours=summarise([70, 74, 72]))
    >>> print(results_table([row]))
    |             | published | ours (3 seeds) |
    | :---------- | --------: | -------------: |
    | test errors |        74 |     72.0 ± 2.0 |

    Raises:
        InputError: there is no row.
    """
    if not rows:
        raise InputError("a results table needs rows", expected="at least one", received=0)
    seeds = sorted({len(row.ours.values) for row in rows if row.ours is not None})
    ours = "ours"
    if seeds:
        span = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]}–{seeds[-1]}"
        ours = f"ours ({span} seed{'' if span == '1' else 's'})"
    header = [first, "published", ours, twin]
    body = [[row.name, as_published(row), with_spread(row.ours, row), with_spread(row.twin, row)] for row in rows]
    if all(row.twin is None for row in rows):
        header, body = header[:3], [line[:3] for line in body]
    return markdown_table(header, body)


def with_spread(summary: Summary | None, row: ResultRow) -> str:
    """``mean ± standard deviation`` with the row's digits and unit; for a single seed the value alone."""
    if summary is None:
        return ABSENT
    mean = f"{summary.mean:.{row.digits}f}"
    spread = "" if summary.sd is None else f" ± {summary.sd:.{row.digits}f}"
    return f"{mean}{spread}{row.unit}"


def as_published(row: ResultRow) -> str:
    """The published number with the row's unit, or the published text."""
    if row.published is None:
        return ABSENT
    return row.published if isinstance(row.published, str) else f"{row.published:.15g}{row.unit}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A GitHub-flavoured Markdown table, padded so that it also reads as text.

    The first ``left`` columns are aligned to the left, the others to the right.

    >>> print(markdown_table(["width", "errors"], [["30", "1,204"], ["300 | 800", "146"]]))
    | width      | errors |
    | :--------- | -----: |
    | 30         |  1,204 |
    | 300 \\| 800 |    146 |

    Raises:
        InputError: a row has more or fewer cells than the header.
    """
    if any(len(row) != len(header) for row in rows):
        raise InputError(
            "a table's rows must fit its header", expected=f"{len(header)} cells", received=[len(row) for row in rows]
        )
    cells = [[_cell(text) for text in line] for line in (header, *rows)]
    widths = [max(3, *(len(line[column]) for line in cells)) for column in range(len(header))]
    rule = [":" + "-" * (n - 1) if column < left else "-" * (n - 1) + ":" for column, n in enumerate(widths)]
    lines = [cells[0], rule, *cells[1:]]
    return "\n".join(f"| {' | '.join(_padded(line, widths, left))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(re.split(r"\r\n|\r|\n", text)).replace("|", "\\|")


def _padded(line: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    return [
        text.ljust(width) if column < left else text.rjust(width)
        for column, (text, width) in enumerate(zip(line, widths, strict=True))
    ]
