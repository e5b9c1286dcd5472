"""How a page lies in a browser: nothing touches, nothing stands alone, no option is cut."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from asked_runs import numbers_run, tags_run

from joryu.report.page import render_report

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]

BOXES = "found => [...found].map(one => one.getBoundingClientRect()).map(box => [box.left, box.top, box.bottom])"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@pytest.mark.parametrize("best", [0.25, 5e9, 1_234_567.0, 4.5e-6])
def test_numbers_beside_the_learning_curves_are_whole_on_a_telephone(chromium: Any, best: float) -> None:
    """They were cut at the edge of the drawing, so that 500,000 read 00,000."""
    run = numbers_run()
    losses = [{"epoch": at, "validation_loss": best * (1 + 0.00004 / at)} for at in range(1, 9)]
    rates = [{"epoch": at, "validation_loss": best * 9 / at} for at in range(1, 9)]
    page = chromium.new_page(viewport={"width": 390, "height": 900})
    try:
        for history in (losses, rates):
            cards = [replace(card, history=history) for card in run.models]
            page.set_content(render_report(replace(run, models=cards)))
            cut = page.eval_on_selector_all(
                "svg .tick.end",
                "found => found.filter(one => one.getBoundingClientRect().left"
                " < one.closest('svg').getBoundingClientRect().left).map(one => one.textContent)",
            )
            assert cut == []
            assert page.eval_on_selector_all("svg .tick.end", "found => found.length") > 4
    finally:
        page.close()


@pytest.mark.parametrize("width", [360, 390, 700, 1000, 1280])
def test_warnings_and_facts_have_room(chromium: Any, width: int) -> None:
    warnings = ["train it again with --test 0.2 --seed 0 " * 4, "judge it by others, with --examples"]
    text = render_report(replace(tags_run(), warnings=warnings))
    page = chromium.new_page(viewport={"width": width, "height": 900})
    try:
        page.set_content(text)
        first, second = page.eval_on_selector_all(".hero > .callout", BOXES)
        after = page.eval_on_selector(".callout + :not(.callout)", "one => one.getBoundingClientRect().top")
        assert second[1] - first[2] >= 8 and after - second[2] >= 8
        lines = page.eval_on_selector_all(".option", "found => [...found].map(one => one.getClientRects().length)")
        assert lines == [1] * 9
        for n in (4, 5, 6):
            page.eval_on_selector(".facts", "(list, n) => list.innerHTML = '<li><b>1</b></li>'.repeat(n)", n)
            rows = Counter(top for _, top, _ in page.eval_on_selector_all(".facts > li", BOXES))
            left_over = min(rows.values())
            assert left_over > 1 or width <= 640, rows  # where two stand side by side an odd one has a row to itself
        assert page.evaluate("document.documentElement.scrollWidth") == width
    finally:
        page.close()
