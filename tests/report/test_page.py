"""The page: well formed, self-contained, escaped, open to a screen reader, and honest about what is missing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from page_reader import read

from joryu.examples import Rejected
from joryu.report import ReportData, Role, render_report, report_numbers, write_report


def test_every_page_is_well_formed(any_run: ReportData) -> None:
    reader = read(render_report(any_run))
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes["aria-labelledby"] for _, attributes in reader.elements if "aria-labelledby" in attributes}
    assert labelled <= set(ids)


def test_every_page_keeps_to_itself(any_run: ReportData) -> None:
    page = render_report(any_run)
    reader = read(page)
    for tag, attributes in reader.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            if name in attributes:
                assert str(attributes[name]).startswith("data:"), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert tag not in {"link", "iframe", "object", "embed", "form", "base"}
    assert [attributes.get("type") for tag, attributes in reader.elements if tag == "script"] == ["application/json"]
    assert "@import" not in page
    assert not re.search(r"url\(\s*['\"]?(?!data:)", page)
    policy = next(a["content"] for t, a in reader.elements if t == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_every_page_can_be_heard(any_run: ReportData) -> None:
    reader = read(render_report(any_run))
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(attributes.get("alt") for tag, attributes in reader.elements if tag == "img")
    pictures = [a for t, a in reader.elements if t == "svg" and a.get("aria-hidden") != "true"]
    assert all(a.get("role") == "img" and a.get("aria-label") for a in pictures)
    assert all(a.get("scope") in {"col", "row"} for t, a in reader.elements if t == "th")


def test_hostile_names_stay_text(hostile_run: ReportData) -> None:
    page = render_report(hostile_run)
    reader = read(page)
    assert "<script>alert" not in page
    assert not any("onerror" in attributes for _, attributes in reader.elements)
    assert all(str(a["src"]).startswith("data:image/png") for t, a in reader.elements if t == "img")
    assert '<script>alert("x")</script>' in reader.text["th"]  # seen by the reader as it is


def test_the_numbers_inside_are_the_numbers(any_run: ReportData) -> None:
    reader = read(render_report(any_run))
    inside = json.loads(reader.text["script"])
    link = next(a for t, a in reader.elements if t == "a" and a.get("download"))
    downloaded = json.loads(base64.b64decode(str(link["href"]).split("base64,")[1]))
    assert inside == downloaded == json.loads(json.dumps(report_numbers(any_run), allow_nan=False))


def headings(run: ReportData) -> set[str]:
    return {str(a["id"]) for t, a in read(render_report(run)).elements if t == "h2" and "id" in a}


def test_a_full_run_has_every_section(make_run: Callable[..., ReportData]) -> None:
    run = make_run(audit={}, rejected=[Rejected("broken.jpg", "cut short")])
    learned = {"curves", "calibration", "confusion", "inherited", "wrong", "temperature"}
    assert headings(run) == {"models", *learned, "audit", "rejected", "provenance", "method"}


def test_what_is_missing_is_left_out(make_run: Callable[..., ReportData]) -> None:
    bare = make_run(teacher=None, twin=None, histories=False, inputs=torch.rand(200, 3))
    assert headings(bare) == {"models", "calibration", "confusion", "provenance", "method"}


def test_a_missing_twin_is_said_with_the_way_to_add_it(make_run: Callable[..., ReportData]) -> None:
    page = render_report(make_run(twin=None))
    assert "A twin is missing" in page
    assert "<code>--twin</code>" in page
    assert "A twin is missing" not in render_report(make_run())


def test_a_teacher_without_answers_still_shows_its_cost(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    silent = [replace(card, replies=None) if card.role is Role.TEACHER else card for card in run.models]
    page = render_report(replace(run, models=silent))
    assert "1,000" in page  # its parameters
    assert 'id="inherited"' not in page


def test_a_thousand_classes_stay_readable(make_run: Callable[..., ReportData]) -> None:
    run = make_run(n=1500, classes=[f"class {i}" for i in range(1000)], inputs=torch.rand(1500, 2))
    page = render_report(run)
    assert "Confusion matrix" not in page
    assert "Most confused pairs" in page
    assert "990 others together" in page
    assert len(page) < 400_000


def test_the_same_run_gives_the_same_page(make_run: Callable[..., ReportData], tmp_path: Path) -> None:
    first = write_report(make_run(), tmp_path / "deep" / "report.html")
    assert first == tmp_path / "deep" / "report.html"
    assert first.read_text(encoding="utf-8") == render_report(make_run())


def test_templates_travel_with_the_package() -> None:
    names = {item.name for item in resources.files("joryu.report").joinpath("templates").iterdir()}
    assert {"page.html.j2", "charts.html.j2", "style.css"} <= names


def test_findings_of_the_audit_come_first(make_run: Callable[..., ReportData]) -> None:
    page = render_report(make_run(audit={"findings": ["warning: one class is rare"], "statistics": {"entropy": 0.25}}))
    assert "<li>warning: one class is rare</li>" in page
    assert "statistics · entropy" in page
    assert "found nothing to worry about" in render_report(make_run(audit={"findings": []}))


@pytest.mark.parametrize("count", [1, 20])
def test_rejected_files_are_named(make_run: Callable[..., ReportData], count: int) -> None:
    page = render_report(make_run(rejected=[Rejected(f"file{i}.jpg", "too large") for i in range(count)]))
    assert page.count("<td>too large</td>") == count
    assert "<code>file0.jpg</code>" in page
