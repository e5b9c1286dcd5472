"""`write_sweep_page`: one self-contained HTML page about a sweep."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import ChoiceLoader, Environment, PackageLoader

from joryu.report.page import environment, write_page
from joryu.report.wording import ABSENT, plural, quantity
from joryu.search.command import explicit_command
from joryu.search.figures import parallel, settings_map, whiskers
from joryu.search.findings import ENOUGH
from joryu.search.record import Spread, SweepRecord, TrialRecord
from joryu.search.sampling import BEFORE_PRUNING, STARTUP, UNPRUNED
from joryu.search.setup import described_point
from joryu.search.space import spoken
from joryu.search.words import CONDITIONAL, best_of_command, ended, headline, notes, over_seeds

FILE = "sweep.html"


class TrialRow(NamedTuple):
    """A row of the table of trials."""

    trial: int
    cells: list[str]
    ended: str
    chosen: bool


class ConfirmedRow(NamedTuple):
    """A row of the table of confirmed points."""

    point: str
    mean: str
    interval: str
    behind: str


def write_sweep_page(record: SweepRecord, folder: Path) -> Path:
    """Write the page of a sweep into its folder; returns its path. It runs no script and needs no network.

    Raises:
        JoryuError: the file cannot be written; an earlier page is kept.
    """
    return write_page(render_sweep(record, folder), folder / FILE)


def render_sweep(record: SweepRecord, folder: Path) -> str:
    """The HTML of `write_sweep_page`."""
    measures = [name for name in _measures(record) if name != record.score.key]
    drawn, ticks = whiskers(record)
    content = record.model_dump_json(indent=1).encode()
    return _environment().get_template("sweep.html.j2").render(
        record=record, name=folder.resolve().name, title=_title(record), lede=_lede(record), callouts=notes(record),
        facts=_facts(record), map=settings_map(record), threads=parallel(record), whiskers=drawn, ticks=ticks,
        interval=headline(record).partition(": ")[2], confirmed=_confirmed(record), conditional=CONDITIONAL,
        importance=[(spoken(name), share) for name, share in (record.importance or {}).items()], enough=ENOUGH,
        settings=[spoken(name) for name in record.space.parts],
        rows=[_row(one, record, measures) for one in record.trials],
        measures=[spoken(name).removeprefix("validation ") for name in measures], best_of=best_of_command(folder),
        explicit=explicit_command(record), definitions=_definitions(record),
        numbers_base64=base64.b64encode(content).decode("ascii"),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    """The report's templates, filters and style, and the sweep's own template."""
    loaders = [PackageLoader("joryu.search"), environment().loader]
    return environment().overlay(loader=ChoiceLoader([one for one in loaders if one is not None]))


def _title(record: SweepRecord) -> str:
    if record.chosen is None:
        return "Nothing has finished yet"
    point = described_point(record.chosen.values)
    return point[0].upper() + point[1:]


def _lede(record: SweepRecord) -> str:
    if record.chosen is None:
        return headline(record)
    best = over_seeds(record.confirmed[0]) if record.confirmed else f"{quantity(record.chosen.score)} by one seed"
    return (
        f"{record.score.name.capitalize()} {best}, trial {record.chosen.trial} of {len(record.trials)},"
        f" student {record.chosen.student}. Points were compared by validation alone, and the best of many looks"
        " better than it is: judge the student by the test part, which no trial has seen."
    )


def _facts(record: SweepRecord) -> list[tuple[str, str]]:
    states = [one.state for one in record.trials]
    seconds = sum(one.seconds or 0.0 for one in record.trials)
    found = [
        (f"{len(states)} of {record.budget}", "trials"),
        (f"{states.count('finished')}", "finished"),
        (f"{states.count('pruned')}", "stopped by the median"),
        (f"{states.count('diverged')}", "diverged"),
        (f"{seconds:,.0f} s", "of training the finished trials"),
    ]
    return [(value, caption) for value, caption in found if caption != "diverged" or value != "0"]


def _measures(record: SweepRecord) -> list[str]:
    return list(dict.fromkeys(name for one in record.trials for name in one.measures))


def _row(trial: TrialRecord, record: SweepRecord, measures: list[str]) -> TrialRow:
    cells = [f"{trial.values[name]:g}" if name in trial.values else ABSENT for name in record.space.parts]
    cells += [quantity(trial.score), *(quantity(trial.measures.get(name)) for name in measures)]
    cells.append(ABSENT if trial.epoch is None else f"{trial.epoch} of {trial.epochs}")
    cells.append(ABSENT if trial.seconds is None else f"{trial.seconds:.1f}")
    chosen = record.chosen is not None and record.chosen.trial == trial.trial
    return TrialRow(trial.trial, cells, _how(trial, record, chosen=chosen), chosen)


def _how(trial: TrialRecord, record: SweepRecord, *, chosen: bool) -> str:
    words = [f"{ended(trial)}: {trial.why}" if trial.why else ended(trial)]
    if chosen:
        words.append("chosen")
    elif record.plateau is not None and trial.trial in record.plateau.trials:
        words.append("not told from the chosen one")
    if trial.attempts > 1:
        words.append(f"interrupted {plural(trial.attempts - 1, 'time')}")
    return ", ".join(words)


def _confirmed(record: SweepRecord) -> list[ConfirmedRow]:
    values = {one.trial: described_point(one.values) for one in record.trials}
    return [
        ConfirmedRow(
            f"trial {one.trial}: {values[one.trial]}", quantity(one.over_seeds.mean), _interval(one.over_seeds),
            ABSENT if one.behind is None else f"{quantity(one.behind.mean)} ({_interval(one.behind)})",
        )
        for one in record.confirmed
    ]  # fmt: skip


def _interval(spread: Spread) -> str:
    return ABSENT if spread.low is None else f"{quantity(spread.low)} to {quantity(spread.high)}"


def _definitions(record: SweepRecord) -> list[tuple[str, str]]:
    request: dict[str, Any] = record.request
    samplers = {
        "tpe": f"tree-structured Parzen estimators (Bergstra et al. 2011), after {STARTUP} trials at random",
        "random": "independent random draws",
    }
    pruners = {
        "median": f"the median of {BEFORE_PRUNING} or more finished trials at the same epoch,"
        f" after 1/{UNPRUNED} of the epochs",
        "none": "no trial is stopped early",
    }
    found = [
        ("Score", f"{record.score.name} of the epoch that a trial keeps, on the same validation part for all; the"
         " teacher's answers at T = 1 judge where there are no labels"),
        ("Sampler", f"{samplers[request['sampler']]}; seeded by {request['recipe']['seed']} and the trial's number"),
        ("Pruner", pruners[request["pruner"]]),
        ("Searched", "; ".join(f"{spoken(name)} {part}" for name, part in record.space.parts.items())),
        ("Held fixed", json.dumps({**request["setup"], **request["recipe"]})),
    ]  # fmt: skip
    if record.plateau is not None:
        found.append((
            "Not told from the chosen one",
            f"behind it by at most {quantity(record.plateau.within)} at the sweep's seed: t times the pooled standard"
            " deviation, from seed to seed, of the differences between the confirmed points; all trials share their"
            " first weights and order, so that they are compared in pairs",
        ))  # fmt: skip
    return found
