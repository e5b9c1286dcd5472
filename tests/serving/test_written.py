"""Answers as files: names that neither meet nor lead elsewhere, and nothing that is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from joryu.errors import InputError
from joryu.serving import Wanted, load
from joryu.serving.written import AnswerFolder

pytestmark = pytest.mark.usefixtures("spare_the_disk")


def test_tags_with_any_names_have_masks_of_their_own(
    tmp_path: Path, pictures: Path, student: Callable[..., Path]
) -> None:
    predictor = load(student("masks"))
    out = tmp_path / "out"
    found = list(
        AnswerFolder(out, predictor).written(predictor.predict_each([Wanted(pictures / "00.png", "x", Path("00.png"))]))
    )
    written = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    assert written == {"00.png.json", "00.png.0-a_b_c.mask.png", "00.png.1-a_b_c.mask.png"}
    assert found[0].masks == {
        "a/b.c": str(out / "00.png.0-a_b_c.mask.png"), "a_b_c": str(out / "00.png.1-a_b_c.mask.png")
    }  # fmt: skip
    for name, mask in predictor.predict(pictures / "00.png").masks().items():
        with Image.open(found[0].masks[name]) as image:
            assert np.array_equal(np.asarray(image), mask)
    assert json.loads((out / "00.png.json").read_text())["masks"] == {
        "a/b.c": "00.png.0-a_b_c.mask.png", "a_b_c": "00.png.1-a_b_c.mask.png"
    }  # fmt: skip


def test_two_files_of_one_name_keep_both_answers(tmp_path: Path, pictures: Path, student: Callable[..., Path]) -> None:
    predictor, out = load(student("classes")), tmp_path / "out"
    other = tmp_path / "other"
    other.mkdir()
    (other / "00.png").write_bytes((pictures / "01.png").read_bytes())
    asked = [Wanted(path, str(path), Path("00.png")) for path in (pictures / "00.png", other / "00.png")]
    for order in (asked, asked[::-1], asked):  # whoever comes first
        list(AnswerFolder(out, predictor).written(predictor.predict_each(order)))
        said = [json.loads(path.read_text()) for path in out.iterdir()]
        assert {one["file"]: one["probabilities"] for one in said} == {
            one.name: predictor.predict(one.source).top() for one in asked
        }


def test_what_is_no_answer_is_not_written_over(tmp_path: Path, pictures: Path, student: Callable[..., Path]) -> None:
    predictor = load(student("classes"))
    for content in ('{"mine": 1}', "[1]", "text"):
        (tmp_path / "00.png.json").write_text(content)
        asked = [Wanted(pictures / "00.png", "x", Path("00.png"))]
        with pytest.raises(InputError, match=r"00\.png\.json is no prediction, and is left alone"):
            list(AnswerFolder(tmp_path, predictor).written(predictor.predict_each(asked)))
        assert (tmp_path / "00.png.json").read_text() == content
