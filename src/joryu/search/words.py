"""What a sweep found, in plain sentences."""

from __future__ import annotations

import shlex
from pathlib import Path

from joryu.report.wording import plural, quantity
from joryu.search.record import Confirmation, Edge, SweepRecord, TrialRecord
from joryu.search.setup import described_point
from joryu.search.space import spoken, typed

CONDITIONAL = (
    "The interval holds for other first weights and orders of this student. It is conditional on the parts of the"
    " examples, on the teacher's answers and on the points that the sweep came to; of three means the best was taken,"
    " which flatters it a little."
)


def in_words(record: SweepRecord, folder: Path) -> str:
    """The outcome of a sweep in a few lines for a terminal."""
    lines = [f"{folder}: {headline(record)}", *notes(record)]
    return "\n".join([*lines, next_step(record, folder)])


def headline(record: SweepRecord) -> str:
    """The chosen point and its score."""
    if record.chosen is None:
        return f"no trial of {len(record.trials)} has finished"
    point = described_point(record.chosen.values)
    if record.confirmed:
        return f"{point}: {record.score.name} {over_seeds(record.confirmed[0])}"
    return f"{point}: {record.score.name} {quantity(record.chosen.score)}, by one seed"


def over_seeds(found: Confirmation) -> str:
    """A mean over seeds and its interval."""
    spread, n = found.over_seeds, len(found.seeds)
    ends = "" if spread.low is None else f" ({quantity(spread.low)} to {quantity(spread.high)})"
    return f"{quantity(spread.mean)}{ends} over {n} seeds"


def notes(record: SweepRecord) -> list[str]:
    """What should be known beside the chosen point."""
    found = []
    if record.chosen is not None and not record.confirmed:
        found.append("one seed says nothing about chance: --confirm 3 trains the best points again with other seeds")
    if record.plateau is not None and len(record.plateau.trials) > 1:
        spans = ", ".join(f"{spoken(name)} {low:g} to {high:g}" for name, (low, high) in record.plateau.spans.items())
        others = plural(len(record.plateau.trials) - 1, "other trial")
        found.append(f"one seed cannot tell it from {others}: {spans}")
    return found + [edge_in_words(edge, record) for edge in record.edges]


def edge_in_words(edge: Edge, record: SweepRecord) -> str:
    """That a chosen value lies at an end of what was searched, and what to search next."""
    words = f"{spoken(edge.name)} {edge.value:g} lies at the {edge.end} end of {record.space.parts[edge.name]}"
    if edge.wider is None:
        return f"{words}, beyond which there is nothing"
    return f"{words}: widen it, with --search {typed(edge.name)}={edge.wider} and another --out"


def next_step(record: SweepRecord, folder: Path) -> str:
    """What to type next."""
    if record.chosen is None:
        return f"see why in {folder / 'sweep.json'}"
    return f"next: {best_of_command(folder)}"


def best_of_command(folder: Path) -> str:
    """The command that distils the chosen point."""
    return f"joryu distill --best-of {shlex.quote(str(folder))} --out run --twin"


def ended(trial: TrialRecord) -> str:
    """How a trial ended, in a word or two."""
    return trial.state if trial.same_as is None else f"as trial {trial.same_as}"
