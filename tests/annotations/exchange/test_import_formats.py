"""The formats of answers: spreadsheets of all countries, and Label Studio's flat and old exports."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from garden import write

from joryu.annotations import Project
from joryu.annotations.exchange import LeftOut, import_answers


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "path\tchoice\trt_ms\nroses/c.jpg\trust\t742.5\n"),
        ("a.csv", "path\tchoice\trt_ms\nroses/c.jpg\trust\t742.5\n"),
        ("a.csv", "path;choice;rt_ms\nroses/c.jpg;rust;742,5\n"),
        ("a.csv", 'sep=;\r\n"path";"choice";"rt_ms"\r\n"roses/c.jpg";"rust";742,5\r\n'),
        ("a.csv", '"path","choice","rt_ms"\n"roses/c.jpg","rust",742.5\n'),
    ],
)
def test_tables_as_spreadsheets_of_all_countries_write_them(
    project: Project, tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8-sig"))
    assert import_answers(project, path)[:4] == (1, 0, 0, ())
    assert [(one.picture, one.choice, one.timing.rt_ms) for one in project.answers()] == [("k3", "rust", 742.5)]


ROWS = (
    {"image": "/data/upload/7/0badcafe-a b.jpg", "id": 1, "diagnosis": "rust", "stage": "mild"},
    {"image": "s3://bucket/tulips/c.jpg", "id": 2, "diagnosis": {"choices": ["healthy"]}},
    {"image": "s3://bucket/roses/c.jpg", "id": 3, "diagnosis": {"choices": ["healthy", "rust"]}},
)
MADE = {"annotator": 3, "annotation_id": 9, "lead_time": 4.288, "created_at": "2024-03-09T22:16:08Z"}


def as_table(rows: list[dict[str, Any]], delimiter: str) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, names, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(
        {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()} for row in rows
    )
    return file.getvalue()


@pytest.mark.parametrize("name", ["min.json", "min.csv", "min.tsv"])
def test_label_studios_flat_exports(project: Project, tmp_path: Path, name: str) -> None:
    def export(**more: object) -> Path:
        rows = [{**row, **MADE, "updated_at": "2024-03-09T22:16:08Z", **more} for row in ROWS]
        content = json.dumps(rows) if name.endswith("json") else as_table(rows, "\t" if name.endswith("tsv") else ",")
        (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / name

    found = import_answers(project, export())
    assert found.new == 2
    assert found.left_out == (LeftOut("task 3, annotation 9", "several answers to choice"),)
    assert [(one.annotator, one.picture, one.choice, one.severity, one.timing.rt_ms) for one in project.answers()] == [
        ("label-studio-3", "k1", "rust", "mild", 4288.0), ("label-studio-3", "k2", "healthy", None, 4288.0),
    ]  # fmt: skip
    assert import_answers(project, export())[:3] == (0, 2, 0)
    assert import_answers(project, export(updated_at="2024-03-09T23:00:00Z", stage="severe")).new == 2
    assert import_answers(project, export())[:3] == (0, 0, 2)  # older than what holds


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_flat_export_whose_control_is_called_choice_as_in_label_studios_template(
    project: Project, tmp_path: Path, delimiter: str
) -> None:
    rows = [{"image": "/data/upload/7/0badcafe-a b.jpg", "id": 1, "choice": "rust", **MADE}]
    (tmp_path / "min.csv").write_text(as_table(rows, delimiter), encoding="utf-8")
    assert import_answers(project, tmp_path / "min.csv")[:4] == (1, 0, 0, ())
    assert [(one.annotator, one.picture, one.choice) for one in project.answers()] == [("label-studio-3", "k1", "rust")]


@pytest.mark.parametrize("columns", ["picture", "path"])
def test_files_named_in_the_column_of_the_picture(project: Project, tmp_path: Path, columns: str) -> None:
    (tmp_path / "a.csv").write_text(f"{columns},choice\nroses/c.jpg,rust\nfa1afe1,rust\nc.jpg,rust\n")
    found = import_answers(project, tmp_path / "a.csv")
    assert [(one.picture, one.choice) for one in project.answers()] == [("k3", "rust")]
    assert [one.name for one in found.left_out] == ["a.csv, line 3 (fa1afe1)", "a.csv, line 4 (c.jpg)"]


def test_exports_of_the_time_when_annotations_were_completions(project: Project, tmp_path: Path) -> None:
    old = {
        "id": 1, "data": {"image": "roses/c.jpg"},
        "completions": [{"id": 1001, "created_at": 1579002573, "lead_time": 7.5, "result": [
            {"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": "rust"}},
        ]}],
    }  # fmt: skip
    assert import_answers(project, write(tmp_path, old)).new == 1
    assert [(one.picture, one.choice, one.at) for one in project.answers()] == [("k3", "rust", 1579002573.0)]
