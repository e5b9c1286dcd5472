"""The contact sheet: one self-contained page that shows what was loaded."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from joryu.errors import InputError
from joryu.examples.overview import look
from joryu.report.contact_sheet import render_contact_sheet, write_contact_sheet


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Thirty pictures each of two classes, three of which come again in ``test``, one under another label."""
    rng = np.random.default_rng(0)
    for number in range(60):
        place = tmp_path / "set" / "train" / ("<b>cat</b>".replace("/", "-"), "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        picture = coarse.resize((48, 48), Image.Resampling.BICUBIC)
        picture.save(place / f"{number:02}.png")
        if number in (2, 4, 5):
            again = tmp_path / "set" / "test" / ("dog" if number == 4 else place.name)
            again.mkdir(parents=True, exist_ok=True)
            picture.save(again / f"again {number:02}.bmp")
    (tmp_path / "set" / "train" / "dog" / "broken & bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "set" / "train" / "dog" / "Thumbs.db").write_bytes(b"x")
    return tmp_path


def test_the_page_shows_classes_what_was_left_out_and_what_comes_twice(root: Path) -> None:
    page = render_contact_sheet(look(str(root / "set")))
    assert "63 pictures in 2 classes" in page
    classes = page.split('id="classes"')[1].split("</section>")[0]
    assert classes.count("<img ") == 48  # 24 of each class
    assert "train 30 · test 1" in classes
    assert "train 30 · test 2" in classes
    assert "broken &amp; bad.png" in page.split('id="left-out"')[1]
    assert "1 file or folder left behind by an operating system or a program" in page
    twice = page.split('id="twice"')[1]
    assert twice.count("<img ") == 6
    assert twice.index("&lt;b&gt;cat&lt;-b&gt;</span>") < twice.index("again 02.bmp")  # two labels come first
    assert "3 pictures of test are in train too: what is taught there cannot judge here." in page
    assert "1 picture of those that come twice is in two classes." in page


def test_the_page_loads_nothing_and_escapes_what_is_named(root: Path) -> None:
    page = render_contact_sheet(look(str(root / "set")))
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "<b>cat" not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_pictures_are_drawn_with_a_seed(root: Path) -> None:
    overview = look(str(root / "set"))
    assert render_contact_sheet(overview) == render_contact_sheet(overview)
    assert render_contact_sheet(overview, seed=1) != render_contact_sheet(overview)


def test_many_classes_share_the_page(tmp_path: Path) -> None:
    for number in range(420):
        place = tmp_path / "many" / f"{number:03}"
        place.mkdir(parents=True)
        for turn in range(4):
            Image.fromarray(np.full((2, 2), number % 256, dtype=np.uint8)).save(place / f"{turn}.png")
    page = render_contact_sheet(look(str(tmp_path / "many")))
    assert page.split('id="classes"')[1].split("</section>")[0].count("<img ") == 400 * 3
    assert "<summary>20 more</summary>" in page


def test_where_the_page_cannot_be_written(root: Path) -> None:
    overview = look(str(root / "set"))
    assert write_contact_sheet(overview, root / "new" / "sheet.html").is_file()
    with pytest.raises(InputError, match="is a folder"):
        write_contact_sheet(overview, root / "set")


def test_what_has_no_label_does_not_shrink_the_bars_of_the_classes(root: Path) -> None:
    for number in range(40):
        (root / "set" / "test" / f"{number}.png").write_bytes((root / "set" / "train" / "dog" / "01.png").read_bytes())
    for part in ("dog", "<b>cat<-b>"):
        shutil.rmtree(root / "set" / "test" / part, ignore_errors=True)
    classes = render_contact_sheet(look(str(root / "set"))).split('id="classes"')[1].split("</section>")[0]
    sheets = classes.split("<article")[1:]
    assert [re.findall(r"width:([\d.]+)%", sheet) for sheet in sheets] == [["100.0"], ["100.0"], []]
    assert "no label" in sheets[2] and "<img" in sheets[2]


def test_an_option_is_not_cut_at_the_end_of_a_line(root: Path) -> None:
    Image.fromarray(np.zeros((9, 9, 3), dtype=np.uint8)).save(root / "set" / "train" / "dog" / "small.png")
    page = render_contact_sheet(look(str(root / "set")))
    assert re.search(r'need <span class="option">--size</span>, such as <span class="option">--size \d+</span>', page)
    assert ".option { white-space: nowrap; }" in page
