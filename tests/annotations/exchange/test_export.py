"""Where exports may go, and what is in them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest

from joryu.annotations import Answer, PictureFile, Project, Settings, Timing
from joryu.annotations.exchange import EXPORTED, export_answers
from joryu.annotations.exchange.csv_table import guarded, unguarded
from joryu.errors import InputError, JoryuError

SETTINGS = Settings(
    classes=("healthy", 'a "rot" & <b>'), severities=("mild", "severe"), confidences=("low", "high"), second_choice=True
)
ANSWER = Answer(
    picture="aa", annotator="ann", session="s-9", choice="healthy", severity="mild", second='a "rot" & <b>',
    confidence="high", showing=1, at=1_700_000_000.5, signals={"attention": 61.5},
    timing=Timing(rt_ms=742.125, first_key_ms=500.0, hidden_ms=0.0, n_changes=2, trial=7),
)  # fmt: skip
SKIP = Answer(picture="aa", annotator="=bob", session="s-1", choice=None, at=1_700_000_001.0)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    pictures = [PictureFile("aa", "+1/a b.jpg"), PictureFile("bb", "c.jpg")]
    made = Project.create(tmp_path / "roses", SETTINGS, tmp_path, pictures)
    made.record(ANSWER, key="1")
    made.record(SKIP, key="2")
    return made


def test_label_studio_finds_what_it_knows_in_its_places_and_the_rest_in_meta(project: Project) -> None:
    first, second = json.loads(export_answers(project, "out.json").path.read_text())
    assert first["data"] == {"image": "/data/local-files/?d=%2B1/a%20b.jpg"}
    assert second["data"] == {"image": "/data/local-files/?d=c.jpg"}
    assert second["annotations"] == []  # still to do
    told, skip = first["annotations"]
    assert {one["from_name"]: one["value"]["choices"] for one in told["result"]} == {
        "class": ["healthy"], "severity": ["mild"], "second": ['a "rot" & <b>'], "confidence": ["high"],
    }  # fmt: skip
    assert {one["type"] for one in told["result"]} == {"choices"}
    assert (told["was_cancelled"], told["ground_truth"], told["lead_time"]) == (False, False, 0.742125)
    assert told["created_at"] == "2023-11-14T22:13:20.500000+00:00"
    assert (skip["was_cancelled"], skip["result"], skip["lead_time"]) == (True, [], None)
    assert "completed_by" not in told  # Label Studio refuses a task whose annotator it does not know
    meta = first["meta"]["joryu"]
    assert meta["picture"] == "aa"
    assert meta["answers"][str(told["id"])] == {
        "order": 0, "annotator": "ann", "session": "s-9", "showing": 1, "rt_ms": 742.125, "first_key_ms": 500.0,
        "hidden_ms": 0.0, "n_changes": 2, "trial": 7, "at": 1_700_000_000.5, "signal:attention": 61.5,
        "stated": ["healthy", "mild", 'a "rot" & <b>', "high"],
    }  # fmt: skip
    assert told["id"] != skip["id"]
    assert 2**52 <= told["id"] < 2**53  # no number of Label Studio's own, and exact in a browser


def test_no_cell_is_a_formula_and_every_number_keeps_its_bits(project: Project) -> None:
    path = export_answers(project, "out.csv").path
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # or a spreadsheet garbles what is not ASCII
    with path.open(encoding="utf-8-sig", newline="") as file:
        told, skip = csv.DictReader(file)
    assert (told["path"], skip["annotator"]) == ("'+1/a b.jpg", "'=bob")
    assert (told["rt_ms"], told["at"], told["n_changes"]) == ("742.125", "1700000000.5", "2")
    assert told["signal:attention"] == "61.5"
    assert (skip["choice"], skip["rt_ms"], skip["signal:attention"]) == ("", "", "")


@pytest.mark.parametrize(
    "unseen", ["", " ", "\u200b", "\u2060\ufeff", "\u00ad ", "\u3164", "\u2800", "\u034f", "\x1b", "\u202e"]
)
@pytest.mark.parametrize("formula", ["=1+1", "＝1", "@x", "-2"])
def test_what_nobody_sees_hides_no_formula(unseen: str, formula: str) -> None:
    assert guarded(unseen + formula) == "'" + unseen + formula
    assert unguarded(guarded(unseen + formula)) == unseen + formula
    assert guarded(unseen + "rust") == unseen + "rust"


def test_parquet_has_types_and_nulls(project: Project) -> None:
    table = pq.read_table(export_answers(project, "out.parquet").path)
    told, skip = table.to_pylist()
    assert (told["n_changes"], told["rt_ms"], skip["choice"], skip["rt_ms"]) == (2, 742.125, None, None)
    assert {str(table.schema.field(name).type) for name in ("picture", "choice")} == {"string"}
    assert str(table.schema.field("showing").type) == "int64"


@pytest.mark.parametrize("ending", ["json", "csv", "parquet"])
def test_signals_stay_here_when_they_are_to(project: Project, ending: str) -> None:
    project.signal_file("s-9").write_bytes(b"raw brain")
    assert b"attention" in export_answers(project, f"a.{ending}").path.read_bytes()
    path = export_answers(project, f"b.{ending}", signals=False).path
    assert b"attention" not in path.read_bytes()
    assert b"raw brain" not in path.read_bytes()


def test_the_labelling_interface_asks_what_the_project_asks(project: Project) -> None:
    view = ET.fromstring(export_answers(project, "view.xml").path.read_text())  # noqa: S314 - our own file
    asked = {one.get("name"): [choice.get("value") for choice in one] for one in view.iter("Choices")}
    assert asked == {
        "class": list(SETTINGS.classes), "severity": ["mild", "severe"], "second": list(SETTINGS.classes),
        "confidence": ["low", "high"],
    }  # fmt: skip
    image = view.find("Image")
    assert image is not None
    assert {one.get("toName") for one in view.iter("Choices")} == {image.get("name")}


@pytest.mark.parametrize("name", ["../out.csv", "/tmp/out.csv", "deep/../../out.csv", "link/out.csv"])  # noqa: S108
def test_exports_stay_in_their_folder(project: Project, tmp_path: Path, name: str) -> None:
    export_answers(project, "first.csv")
    (project.folder / "exports" / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="outside the project's exports folder"):
        export_answers(project, name)
    assert not list(tmp_path.glob("*.csv"))
    assert not Path("/tmp/out.csv").exists()  # noqa: S108


def test_an_exports_folder_that_leads_elsewhere_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project.folder / "exports").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="outside the project's exports folder"):
        export_answers(project, "out.csv")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_person_may_name_any_place_and_a_file_is_whole_or_as_it_was(project: Project, tmp_path: Path) -> None:
    place = tmp_path / "mine.csv"
    assert export_answers(project, place, anywhere=True).path == place
    with pytest.raises(InputError, match="no folder"):
        export_answers(project, tmp_path / "nowhere" / "mine.csv", anywhere=True)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(JoryuError, match="cannot write"):
        export_answers(project, tmp_path / "folder.csv", anywhere=True)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["mine.csv"]


def test_exports_are_for_this_user_alone_and_go_when_somebody_is_forgotten(project: Project) -> None:
    path = export_answers(project, "sub/out.csv").path
    assert (project.folder / "exports").stat().st_mode & 0o077 == 0
    project.forget("ann")
    assert not path.exists()


def test_unknown_formats_are_named(project: Project) -> None:
    with pytest.raises(InputError, match=r"no format is known by the name out\.xlsx"):
        export_answers(project, "out.xlsx")
    assert set(EXPORTED) == {".json", ".csv", ".parquet", ".xml"}
    assert export_answers(project, "OUT.CSV").answers == 2
