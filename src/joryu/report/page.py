"""`write_report`: one self-contained HTML page about a run."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from joryu.durable import durable_file
from joryu.errors import InputError
from joryu.report import wording
from joryu.report.comparisons import COMPARED
from joryu.report.curves import LineChart, learning_curves
from joryu.report.data import ReportData
from joryu.report.facts import facts, first_words
from joryu.report.findings import Findings, find, report_numbers
from joryu.report.rows import flattened, latency_note, model_rows
from joryu.report.sections import section_of
from joryu.report.sooner import sooner_in_words

LISTING_FIRST = 14  #: lines of a list shown before "more"


def write_report(run: ReportData, path: Path | str, findings: Findings | None = None) -> Path:
    """Write the page of a run to ``path``; returns the path.

    The page needs no network and runs no script (its content security policy forbids both). It follows the reader's
    light or dark preference, fits a phone, and prints. What a run does not have (a twin, a teacher's answers,
    pictures, a history, an audit) is left out; the page says so where the twin is missing. ``findings`` are the
    result of `find`, if it was computed already.

    Raises:
        InputError: ``path`` is a folder, or its folder cannot be made.
        JoryuError: the file cannot be written; an earlier page is kept.
    """
    return write_page(render_report(run, findings), Path(path))


def write_page(page: str, path: Path | str, *, usual: str = "report.html") -> Path:
    """Write the HTML of a page to ``path``; returns the path. ``usual`` is the file name that an error suggests.

    Raises:
        InputError, JoryuError: as `write_report`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder of {path}", received=error.strerror or str(error)) from error
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        raise InputError(f"{path} is a folder", expected="a file for the page", hint=f"try {path / usual}")
    with durable_file(path) as file:
        file.write(page.encode())
    return path


def render_report(run: ReportData, findings: Findings | None = None) -> str:
    """The HTML of `write_report`."""
    findings = findings or find(run)
    context = _shared(run, findings) | _evaluated(run, findings) | _audit(run.audit)
    return environment().get_template("page.html.j2").render(context)


@cache
def environment() -> Environment:
    """The Jinja environment of Joryu's templates: their folder and filters, with text escaped by default."""
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
        "unbroken": unbroken,
    }
    return environment


def unbroken(text: str) -> Markup:
    """A sentence as HTML in which no line breaks inside an option, or between an option and its number.

    >>> unbroken("train <it> with --seed 0, or --size")
    Markup('train &lt;it&gt; with <span class="option">--seed 0</span>, or <span class="option">--size</span>')
    """
    return Markup(_OPTION.sub(r'<span class="option">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped


_OPTION = re.compile(r"--[a-z][a-z-]*(?: \d[\w.]*)?")


def _shared(run: ReportData, findings: Findings) -> dict[str, object]:
    """What every page shows, with or without labels."""
    numbers = report_numbers(run, findings)
    return {
        "run": run,
        "cards": run.cards,
        "headline": first_words(findings),
        "facts": facts(run, findings),
        "model_rows": model_rows(run, findings),
        "latency_note": latency_note(run),
        "curves": curves_of(run, findings),
        "sooner": None if findings.sooner is None else sooner_in_words(findings.sooner),
        "listing_first": LISTING_FIRST,
        "provenance": list(flattened(run.provenance or {})),
        "numbers": numbers,
        "numbers_base64": base64.b64encode(json.dumps(numbers, indent=1, allow_nan=False).encode()).decode("ascii"),
    }


def curves_of(run: ReportData, findings: Findings) -> list[LineChart]:
    """The learning curves of every model with a history."""
    histories = {role: card.history for role, card in run.cards.items() if card.history}
    kept = {role: card.best_epoch for role, card in run.cards.items()}
    return learning_curves(histories, kept, measure=findings.of_student.measures[0].name, sooner=findings.sooner)


def _evaluated(run: ReportData, findings: Findings) -> dict[str, object]:
    """What the evaluation by labels fills into the page: the section that goes with its type."""
    section, against = section_of(findings), findings.against_twin
    compared = None if against is None else COMPARED[type(against)]
    return {
        "race": section.race(findings.evaluations),
        "interval": None if compared is None else compared.interval(against),
        "interval_caption": "" if compared is None else compared.caption(against),
        "twin_missing": run.labelled and run.twin is None,
        "body": section_body(run, findings),
        "definitions": section.definitions,
    }


def section_body(run: ReportData, findings: Findings, *, at: str = "") -> Markup:
    """The HTML of the section chosen by the type of the evaluation; its ids begin with ``at``."""
    section = section_of(findings)
    template = environment().get_template(f"sections/{section.template}")
    return Markup(template.render(section.context(run, findings) | {"at": at}))  # noqa: S704 - rendered with escaping


def _audit(audit: Mapping[str, object] | None) -> dict[str, object]:
    """The audit's findings as sentences, and the rest of it as lines of a table."""
    if audit is None:
        return {"audit": None, "audit_findings": []}
    findings = audit.get("findings")
    sentences = [str(finding) for finding in findings] if isinstance(findings, list | tuple) else []
    rest = {key: value for key, value in audit.items() if key != "findings"}
    return {"audit": list(flattened(rest)), "audit_findings": sentences}
