"""`write_report`: a run as one self-contained HTML page."""

from __future__ import annotations

import base64
import json
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

LISTING_FIRST = 14  #: lines of a listing shown before "more"


def write_report(run: ReportData, path: Path | str, findings: Findings | None = None) -> Path:
    """Write the page of a run to ``path`` and return it.

    The page needs no network and runs no script (its content security policy forbids both); it follows the reader's
    light or dark preference, fits a phone, and prints. What a run lacks (a twin, a teacher's answers, pictures, a
    history, an audit) is left out of the page, and a missing twin is said. ``findings`` are those of `find`, for
    whoever has them already.

    Raises:
        InputError: there is no place for it.
        JoryuError: the disk does not take it; an earlier page is kept.
    """
    return write_page(render_report(run, findings), Path(path))


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


def render_report(run: ReportData, findings: Findings | None = None) -> str:
    """The page as text; see `write_report`."""
    findings = findings or find(run)
    context = _shared(run, findings) | _judged(run, findings) | _audit(run.audit)
    return environment().get_template("page.html.j2").render(context)


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
        "unbroken": unbroken,
    }
    return environment


def unbroken(text: str) -> Markup:
    """A sentence in which no line ends within an option, or between it and its number.

    >>> unbroken("train <it> with --seed 0, or --size")
    Markup('train &lt;it&gt; with <span class="option">--seed 0</span>, or <span class="option">--size</span>')
    """
    return Markup(_OPTION.sub(r'<span class="option">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped


_OPTION = re.compile(r"--[a-z][a-z-]*(?: \d[\w.]*)?")


def _shared(run: ReportData, findings: Findings) -> dict[str, object]:
    """What every page shows, labels or none."""
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
    """The learning curves of everyone who has a history."""
    histories = {role: card.history for role, card in run.cards.items() if card.history}
    kept = {role: card.best_epoch for role, card in run.cards.items()}
    return learning_curves(histories, kept, measure=findings.of_student.measures[0].name, sooner=findings.sooner)


def _judged(run: ReportData, findings: Findings) -> dict[str, object]:
    """What the labels tell, as the section that goes with them tells it."""
    section, against = section_of(findings), findings.against_twin
    told = None if against is None else COMPARED[type(against)]
    return {
        "race": section.race(findings.evaluations),
        "interval": None if told is None else told.interval(against),
        "interval_caption": "" if told is None else told.caption(against),
        "twin_missing": run.labelled and run.twin is None,
        "body": section_body(run, findings),
        "definitions": section.definitions,
    }


def section_body(run: ReportData, findings: Findings, *, at: str = "") -> Markup:
    """The sections by the type of the evaluation; their ids begin with ``at``."""
    section = section_of(findings)
    template = environment().get_template(f"sections/{section.template}")
    return Markup(template.render(section.context(run, findings) | {"at": at}))  # noqa: S704 - rendered with escaping


def _audit(audit: Mapping[str, object] | None) -> dict[str, object]:
    """The audit's findings as sentences, the rest of it as lines."""
    if audit is None:
        return {"audit": None, "audit_findings": []}
    findings = audit.get("findings")
    sentences = [str(finding) for finding in findings] if isinstance(findings, list | tuple) else []
    rest = {key: value for key, value in audit.items() if key != "findings"}
    return {"audit": list(flattened(rest)), "audit_findings": sentences}
