"""Out and back: whatever people answered, in every format, nothing changes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.annotations import Answer, PictureFile, Project, Settings, Timing
from joryu.annotations.exchange import Imported, export_answers, import_answers

FORMATS = ["json", "csv", "parquet"]
SETTINGS = Settings(
    classes=("healthy", "=black rot", "うどん粉病"), severities=("-mild", "severe"), confidences=("unsure", "sure"),
    second_choice=True,
)  # fmt: skip
PICTURES = [PictureFile("aa", "=1+1.jpg"), PictureFile("bb", "deep/b c%20.jpg"), PictureFile("bb", "deep/copy.jpg")]
GONE = "cc"  # answered, and no longer in the folder

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8) | st.sampled_from(
    ["=cmd|' /C calc'!A0", "'", "''=", "@x", "\t=1", " +1", '"', "a,b;c", "\r\n", "1e5", "None", "null", "-"]
)
PEOPLE = st.from_regex(r"\w[\w .-]{0,39}", fullmatch=True) | st.sampled_from(["1e5", "None", "null", "1.0"])
NUMBERS = st.none() | st.floats(0, allow_infinity=False, width=64)
COUNTS = st.none() | st.integers(0, 2**31)
TIMINGS = st.builds(
    Timing, rt_ms=NUMBERS, first_key_ms=NUMBERS, hidden_ms=NUMBERS, n_changes=COUNTS, trial=COUNTS
)  # fmt: skip
SIGNALS = st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False), max_size=2)


@st.composite
def answers(draw: st.DrawFn) -> list[Answer]:
    places = st.tuples(PEOPLE, st.sampled_from(["aa", "bb", GONE]), st.integers(0, 2))
    found = []
    for annotator, picture, showing in draw(st.lists(places, unique=True, max_size=6)):
        choice = draw(st.none() | st.sampled_from(SETTINGS.classes))
        others = [name for name in SETTINGS.classes if name != choice]
        found.append(
            Answer(
                picture=picture,
                annotator=annotator,
                session=draw(NAMES),
                choice=choice,
                severity=draw(st.none() | st.sampled_from(SETTINGS.severities)),
                second=draw(st.none() | st.sampled_from(others)),
                confidence=draw(st.none() | st.sampled_from(SETTINGS.confidences)),
                showing=showing,
                timing=draw(TIMINGS),
                signals=draw(SIGNALS),
                at=draw(st.floats(1, 1e12)),
            )
        )
    return found


def project_in(folder: Path, found: list[Answer]) -> Project:
    project = Project.create(folder, SETTINGS, folder, PICTURES)
    for number, answer in enumerate(found):
        project.record(answer, key=str(number))
    return project


@pytest.mark.parametrize("ending", FORMATS)
@settings(max_examples=25, deadline=None)
@given(found=answers(), signals=st.booleans())
def test_nothing_changes_here_and_everything_arrives_elsewhere(ending: str, found: list[Answer], signals: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = project_in(Path(folder) / "here", found)
        before = here.answers()
        written = export_answers(here, f"out.{ending}", signals=signals)
        assert written == (Path(folder).resolve() / "here" / "exports" / f"out.{ending}", len(found))
        assert import_answers(here, written.path) == Imported(0, len(found), 0, ())
        assert (here.answers(), here.events.n_events()) == (before, len(found))

        there = Project.create(Path(folder) / "there", SETTINGS, Path(), [*PICTURES, PictureFile(GONE, "gone.jpg")])
        assert import_answers(there, written.path) == Imported(len(found), 0, 0, ())
        assert there.answers() == [one if signals else replace(one, signals={}) for one in before]
        here.close()
        there.close()


def answer(**more: object) -> Answer:
    return Answer(**{"picture": "aa", "annotator": "x", "session": "s", "choice": "healthy", "at": 5.0, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", FORMATS)
def test_an_old_file_does_not_take_the_place_of_what_was_said_since(tmp_path: Path, ending: str) -> None:
    project = project_in(tmp_path, [answer(), answer(picture="bb")])
    old = export_answers(project, f"old.{ending}").path
    project.record(answer(choice="うどん粉病", at=9.0), key="changed")
    assert import_answers(project, old) == Imported(new=0, known=1, older=1, left_out=())
    assert [one.choice for one in project.answers()] == ["healthy", "うどん粉病"]


@pytest.mark.parametrize("ending", FORMATS)
def test_undone_answers_are_not_exported_and_come_back_from_an_earlier_file(tmp_path: Path, ending: str) -> None:
    project = project_in(tmp_path, [answer(), answer(picture="bb", at=6.0)])
    before = project.answers()
    earlier = export_answers(project, f"earlier.{ending}").path
    project.undo("x", "s", key="u")
    assert export_answers(project, f"later.{ending}").answers == 1
    assert import_answers(project, earlier).new == 1
    assert project.answers() == before


def test_an_answer_that_is_not_asked_for_is_left_out_and_the_rest_arrives(tmp_path: Path) -> None:
    project = project_in(tmp_path / "here", [answer(), answer(picture="bb", choice="うどん粉病")])
    written = export_answers(project, "out.csv").path
    other = Project.create(tmp_path / "there", Settings(classes=("healthy", "=black rot")), tmp_path, PICTURES)
    found = import_answers(other, written)
    assert (found.new, [one.name for one in found.left_out]) == (1, ["out.csv, line 3"])
    assert "this class is not asked for" in found.left_out[0].reason
    assert other.answers() == project.answers()[:1]
