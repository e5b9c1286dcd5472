"""`report_run`, `report_runs` and `evaluate_run`: write pages and their numbers to disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from joryu.errors import InputError
from joryu.report.assemble import assemble
from joryu.report.data import ReportData
from joryu.report.evaluation_set import OWN_TEST_PART, EvaluationSet
from joryu.report.facts import first_words
from joryu.report.findings import Findings, find, report_numbers
from joryu.report.page import write_page, write_report
from joryu.report.several import Entrant, render_several, several_numbers, title_of
from joryu.training.checkpoint import write_json


def evaluate_run(folder: Path | str, evaluation_set: EvaluationSet = OWN_TEST_PART) -> dict[str, Any]:
    """Evaluate a run's models and write ``evaluation.json`` into the run folder; returns its content.

    ``evaluation_set`` chooses the examples to evaluate on; without it they are the run's own test part.

    Raises:
        InputError, MismatchError: as `assemble`.
    """
    folder = Path(folder)
    data = assemble(folder, evaluation_set)
    numbers = _numbers(data, find(data))
    write_json(folder / "evaluation.json", numbers)
    return numbers


def report_run(
    folder: Path | str,
    evaluation_set: EvaluationSet = OWN_TEST_PART,
    *,
    out: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> tuple[Path, str]:
    """Write ``report.html`` and ``evaluation.json`` into the run folder; returns the page's path and its headline.

    ``evaluation_set`` chooses the examples to evaluate on; without it they are the run's own test part. With ``out``
    the page is written there and its numbers beside it as ``NAME-numbers.json``; nothing is written into the run
    folder, which may be read-only. ``warn`` is called with each of the page's warnings.

    Raises:
        InputError, MismatchError: as `assemble`.
    """
    folder = Path(folder)
    data = assemble(folder, evaluation_set)
    findings = find(data)
    page = write_report(data, Path(out) if out else folder / "report.html", findings)
    write_json(
        page.with_name(f"{page.stem}-numbers.json") if out else folder / "evaluation.json",
        _numbers(data, findings),
    )
    if warn is not None:
        for warning in data.warnings:
            warn(warning)
    return page, _headline(findings)


def report_runs(
    folders: Sequence[Path | str],
    evaluation_set: EvaluationSet = OWN_TEST_PART,
    *,
    out: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> tuple[Path, str]:
    """Write one page about several runs to ``out``, and its numbers beside it; returns the page's path and title.

    All runs must answer the same question and be evaluated on the same examples. If their own test parts differ,
    ``evaluation_set`` must name the examples. A single run is passed on to `report_run`.

    Raises:
        InputError: several runs without ``out``, a run named twice, or as `assemble`.
        MismatchError: the runs cannot be compared, or as `assemble`.
    """
    paths = [Path(folder) for folder in folders]
    if len(paths) == 1:
        return report_run(paths[0], evaluation_set, out=out, warn=warn)
    if out is None:
        raise InputError("a page about several runs needs a place of its own", hint="try --out comparison.html")
    entrants: list[Entrant] = []
    for name, folder in zip(_names(paths), paths, strict=True):
        data = assemble(folder, evaluation_set)
        if entrants and data.question.answer == entrants[0].run.question.answer:
            data = replace(data, units=entrants[0].run.units)  # errors are paired across runs, too
        entrants.append(Entrant(name=name, run=data, findings=find(data)))
        if warn is not None:
            for warning in data.warnings:
                warn(f"{name}: {warning}")
    page = write_page(render_several(entrants), Path(out), usual="comparison.html")
    write_json(page.with_name(f"{page.stem}-numbers.json"), several_numbers(entrants))
    return page, title_of(entrants)


def _names(folders: Sequence[Path]) -> list[str]:
    """The names of the folders; their paths as they were typed if two have the same name."""
    places = [folder.resolve() for folder in folders]
    if len(set(places)) < len(places):
        twice = next(folder for folder, place in zip(folders, places, strict=True) if places.count(place) > 1)
        raise InputError("a run is named twice", received=twice, hint="name each run once")
    names = [place.name for place in places]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _headline(findings: Findings) -> str:
    said = first_words(findings)
    return f"{said.title}. {said.detail}"


def _numbers(data: ReportData, findings: Findings) -> dict[str, Any]:
    return {"headline": _headline(findings)} | report_numbers(data, findings)
