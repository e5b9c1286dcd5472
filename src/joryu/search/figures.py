"""Coordinates of a sweep's figures, in SVG units; ``templates/sweep.html.j2`` draws them as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from joryu.report.scales import Scale, Tick, linear_ticks, log_ticks
from joryu.report.wording import quantity, tick_texts
from joryu.search.record import Confirmation, SweepRecord, TrialRecord
from joryu.search.space import Choices, Range, spoken

WIDE, HIGH = 420, 300  #: the size of a figure
LEFT, RIGHT, TOP, BOTTOM = 58, 404, 16, 256  #: where its axes are


class Axis(NamedTuple):
    """A setting along one side of a figure."""

    name: str
    title: str
    part: Range | Choices
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The position of a value; choices stand at equal distances."""
        at = min(max(self.part.share(value), 0.0), 1.0)
        return round(self.start + at * (self.end - self.start), 2)

    @property
    def ticks(self) -> list[Tick]:
        """Round values, or the choices themselves."""
        if isinstance(self.part, Choices):
            return [Tick(self(value), f"{value:g}") for value in self.part.values]
        low, high = self.part.low, self.part.high
        values = log_ticks(low, high) if self.part.log else linear_ticks(low, high)
        if self.part.whole:
            values = [value for value in values if value.is_integer()]
        return [Tick(self(value), text) for value, text in zip(values, tick_texts(values), strict=True)]


class Point(NamedTuple):
    """One trial; ``kind`` is finished, pruned or diverged, ``strength`` 0 for the worst score and 100 for the best."""

    x: float
    y: float
    kind: str
    strength: int
    chosen: bool
    alike: bool
    text: str


class Map(NamedTuple):
    """Trials over two settings, with the box around those that cannot be told from the chosen one."""

    across: Axis
    up: Axis
    points: list[Point]
    box: tuple[float, float, float, float] | None
    description: str


class Line(NamedTuple):
    """One trial through all axes."""

    path: str
    strength: int
    chosen: bool
    text: str


class Parallel(NamedTuple):
    """Parallel coordinates: an axis for each setting, and the score as the last, its best end up."""

    axes: list[tuple[str, float, list[Tick]]]
    lines: list[Line]
    description: str


class Whisker(NamedTuple):
    """A confirmed point: its mean and interval, and a dot for every seed."""

    label: str
    text: str
    low: float
    mean: float
    high: float
    dots: list[float]
    chosen: bool


def settings_map(record: SweepRecord) -> Map | None:
    """The trials over temperature and hard weight, or over the first two settings; ``None`` with a single one."""
    names = list(record.space.parts)
    if len(names) < 2:
        return None
    both = ["temperature", "hard_weight"]
    first, second = both if set(both) <= set(names) else names[:2]
    across, up = _axis(record, first, LEFT, RIGHT), _axis(record, second, BOTTOM, TOP)
    alike = set(record.plateau.trials) if record.plateau else set()
    points = [
        Point(
            across(one.values[first]),
            up(one.values[second]),
            one.state,
            _strength(one, record),
            chosen=record.chosen is not None and record.chosen.trial == one.trial,
            alike=one.trial in alike,
            text=tooltip(one, record),
        )
        for one in reversed(_drawn(record))  # the best is drawn last, over the others
    ]
    box = None
    if record.plateau is not None:
        (left, right), (bottom, top) = record.plateau.spans[first], record.plateau.spans[second]
        x, y = across(left) - 7, up(top) - 7
        box = (x, y, across(right) + 7 - x, up(bottom) + 7 - y)
    words = f"{len(points)} trials over {across.title} and {up.title}"
    return Map(across, up, points, box, words)


def parallel(record: SweepRecord) -> Parallel | None:
    """The finished trials as lines through an axis for each setting and one for the score; ``None`` for less than 2."""
    finished = record.finished()
    if len(finished) < 2:
        return None
    names = list(record.space.parts)
    step = (RIGHT - LEFT) / len(names)
    at = {name: round(LEFT + step * place, 1) for place, name in enumerate(names)}
    axes = {name: _axis(record, name, BOTTOM - 14, TOP + 20) for name in names}
    scores = [one.score or 0.0 for one in finished]
    low, high = min(scores), max(scores)
    span = (low, high) if high > low else (low, low + 1)
    ends = (TOP + 20, BOTTOM - 14) if record.score.lower else (BOTTOM - 14, TOP + 20)
    scored = Scale(*span, *ends)
    lines = []
    for one in reversed(finished):
        places = [(at[name], axes[name](one.values[name])) for name in names] + [(RIGHT, scored(one.score or 0.0))]
        chosen = record.chosen is not None and record.chosen.trial == one.trial
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
        lines.append(Line(path, _strength(one, record), chosen, tooltip(one, record)))
    lines.sort(key=lambda line: line.chosen)
    drawn = [(axes[name].title, at[name], axes[name].ticks) for name in names]
    drawn.append((record.score.name, RIGHT, [Tick(scored(value), quantity(value)) for value in sorted({low, high})]))
    words = f"{len(finished)} trials through {', '.join(spoken(name) for name in names)} to the {record.score.name}"
    return Parallel(drawn, lines, words)


def whiskers(record: SweepRecord) -> tuple[list[Whisker], list[Tick]]:
    """The confirmed points with their intervals on one axis, from x = 16 to 404, and its ticks."""
    if not record.confirmed:
        return [], []
    every = [value for one in record.confirmed for value in _ends(one)]
    margin = 0.08 * (max(every) - min(every)) or 1.0
    x = Scale(min(every) - margin, max(every) + margin, 16, RIGHT)
    chosen = None if record.chosen is None else record.chosen.trial
    found = []
    for one in record.confirmed:
        spread = one.over_seeds
        low, high = (spread.mean if end is None else end for end in (spread.low, spread.high))
        label, text = f"trial {one.trial}", f"{quantity(spread.mean)} ({quantity(low)} to {quantity(high)})"
        found.append(
            Whisker(label, text, x(low), x(spread.mean), x(high), [x(v) for v in one.scores], one.trial == chosen)
        )
    ticks = linear_ticks(x.low, x.high)
    return found, [Tick(x(value), text) for value, text in zip(ticks, tick_texts(ticks), strict=True)]


def tooltip(trial: TrialRecord, record: SweepRecord) -> str:
    """A trial as the text of a tooltip."""
    point = ", ".join(f"{spoken(name)} {value:g}" for name, value in trial.values.items())
    outcome = trial.why or trial.state if trial.score is None else f"{record.score.name} {quantity(trial.score)}"
    return f"trial {trial.trial}: {point}: {outcome}"


def _ends(one: Confirmation) -> list[float]:
    found = [*one.scores, one.over_seeds.mean, one.over_seeds.low, one.over_seeds.high]
    return [value for value in found if value is not None]


def _axis(record: SweepRecord, name: str, start: float, end: float) -> Axis:
    return Axis(name, spoken(name), record.space.parts[name], start, end)


def _drawn(record: SweepRecord) -> Sequence[TrialRecord]:
    """The best first, then what has no score."""
    rest = [one for one in record.trials if one.state in {"pruned", "diverged"} and one.same_as is None]
    return [*record.finished(), *rest]


def _strength(trial: TrialRecord, record: SweepRecord) -> int:
    """By rank, so that one bad trial does not make all others look alike."""
    ranked = [one.trial for one in record.finished()]
    if trial.trial not in ranked:
        return 0
    return round(100 * (1 - ranked.index(trial.trial) / max(1, len(ranked) - 1)))
