"""Pages and numbers on disk: where they are written, under which names, and what is kept when they cannot be."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from joryu.errors import InputError, JoryuError
from joryu.report import ReportData, report_numbers, writing
from joryu.report.page import write_page
from joryu.report.writing import evaluate_run, report_run, report_runs


@pytest.fixture
def runs(make_run: Callable[..., ReportData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of two runs, ``a/run`` and ``b/run``, and of a third, ``other``, whose data are made up."""
    made = {
        "a/run": make_run(warnings=["seen by its teacher"]),
        "b/run": make_run(student=range(2)),
        "other": make_run(student=range(3)),
    }
    for name in made:
        (tmp_path / name).mkdir(parents=True)

    def assemble(folder: Path, _: object) -> ReportData:
        name = str(folder.resolve().relative_to(tmp_path))
        return replace(made[name], name=folder.resolve().name)

    monkeypatch.setattr(writing, "assemble", assemble)
    return tmp_path


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_run_is_reported_into_its_own_folder_with_its_numbers(runs: Path) -> None:
    told: list[str] = []
    page, headline = report_run(runs / "a" / "run", warn=told.append)
    assert page == runs / "a" / "run" / "report.html"
    numbers = read(runs / "a" / "run" / "evaluation.json")
    assert numbers["headline"] == headline
    assert headline.startswith("Distilling removed 30 of 40 errors")
    assert told == ["seen by its teacher"] == numbers["warnings"]
    assert evaluate_run(runs / "a" / "run") == numbers
    assert read(runs / "a" / "run" / "evaluation.json") == numbers


def test_with_a_place_of_its_own_nothing_is_written_into_the_run(runs: Path) -> None:
    out = runs / "new folder" / "so many.pages.html"
    page, _ = report_run(runs / "other", out=out)
    assert page == out
    assert read(runs / "new folder" / "so many.pages-numbers.json")["name"] == "other"
    assert list((runs / "other").iterdir()) == []


def test_runs_are_called_by_their_folders_and_by_their_paths_where_these_are_alike(runs: Path) -> None:
    out = runs / "both.html"
    told: list[str] = []
    report_runs([runs / "a" / "run", runs / "other"], out=out, warn=told.append)
    assert [one["run"] for one in read(runs / "both-numbers.json")["runs"]] == ["run", "other"]
    assert told == ["run: seen by its teacher"]
    paths = [runs / "a" / "run", runs / "b" / "run"]
    report_runs(paths, out=out)
    assert [one["run"] for one in read(runs / "both-numbers.json")["runs"]] == list(map(str, paths))
    assert not list((runs / "a" / "run").iterdir())


def test_a_folder_named_twice_in_two_ways_is_the_same_run(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run beside itself once was a comparison, without a difference."""
    monkeypatch.chdir(runs / "a")
    for other in (runs / "a" / "run", Path("run"), Path("../a/run")):
        with pytest.raises(InputError, match=r"a run is named twice.*name each run once"):
            report_runs([Path("run"), other], out=runs / "both.html")
    assert not (runs / "both.html").exists()


def test_a_single_run_is_reported_as_one(runs: Path) -> None:
    assert report_runs([runs / "other"])[0] == runs / "other" / "report.html"


def test_several_runs_without_a_place_are_refused(runs: Path) -> None:
    for folders in ([runs / "a" / "run", runs / "other"], []):
        with pytest.raises(InputError, match="a place of its own"):
            report_runs(folders)


def test_the_same_run_gives_the_same_page(runs: Path) -> None:
    first = report_run(runs / "other")[0].read_bytes()
    assert report_run(runs / "other")[0].read_bytes() == first


def test_numbers_are_json_that_other_languages_can_read(runs: Path, make_run: Callable[..., ReportData]) -> None:
    report_run(runs / "other")
    text = (runs / "other" / "evaluation.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    expected = json.loads(json.dumps(report_numbers(make_run(student=range(3), name="other")), allow_nan=False))
    assert {**json.loads(text), "headline": None} == {**expected, "headline": None}


@pytest.mark.parametrize("place", ["", "page.html/inner.html", "page.html/in/ner.html"])
def test_a_page_that_has_no_place_is_refused_and_the_earlier_one_kept(place: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("earlier")
    with pytest.raises(InputError, match=r"is a folder .*try .*usual.html|cannot make the folder of"):
        write_page("new", tmp_path / place, usual="usual.html")
    assert (tmp_path / "page.html").read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_page_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_page("earlier ‘text’", tmp_path / "a folder" / "page.html")
    assert path.read_text(encoding="utf-8") == "earlier ‘text’"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JoryuError, match="No space left on device"):
        write_page("new", path)
    monkeypatch.undo()
    assert path.read_text(encoding="utf-8") == "earlier ‘text’"
    assert write_page("newer", path).read_text() == "newer"


def test_a_name_that_is_too_long_is_an_error_of_joryus(tmp_path: Path) -> None:
    with pytest.raises(JoryuError) as refused:
        write_page("page", tmp_path / ("x" * 300 + ".html"))
    assert "\n" not in str(refused.value)
