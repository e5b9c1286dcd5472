"""`write_report`: a run as one self-contained HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from joryu.durable import durable_file
from joryu.errors import InputError
from joryu.evaluation import Evaluation
from joryu.report import wording
from joryu.report.answers import temperature_ladder, wrong_pictures
from joryu.report.charts import confusion_cells, learning_curves, reliability_dots, removed_interval
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings, find, report_numbers
from joryu.report.headline import facts, first_words
from joryu.report.rows import confused_rows, flattened, hardest_rows, latency_note, model_rows

MATRIX_CLASSES = 20  #: up to this many classes confusion matrices are drawn
MATRIX_SIDE = 270
CARDS_FIRST = 9  #: pictures shown before "more"
LISTING_FIRST = 14  #: lines of a listing shown before "more"


def write_report(run: ReportData, path: Path | str) -> Path:
    """Write the page of a run to ``path`` and return it.

    The page needs no network and runs no script (its content security policy forbids both); it follows the reader's
    light or dark preference, fits a phone, and prints. What a run lacks (a twin, a teacher's answers, pictures, a
    history, an audit) is left out of the page, and a missing twin is said.

    Raises:
        InputError: there is no place for it.
        JoryuError: the disk does not take it; an earlier page is kept.
    """
    return write_page(render_report(run), Path(path))


def write_page(page: str, path: Path | str, *, usual: str = "report.html") -> Path:
    """Write the text of a page to ``path`` and return it; ``usual`` is what such a page is mostly called.

    Raises:
        InputError, JoryuError: as `write_report`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder of {path}", received=error.strerror or str(error)) from error
    if path.is_dir():
        raise InputError(f"{path} is a folder", expected="a file for the page", hint=f"try {path / usual}")
    with durable_file(path) as file:
        file.write(page.encode())
    return path


def render_report(run: ReportData) -> str:
    """The page as text; see `write_report`."""
    findings = find(run)
    context = _shared(run, findings) | _audit(run.audit)
    if findings.alike is not None:
        return environment().get_template("unlabelled.html.j2").render(context)
    return environment().get_template("page.html.j2").render(context | _context(run, findings))


@cache
def environment() -> Environment:
    """What the templates of this house are filled in with: their filters, and text escaped unless told otherwise."""
    environment = Environment(
        loader=PackageLoader("joryu.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": wording.count,
        "percent": wording.percent,
        "short": wording.short,
        "number": wording.number,
        "p_value": wording.p_value,
        "plural": wording.plural,
    }
    return environment


def _shared(run: ReportData, findings: Findings) -> dict[str, object]:
    """What every page shows, labels or none."""
    numbers = report_numbers(run, findings)
    histories = {role: card.history for role, card in run.cards.items() if card.history}
    return {
        "run": run,
        "cards": run.cards,
        "headline": first_words(findings),
        "facts": facts(run, findings),
        "model_rows": model_rows(run, findings),
        "latency_note": latency_note(run),
        "curves": learning_curves(histories, {role: card.best_epoch for role, card in run.cards.items()}),
        "listing_first": LISTING_FIRST,
        "provenance": list(flattened(run.provenance or {})),
        "numbers": numbers,
        "numbers_base64": base64.b64encode(json.dumps(numbers, indent=1, allow_nan=False).encode()).decode("ascii"),
    }


def _context(run: ReportData, findings: Findings) -> dict[str, object]:
    """What only labels can tell."""
    evaluations = findings.evaluations
    student = evaluations[Role.STUDENT]
    likeness = {role: found.agreement for role, found in evaluations.items() if found.agreement is not None}
    return {
        "classes": run.examples.classes,
        "longest": max(map(len, run.examples.classes)),
        "evaluations": evaluations,
        "against_twin": findings.against_twin,
        "against_teacher": findings.against_teacher,
        "interval": None if findings.against_twin is None else removed_interval(findings.against_twin),
        "examples_text": wording.plural(student.n, "example"),
        "most_errors": max(found.errors for found in evaluations.values()),
        "student_errors": student.errors,
        "reliability": {role: reliability_dots(found.reliability) for role, found in evaluations.items()},
        "confusion": _confusion(run, evaluations),
        "confusion_side": MATRIX_SIDE,
        "pairs": confused_rows(run, findings),
        "hardest": hardest_rows(run, findings),
        "inheritance": likeness,
        "teacher_errors": likeness[Role.STUDENT].teacher_errors if likeness else 0,
        "wrong": wrong_pictures(run, findings),
        "cards_first": CARDS_FIRST,
        "ladder": temperature_ladder(run, findings),
    }


def _confusion(run: ReportData, evaluations: Mapping[Role, Evaluation]) -> dict[Role, object]:
    classes = run.examples.classes
    if len(classes) > MATRIX_CLASSES:
        return {}
    return {role: confusion_cells(found, classes, side=MATRIX_SIDE) for role, found in evaluations.items()}


def _audit(audit: Mapping[str, object] | None) -> dict[str, object]:
    """The audit's findings as sentences, the rest of it as lines."""
    if audit is None:
        return {"audit": None, "audit_findings": []}
    findings = audit.get("findings")
    sentences = [str(finding) for finding in findings] if isinstance(findings, list | tuple) else []
    rest = {key: value for key, value in audit.items() if key != "findings"}
    return {"audit": list(flattened(rest)), "audit_findings": sentences}
