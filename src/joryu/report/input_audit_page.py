"""`write_input_audit`: one self-contained page that shows examples as a teacher sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor

from joryu.examples import Examples
from joryu.examples.decoding import decode_picture
from joryu.questions import Link
from joryu.report.page import environment, write_page
from joryu.report.pictures import are_pictures, thumbnail_uri
from joryu.report.wording import number, percent
from joryu.teachers.input_audit import InputAudit, Said

SIDE: Final = 160  #: a picture's longer side, in pixels
COLUMNS: Final = 40  #: the most columns of a table shown
_BINS: Final = 48
_LEGIBLE: Final = 60  #: values across, beyond which marks at -3, 0 and 3 would lie on one another
_WIDTH, _HEIGHT = 480.0, 60.0  #: of the histogram's drawing


class Sight(NamedTuple):
    """One example: its pictures (as data URIs), its name, its label and the answers, in words."""

    name: str
    original: str
    back: str
    stretched: str
    label: str | None
    answers: tuple[tuple[str, str], ...]


class Histogram(NamedTuple):
    """How often values come: bars ``(x, y, width, height)``, marks ``(x, text)`` and the two ends."""

    bars: list[tuple[float, float, float, float]]
    marks: list[tuple[float, str]]
    least: str
    most: str


def write_input_audit(seen: Sequence[InputAudit], examples: Examples, path: Path | str) -> Path:
    """Write the page about one or several teachers to ``path``; ``examples`` are those that `audit_inputs` was given.

    Beside each original picture stands what the teacher takes, drawn twice: turned back into pixels by the teacher's
    own statement, and as it is, the least value of all shown black and the largest white. The page needs no network
    and runs no script.

    Raises:
        InputError, JoryuError: as `joryu.report.page.write_page`.
    """
    return write_page(render_input_audit(seen, examples), path, usual="seen.html")


def render_input_audit(seen: Sequence[InputAudit], examples: Examples) -> str:
    """The HTML of `write_input_audit`."""
    pictures = are_pictures(examples.inputs)
    rows = {one.rows: _originals(examples, one.rows) if pictures else [] for one in seen}
    views = [
        {
            "seen": one, "sights": _sights(one, examples, rows[one.rows]), "histogram": histogram(one),
            "channels": one.channels[:COLUMNS], "more_channels": max(0, len(one.channels) - COLUMNS),
            "table": [] if pictures else one.taken.values.flatten(1)[:, :COLUMNS].tolist(),
        }
        for one in seen
    ]  # fmt: skip
    doubts = sum(len(one.doubts) for one in seen)
    return (
        environment()
        .get_template("input_audit.html.j2")
        .render(name=examples.name, views=views, pictures=pictures, doubts=doubts)
    )


def histogram(seen: InputAudit) -> Histogram:
    """How often the values of the sample come, all channels together."""
    values = seen.values.flatten()
    values = values[values.isfinite()]
    if not len(values):
        return Histogram([], [], "–", "–")
    least, most = float(values.min()), float(values.max())
    span = most - least or 1.0
    counts = torch.histc(values, _BINS, least, least + span)
    tallest = float(counts.max()) or 1.0
    step = _WIDTH / _BINS
    heights = [_HEIGHT * one / tallest for one in counts.tolist()]
    bars = [
        (round(at * step, 1), round(_HEIGHT - height, 1), round(step - 1, 1), round(height, 1))
        for at, height in enumerate(heights)
        if height
    ]
    marked = (-3, 0, 3) if seen.taken.said.is_normalised and span < _LEGIBLE else ()
    marks = [
        (round((at - least) / span * _WIDTH, 1), f"{at:+d}" if at else "0") for at in marked if least <= at <= most
    ]
    return Histogram(bars, marks, f"{least:.4g}", f"{most:.4g}")


def _originals(examples: Examples, rows: Sequence[int]) -> list[Tensor]:
    """The pictures as they lie in their files; those that lie in none, as they were given."""
    if examples.originals is None:
        return [examples.inputs[row] for row in rows]
    return [torch.from_numpy(decode_picture(one)) for one in examples.encoded(list(rows))]


def _sights(seen: InputAudit, examples: Examples, originals: Sequence[Tensor]) -> list[Sight]:
    named = [f"#{row}" if examples.sources is None else examples.sources[row] for row in seen.rows]
    labels = [one.label for one in seen.said]
    answers = [_in_words(one, seen) for one in seen.said]
    if not originals:
        return [Sight(name, "", "", "", label, said) for name, label, said in zip(named, labels, answers, strict=True)]
    drawn = (originals, seen.taken.pixels(), stretched(seen.taken.values))
    pictures = [[thumbnail_uri(one, SIDE) for one in kind] for kind in drawn]
    return [Sight(*each) for each in zip(named, *pictures, labels, answers, strict=True)]


def stretched(values: Tensor) -> Tensor:
    """Values as pixels, the least black and the largest white.

    >>> stretched(torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 3)).flatten().tolist()
    [0, 128, 255]
    """
    values = values.nan_to_num()
    least, most = values.min(), values.max()
    return ((values - least) / (most - least).clamp_min(1e-12) * 255).round().to(torch.uint8)


def _in_words(said: Said, seen: InputAudit) -> tuple[tuple[str, str], ...]:
    write = number if seen.link is Link.IDENTITY else percent
    return tuple((name, write(value)) for name, value in said.answers)
