"""The page that shows examples as a teacher sees them."""

from __future__ import annotations

from pathlib import Path

import torch
from page_reader import read
from torch import nn

from joryu.examples import Examples
from joryu.report.input_audit_page import histogram, render_input_audit, write_input_audit
from joryu.teachers import Network
from joryu.teachers.input_audit import audit_inputs


def pictures(n: int = 12) -> Examples:
    torch.manual_seed(0)
    inputs = torch.randint(0, 256, (n, 3, 40, 40), dtype=torch.uint8)
    return Examples.of(inputs, torch.arange(n) % 2, classes=["<b>", "c"], name="set & co")


def network(n: int = 3 * 40 * 40) -> Network:
    return Network(nn.Sequential(nn.Flatten(), _Scaled(), nn.Linear(n, 2)), ["<b>", "c"])


class _Scaled(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.float() / 255


def test_three_pictures_of_each_example_and_the_numbers(tmp_path: Path) -> None:
    seen = audit_inputs(network(), pictures(), "module:<x>:y", pictures=4)
    page = write_input_audit(seen, pictures(), tmp_path / "seen.html").read_text()
    found = read(page)
    assert sum(tag == "img" for tag, _ in found.elements) == 12
    assert "module:&lt;x&gt;:y" in page
    assert "labelled &lt;b&gt;" in page
    assert "set &amp; co" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_what_looks_wrong_is_the_headline() -> None:
    dark = Examples.of(torch.full((3, 1, 8, 8), 7, dtype=torch.uint8), classes=["<b>", "c"])
    page = render_input_audit(audit_inputs(network(64), dark, "t"), dark)
    assert "<h1>1 thing looks wrong</h1>" in page
    assert "the pictures themselves are nearly constant" in page


def test_of_a_table_the_columns_stand_in_the_teachers_order() -> None:
    rows = Examples.of(torch.tensor([[1.5, -2.0], [0.25, 4.0]]), classes=["<b>", "c"])
    page = render_input_audit(audit_inputs(Network(nn.Linear(2, 2), ["<b>", "c"]), rows, "t"), rows)
    read(page)
    assert "<td>1.5</td><td>-2</td>" in page
    assert "<img" not in page


def test_every_value_is_in_the_histogram() -> None:
    (seen,) = audit_inputs(network(), pictures(), "t")
    drawn = histogram(seen)
    assert (drawn.least, drawn.most) == ("0", "255")
    assert all(0 <= x < 480 and 0 <= y <= 60 for x, y, _, _ in drawn.bars)
