"""Files of answers with something odd in them: what can be told is taken, the rest is named, nothing is guessed."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from garden import write

from joryu.annotations import Project
from joryu.annotations.exchange import import_answers
from joryu.errors import InputError, JoryuError, MismatchError


def labelled(image: str, name: str = "rust", **more: Any) -> dict[str, Any]:
    """A task with one annotation; ``more`` is said of the annotation."""
    result = [{"from_name": "class", "type": "choices", "value": {"choices": [name]}}]
    return {"id": 1, "data": {"image": image}, "annotations": [{"id": 11, "completed_by": 3, "result": result, **more}]}


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("roses/c.jpg", "k3"),
        ("tulips/c.jpg", "k2"),
        ("c.jpg", None),  # two of them
        ("elsewhere/c.jpg", None),
        ("a b.jpg", "k1"),
        ("a%20b.jpg", None),  # no address, so its name is what it says
        ("https://example.org/media/a%20b.jpg?size=3", "k1"),
        ("C:\\Pictures\\roses\\c.jpg", "k3"),
        ("/data/local-files/?d=all/tulips/c.jpg", "k2"),
        ("/data/upload/7/0badcafe-a b.jpg", "k1"),
        ("http://[", None),  # looks like an address and is none
        ("http://example.org", None),
        ("roses/C.jpg", None),
        ("", None),
        ("/", None),
        ("k1", None),  # a key is no address
    ],
)
def test_a_picture_is_known_by_the_end_of_its_address_or_not_at_all(
    project: Project, tmp_path: Path, address: str, key: str | None
) -> None:
    path = write(tmp_path, labelled(address))
    if key is None:
        with pytest.raises(MismatchError, match=r"no answer of project-7\.json can be taken"):
            import_answers(project, path)
        assert project.answers() == []
        return
    assert import_answers(project, path).new == 1
    assert [one.picture for one in project.answers()] == [key]


SAID = 1710022568.0


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2024-03-09T22:16:08Z", SAID),
        ("2024-03-09T23:16:08+01:00", SAID),
        (1710022568, SAID),
        (1710022568.5, SAID + 0.5),
        ("yesterday", None),
        ("2024-13-09T22:16:08Z", None),
        ("", None),
        (None, None),
        (-5, None),
        (1e300, None),
        ([2024], None),
        ("1901-01-01T00:00:00Z", None),
    ],
)
def test_a_date_that_is_none_is_when_the_answer_came(
    project: Project, tmp_path: Path, written: Any, at: float | None
) -> None:
    before = time.time()
    import_answers(project, write(tmp_path, labelled("roses/c.jpg", created_at=written)))
    (found,) = (one.at for one in project.answers())
    if at is None:
        assert before <= found <= time.time()
    else:
        assert found == at


@pytest.mark.parametrize(
    ("lead_time", "rt_ms"), [(4.288, 4288.0), (3, 3000.0), (0, None), (-1, None), (None, None), ("4", None)]
)
def test_a_lead_time_that_is_none_is_not_known(
    project: Project, tmp_path: Path, lead_time: Any, rt_ms: float | None
) -> None:
    import_answers(project, write(tmp_path, labelled("roses/c.jpg", lead_time=lead_time)))
    assert [one.timing.rt_ms for one in project.answers()] == [rt_ms]


@pytest.mark.parametrize(
    ("who", "annotator"),
    [
        (3, "label-studio-3"),
        ({"id": 4, "email": "a@b.c"}, "label-studio-4"),
        ({"email": "a@b.c"}, "label-studio-unnumbered-1"),
        ("a@b.c", "label-studio-unnumbered-1"),
        (None, "label-studio"),
        ({}, "label-studio"),
    ],
)
def test_a_person_is_a_number_and_never_a_name(project: Project, tmp_path: Path, who: Any, annotator: str) -> None:
    import_answers(project, write(tmp_path, labelled("roses/c.jpg", completed_by=who)))
    assert [one.annotator for one in project.answers()] == [annotator]
    assert b"a@b.c" not in b"".join(path.read_bytes() for path in project.folder.iterdir() if path.is_file())


def test_people_without_numbers_are_told_apart(project: Project, tmp_path: Path) -> None:
    people = [{"email": "a@b.c"}, {"email": "d@e.f"}, {"email": "a@b.c"}]
    tasks = [
        labelled("roses/c.jpg", name, completed_by=who)
        for name, who in zip(("rust", "healthy", "rust"), people, strict=True)
    ]
    import_answers(project, write(tmp_path, *tasks))
    said = [(one.annotator[-1], one.showing, one.choice) for one in project.answers()]
    assert sorted(said) == [("1", 0, "rust"), ("1", 1, "rust"), ("2", 0, "healthy")]


@pytest.mark.parametrize(
    "strange",
    [
        {"id": 2, "data": {"image": "roses/c.jpg"}, "annotations": None},
        {"id": 2, "data": {"image": "roses/c.jpg"}, "annotations": ["rust"]},
        {"id": 2, "data": None, "annotations": []},
        {"id": 2, "annotations": [{"id": 1, "result": "rust"}], "data": {"image": "roses/c.jpg"}},
        {"id": 2, "annotations": [{"id": 1, "result": [{"value": None}]}], "data": {"image": "roses/c.jpg"}},
    ],
    ids=str,
)
def test_what_has_another_shape_takes_nothing_with_it(
    project: Project, tmp_path: Path, strange: dict[str, Any]
) -> None:
    assert import_answers(project, write(tmp_path, strange, labelled("tulips/c.jpg"))).new == 1
    assert [(one.picture, one.choice) for one in project.answers()] == [("k2", "rust")]


@pytest.mark.parametrize("content", ["[]", "{}", "[1]", "3", '[{"id": 1}]', '"rust"', "null"])
def test_json_that_is_no_export_is_refused(project: Project, tmp_path: Path, content: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(
        InputError, match=r"is not an export of Label Studio .*; in Label Studio choose Export, then JSON$"
    ):
        import_answers(project, path)


@pytest.mark.parametrize(
    "content", ["", "{", "[" * 100_000, "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1")]
)
def test_what_is_no_json_is_refused_in_one_line(project: Project, tmp_path: Path, content: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(InputError, match="is not JSON") as refused:
        import_answers(project, path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("cell", "choice"),
    [("rust", "rust"), ('{"choices": ["rust"]}', "rust"), ('{"choices": "rust"}', "rust")],
)
def test_a_table_of_label_studio_holds_a_choice_as_text_or_as_json(
    project: Project, tmp_path: Path, cell: str, choice: str
) -> None:
    assert import_answers(project, flat(tmp_path, cell)).new == 1
    assert [one.choice for one in project.answers()] == [choice]


@pytest.mark.parametrize("cell", ['{"choices": ["rust"', '{"choices": [3]}', '{"choices": ["rust", "healthy"]}', ""])
def test_a_choice_that_cannot_be_told_is_no_answer(project: Project, tmp_path: Path, cell: str) -> None:
    with pytest.raises(JoryuError) as refused:
        import_answers(project, flat(tmp_path, cell))
    assert "\n" not in str(refused.value)
    assert project.answers() == []


def flat(tmp_path: Path, cell: str) -> Path:
    """A flat table of Label Studio with one row."""
    path = tmp_path / "min.csv"
    quoted = '"' + cell.replace('"', '""') + '"'
    path.write_text(f"image,id,class,annotator,annotation_id\nroses/c.jpg,1,{quoted},3,9\n")
    return path


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("choice", "moss", "moss"),
        ("severity", "deadly", "deadly"),
        ("rt_ms", "soon", "rt_ms cannot be read .*'soon'"),
        ("rt_ms", "-3", "a finite number from 0"),
        ("rt_ms", "inf", "a finite number from 0"),
        ("showing", "1.5", "a whole number from 0"),
        ("showing", "-1", "a finite number|a whole number from 0"),
        ("n_changes", str(2**53), "a whole number from 0"),
        ("trial", "one", "trial cannot be read"),
        ("annotator", "a@b.c", "a@b.c"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named_with_its_line(
    project: Project, tmp_path: Path, column: str, value: str, reason: str
) -> None:
    row = {"path": "roses/c.jpg", "choice": "rust", "annotator": "ann"} | {column: value}
    good = {"path": "tulips/c.jpg", "choice": "rust", "annotator": "ann"} | {column: ""}
    path = tmp_path / "answers.csv"
    good |= {"choice": "rust", "annotator": "ann"}
    path.write_text("\n".join([",".join(row), ",".join(row.values()), ",".join(good.values())]) + "\n")
    found = import_answers(project, path)
    assert found.new == 1
    (left,) = found.left_out
    assert left.name == "answers.csv, line 2"
    assert re.search(reason, left.reason), left.reason
    assert [one.picture for one in project.answers()] == ["k2"]


@pytest.mark.parametrize(
    ("signal", "value", "kept"),
    [("attention", "100", 100.0), ("attention", "101", None), ("attention", "-1", None), ("heart_rate", "nan", None),
     ("heart_rate", "400", 400.0), ("other", "-1e9", -1e9), ("other", "high", None)],
)  # fmt: skip
def test_a_signal_that_cannot_have_been_measured_is_left_out_and_the_answer_stays(
    project: Project, tmp_path: Path, signal: str, value: str, kept: float | None
) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(f"path,choice,annotator,signal:{signal}\nroses/c.jpg,rust,ann,{value}\n")
    found = import_answers(project, path)
    assert (found.new, found.left_out) == (1, ())
    assert [one.signals for one in project.answers()] == [{} if kept is None else {signal: kept}]
    assert [one.name for one in found.remarks] == ([] if kept is not None else ["answers.csv, line 2"])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("answers.txt", "path,choice\n", r"no format is known .*\.json, \.csv, \.tsv, \.parquet; received \.txt"),
        ("answers", "path,choice\n", "no format is known"),
        ("answers.csv", "path,choice,choice\nroses/c.jpg,rust,rust\n", "has a column twice"),
        ("answers.csv", "path,said\nroses/c.jpg,rust\n", "has no answers to read"),
        ("answers.csv", "", "no header"),
        ("answers.csv", 'path,choice\n"roses/c.jpg,rust\n', "is not CSV"),
        ("missing.csv", None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_holds_no_answers_is_refused(
    project: Project, tmp_path: Path, name: str, content: str | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=says):
        import_answers(project, tmp_path / name)
