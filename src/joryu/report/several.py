"""One page about several runs: their models in one table, evaluated on the same examples."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from joryu.errors import InputError, MismatchError
from joryu.evaluation import Paired, compare_evaluations
from joryu.report.comparisons import comparison_numbers
from joryu.report.curves import LineChart
from joryu.report.data import ReportData, Role
from joryu.report.facts import Fact, facts, first_words
from joryu.report.findings import SCHEMA, Findings, report_numbers
from joryu.report.headline import Headline
from joryu.report.page import curves_of, environment, section_body
from joryu.report.rows import latency_note, model_rows
from joryu.report.sections import section_of
from joryu.report.wording import p_value, plural, quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One of the runs: its name, data and findings."""

    name: str
    run: ReportData
    findings: Findings


class Column(NamedTuple):
    """A column of the table: the index of the run, and the model's role in it."""

    at: int
    role: Role


class ComparisonRow(NamedTuple):
    """A row of the table: what is measured, which way is better, and a text per column."""

    name: str
    better: str
    cells: dict[Column, str]


class Block(NamedTuple):
    """The part of the page about one run."""

    name: str
    headline: Headline
    facts: list[Fact]
    lesson: str
    warnings: Sequence[str]
    command: str
    curves: list[LineChart]
    body: Markup


def require_comparable(entrants: Sequence[Entrant]) -> None:
    """Check that all runs answer the same question and were evaluated on the same examples in the same order.

    Raises:
        InputError: there are fewer than two runs.
        MismatchError: a run differs; the message names it and says in what.
    """
    if len(entrants) < 2:
        raise InputError("there is nothing to compare", expected="at least two runs", received=len(entrants))
    first = entrants[0]
    for other in entrants[1:]:
        first.run.question.require(other.run.question, mine=first.name, others=other.name)
        if first.run.labelled != other.run.labelled or not np.array_equal(
            first.run.examples.ids, other.run.examples.ids
        ):
            raise MismatchError(
                f"{first.name} and {other.name} are judged by different examples", expected=_judged_by(first.run),
                received=_judged_by(other.run), hint="name the same --examples for all",
            )  # fmt: skip


def _judged_by(run: ReportData) -> str:
    return f"{plural(len(run.examples), 'example')} of {run.examples.name} ({run.examples.fingerprint[:8]})"


def columns_of(entrants: Sequence[Entrant]) -> list[Column]:
    """The columns of all runs; a teacher that several runs share has one column, with the first of them."""
    found, teachers = [], []
    for at, entrant in enumerate(entrants):
        for role, card in entrant.run.cards.items():
            of_teacher = (card.description, card.parameters, _evaluated(entrant, role))
            if role is Role.TEACHER and of_teacher in teachers:
                continue
            if role is Role.TEACHER:
                teachers.append(of_teacher)
            found.append(Column(at, role))
    return found


def _evaluated(entrant: Entrant, role: Role) -> dict[str, Any] | None:
    found = entrant.findings.evaluations.get(role)
    return None if found is None else found.to_json()


def lines_of(entrants: Sequence[Entrant], columns: Sequence[Column]) -> list[ComparisonRow]:
    """The rows: measures, costs, then each student's improvement over the first run's."""
    found: dict[str, ComparisonRow] = {}
    for at, entrant in enumerate(entrants):
        for row in model_rows(entrant.run, entrant.findings):
            line = found.setdefault(row.name, ComparisonRow(row.name, row.better, {}))
            line.cells.update(
                {Column(at, role): text for role, text in row.cells.items() if Column(at, role) in columns}
            )
    pairs = against_first(entrants)
    if pairs:
        gains = {Column(at, Role.STUDENT): _gain(pair) for at, pair in pairs.items()}
        found["gain"] = ComparisonRow(f"Gain over the student of {entrants[0].name}, per example", "↑", gains)
    return list(found.values())


def against_first(entrants: Sequence[Entrant]) -> dict[int, Paired]:
    """The student of every further run against that of the first, paired by example; keys are indices of runs."""
    first, found = entrants[0], {}
    for at, other in enumerate(entrants[1:], 1):
        if not first.run.labelled:
            break
        try:
            found[at] = compare_evaluations(first.run.question, other.findings.of_student, first.findings.of_student)
        except InputError:  # fewer than two examples with a score
            continue
    return found


def _gain(found: Paired) -> str:
    ends = f"{quantity(found.difference_low)} to {quantity(found.difference_high)}"
    return f"{quantity(found.difference)} ({ends}; {p_value(found.p_value)})"


def several_numbers(entrants: Sequence[Entrant]) -> dict[str, Any]:
    """Every number of the page as JSON-able data: those of each run, and each student against the first one's."""
    pairs = against_first(entrants)
    return {
        "schema": SCHEMA,
        "runs": [
            {"run": entrant.name, **report_numbers(entrant.run, entrant.findings)}
            | {"student_against_first": comparison_numbers(pairs.get(at))}
            for at, entrant in enumerate(entrants)
        ],
    }


def title_of(entrants: Sequence[Entrant]) -> str:
    """The title of the page."""
    run = entrants[0].run
    return f"{plural(len(entrants), 'run')} on {plural(len(run.examples), 'example')} of {run.examples.name}"


def render_several(entrants: Sequence[Entrant]) -> str:
    """The HTML of the page about several runs.

    Raises:
        InputError, MismatchError: as `require_comparable`.
    """
    require_comparable(entrants)
    columns, numbers = columns_of(entrants), several_numbers(entrants)
    widths = [sum(column.at == at for column in columns) for at in range(len(entrants))]
    return environment().get_template("several.html.j2").render(
        title=title_of(entrants),
        blocks=[_block(at, entrant) for at, entrant in enumerate(entrants)],
        widths=widths,
        columns=columns,
        about={column: entrants[column.at].run.cards[column.role].description for column in columns},
        lines=lines_of(entrants, columns),
        latency_note=latency_note(entrants[0].run),
        definitions=section_of(entrants[0].findings).definitions,
        numbers=numbers,
        numbers_base64=base64.b64encode(json.dumps(numbers, indent=1, allow_nan=False).encode()).decode("ascii"),
    )  # fmt: skip


def _block(at: int, entrant: Entrant) -> Block:
    run, findings = entrant.run, entrant.findings
    return Block(
        name=entrant.name,
        headline=first_words(findings),
        facts=facts(run, findings),
        lesson=run.lesson,
        warnings=run.warnings,
        command=run.command,
        curves=curves_of(run, findings),
        body=section_body(run, findings, at=f"run{at + 1}-"),
    )
