"""`report_run` and `evaluate_run`: a run's page and its numbers, written to disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from joryu.report.assemble import assemble
from joryu.report.data import ReportData
from joryu.report.facts import first_words
from joryu.report.findings import Findings, find, report_numbers
from joryu.report.judges import OWN_TEST_PART, Judges
from joryu.report.page import write_report
from joryu.training.checkpoint import write_json


def evaluate_run(folder: Path | str, judges: Judges = OWN_TEST_PART) -> dict[str, Any]:
    """Measure a run's models and write ``evaluation.json`` into it; returns its content.

    Raises:
        InputError, MismatchError: as `assemble`.
    """
    folder = Path(folder)
    data = assemble(folder, judges)
    numbers = _numbers(data, find(data))
    write_json(folder / "evaluation.json", numbers)
    return numbers


def report_run(
    folder: Path | str,
    judges: Judges = OWN_TEST_PART,
    *,
    out: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> tuple[Path, str]:
    """Write ``report.html`` and ``evaluation.json`` into the run; returns the page and its headline in words.

    With ``out`` the page is written there, its numbers beside it as ``NAME-numbers.json``, and the run, which may
    be one that cannot be written, is left as it is. ``warn`` is called with each of the page's warnings.

    Raises:
        InputError, MismatchError: as `assemble`.
    """
    folder = Path(folder)
    data = assemble(folder, judges)
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


def _headline(findings: Findings) -> str:
    said = first_words(findings)
    return f"{said.title}. {said.detail}"


def _numbers(data: ReportData, findings: Findings) -> dict[str, Any]:
    return {"headline": _headline(findings)} | report_numbers(data, findings)
