"""What other tools wrote: Label Studio's own exports, spreadsheets, and files that are none."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from garden import PICTURES, SETTINGS, write

from joryu.annotations import Answer, Project, Timing
from joryu.annotations.exchange import LeftOut, export_answers, import_answers
from joryu.errors import InputError, MismatchError


def choices(control: str, *names: str) -> dict[str, Any]:
    region = {"id": "Dx_aB91ISN", "from_name": control, "to_name": "img", "type": "choices", "origin": "manual"}
    return {**region, "value": {"choices": list(names)}}


def annotation(*result: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {
        "id": 11, "completed_by": 3, "result": list(result), "was_cancelled": False, "ground_truth": False,
        "created_at": "2024-03-09T22:16:08.728353Z", "updated_at": "2024-03-09T22:16:08.728378Z", "lead_time": 4.288,
        "prediction": {}, "result_count": 1, "unique_id": "b2e4", "import_id": None, "task": 1, "project": 7,
    }  # fmt: skip
    return {**plain, **more}


def task(image: str, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"id": 1, "project": 7, "drafts": [], "predictions": [], "meta": {}, "data": {"image": image}}
    return {**plain, "annotations": list(annotations), **more}


def test_an_export_of_label_studio(project: Project, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        task("/data/upload/7/0badcafe-a b.jpg", annotation(choices("diagnosis", "rust"), choices("stage", "mild"))),
        task("/data/local-files/?d=all/roses/c.jpg", annotation(choices("diagnosis", "healthy"), lead_time=None)),
        task("s3://bucket/some/tulips/c.jpg", annotation(was_cancelled=True, completed_by={"id": 4, "email": "a@b.c"})),
        task("https://example.org/x.jpg"),
    )
    found = import_answers(project, path)
    assert (found.new, found.left_out) == (3, ())
    assert project.answers() == [
        Answer(
            picture=picture, annotator=f"label-studio-{who}", session=f"label-studio-7-label-studio-{who}",
            choice=choice, severity=severity, timing=Timing(rt_ms=rt_ms), at=1710022568.728353,
        )
        for picture, who, choice, severity, rt_ms in (
            ("k1", 3, "rust", "mild", 4288.0), ("k3", 3, "healthy", None, None), ("k2", 4, None, None, 4288.0),
        )
    ]  # fmt: skip
    assert b"a@b.c" not in (project.folder / "annotations.sqlite").read_bytes()
    assert (import_answers(project, path).new, project.events.n_events()) == (0, 3)


def test_annotations_come_in_the_order_they_were_given_and_again_is_a_repeat(project: Project, tmp_path: Path) -> None:
    def at(minute: int, name: str, **more: Any) -> dict[str, Any]:
        return annotation(choices("class", name), created_at=f"2024-03-09T22:{minute}:00Z", **more)

    path = write(
        tmp_path,
        task("roses/c.jpg", at(30, "rust"), at(20, "healthy"), at(10, "rust", completed_by=5)),
        task("tulips/c.jpg", at(15, "healthy")),
    )
    import_answers(project, path)
    said = [(one.annotator[-1], one.picture, one.showing, one.choice) for one in project.answers()]
    assert said == [
        ("5", "k3", 0, "rust"),
        ("3", "k2", 0, "healthy"),
        ("3", "k3", 0, "healthy"),
        ("3", "k3", 1, "rust"),
    ]


def test_ours_come_back_from_label_studio_with_what_was_changed_there(project: Project, tmp_path: Path) -> None:
    mine = Answer(
        picture="k1", annotator="ann", session="s", choice="rust", at=5.0, timing=Timing(rt_ms=742.125, trial=3)
    )
    skip = Answer(picture="k2", annotator="ann", session="s", choice=None, at=6.0)
    project.record(mine, key="1")
    project.record(skip, key="2")
    tasks = json.loads(export_answers(project, "out.json").path.read_text())
    for number, one in enumerate(tasks):  # what Label Studio 1.2x makes of an import: numbers of its own
        one["id"] = 900 + number
        for its in one["annotations"]:
            its |= {"import_id": its["id"], "id": 77, "completed_by": 1, "created_at": "2025-01-01T00:00:00Z"}
    assert import_answers(project, write(tmp_path, *tasks))[:3] == (0, 2, 0)
    changed = next(its for one in tasks for its in one["annotations"] if its["result"])
    changed["result"][0]["value"]["choices"] = ["healthy"]
    tasks[-1]["annotations"].append(annotation(choices("class", "healthy"), id=78, completed_by=1))
    assert import_answers(project, write(tmp_path, *tasks)).new == 2
    said = {(one.annotator, one.picture): (one.choice, one.timing.rt_ms) for one in project.answers()}
    assert said[("ann", "k1")] == ("healthy", 742.125)
    assert said[("ann", "k2")] == (None, None)
    assert len(said) == 3


LATER = ("2024-03-09T23:00:00Z", "2024-03-10T09:00:00Z")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_latest_state_holds_whatever_the_order_of_imports(
    project: Project, tmp_path: Path, order: tuple[int, ...]
) -> None:
    states = [
        task("roses/c.jpg", annotation(choices("class", name), **({} if at is None else {"updated_at": at})))
        for name, at in (("rust", None), ("healthy", LATER[0]), ("rust", LATER[1]))
    ]
    for at in (*order, *order):
        import_answers(project, write(tmp_path, states[at]))
    assert [one.choice for one in project.answers()] == ["rust"]
    n_events = project.events.n_events()
    assert [import_answers(project, write(tmp_path, one)).new for one in states] == [0, 0, 0]  # again adds nothing
    assert project.events.n_events() == n_events
    project.events.close()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("behind", [0, 3600 * 24 * 365], ids=["clocks agree", "theirs is behind"])
def test_what_was_changed_of_ours_comes_after_it_whatever_the_clocks(
    project: Project, tmp_path: Path, order: tuple[int, ...], behind: int
) -> None:
    mine = Answer(picture="k1", annotator="ann", session="s", choice="rust", at=1.7e9)
    project.record(mine, key="1")
    exported = json.loads(export_answers(project, "out.json").path.read_text())

    def edited(name: str, minutes: int) -> Any:
        tasks = json.loads(json.dumps(exported))
        its = next(one for it in tasks for one in it["annotations"])
        date = datetime.fromtimestamp(1.7e9 - behind + 60 * minutes, UTC).isoformat()
        its |= {"import_id": its["id"], "id": 77, "updated_at": date}
        its["created_at"] = datetime.fromtimestamp(1.7e9 - behind + 60, UTC).isoformat()
        its["result"][0]["value"]["choices"] = [name]
        return tasks

    files = [exported, edited("healthy", 5), edited("healthy", 5)]
    if not behind:  # of three states the clocks tell
        files[2] = edited("rust", 9)
    for at in (*order, *order):
        import_answers(project, write(tmp_path, *files[at]))
    assert [one.choice for one in project.answers()] == ["healthy" if behind else "rust"]
    project.record(Answer(**{**as_fields(mine), "choice": "healthy", "at": 1.8e9}), key="anew")
    for at in order:
        assert import_answers(project, write(tmp_path, *files[at])).new == 0
    assert [(one.choice, one.at) for one in project.answers()] == [("healthy", 1.8e9)]


def as_fields(answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in ("picture", "annotator", "session", "choice", "at")}


def test_a_table_that_was_taken_and_replaced_is_not_taken_again(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    for name, expected in (("rust", (1, 0, 0)), ("healthy", (1, 0, 0)), ("rust", (0, 0, 1)), ("healthy", (0, 1, 0))):
        path.write_text(f"path,choice\nroses/c.jpg,{name}\n", encoding="utf-8")
        assert import_answers(project, path)[:3] == expected
    assert [one.choice for one in project.answers()] == ["healthy"]


def test_two_rows_about_one_showing_are_one_answer(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("path,choice\nroses/c.jpg,rust\nroses/c.jpg,healthy\nroses/c.jpg,healthy\n", encoding="utf-8")
    found = import_answers(project, path)
    assert found[:4] == (1, 1, 1, ())
    assert found.remarks == (LeftOut("mine.csv, line 2", "answered otherwise by mine.csv, line 3, which counts"),)
    assert [one.choice for one in project.answers()] == ["healthy"]


def test_what_cannot_become_an_answer_is_left_out_and_named(project: Project, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        task("c.jpg", annotation(choices("class", "rust"))),  # two pictures are called so
        task("elsewhere/z.jpg", annotation(choices("class", "rust"))),
        task("roses/a b.jpg", annotation(choices("class", "rust", "healthy"))),
        task("roses/a b.jpg", annotation({"type": "rectanglelabels", "value": {"x": 1}, "from_name": "box"})),
        task("tulips/c.jpg", annotation(choices("class", "rust"), choices("comment", "anything else"))),
    )
    found = import_answers(project, path)
    assert (found.new, [one.picture for one in project.answers()]) == (1, ["k2"])
    assert found.left_out == (
        LeftOut("task 1, annotation 11", "several answers to choice"),
        LeftOut("task 1, annotation 11", "it names no class"),
        LeftOut("task 1, annotation 11 (c.jpg)", "the project has no such picture, or several"),
        LeftOut("task 1, annotation 11 (elsewhere/z.jpg)", "the project has no such picture, or several"),
    )
    with pytest.raises(MismatchError, match=r"no answer of project-7\.json can be taken"):
        import_answers(project, write(tmp_path, task("elsewhere/z.jpg", annotation(choices("class", "rust")))))


def test_people_without_numbers_are_told_apart_and_not_named(project: Project, tmp_path: Path) -> None:
    people = ({"email": "a@b.c"}, {"email": "d@e.f"}, None)
    said = [annotation(choices("class", "rust"), completed_by=who) for who in people]
    import_answers(project, write(tmp_path, task("roses/a b.jpg", *said)))
    names = [one.annotator for one in project.answers()]
    assert names == ["label-studio-unnumbered-1", "label-studio-unnumbered-2", "label-studio"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "not an export of Label Studio"),
        ('{"a": 1}', "not an export of Label Studio"),
        (json.dumps([task("roses/a b.jpg", annotation(choices("x", "no class")))]), "no telling which control"),
        (
            json.dumps([task("roses/a b.jpg", annotation(choices("x", "rust"), choices("y", "rust")))]),
            "no telling which control names the class .*received x, y",
        ),
        (json.dumps([task("roses/a b.jpg", annotation(choices("class", "smut")))]), "this class is not asked for"),
        (json.dumps([task("roses/a b.jpg", annotation(choices("class", "rust"), lead_time=1e400))]), "a finite number"),
    ],
)
def test_files_that_are_none_say_so(project: Project, tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        import_answers(project, path)
    assert project.answers() == []


def test_a_spreadsheet_needs_a_path_and_a_choice_and_nothing_else(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "path,choice,annotator\nroses/a b.jpg,rust,ann\n\nC:\\pictures\\tulips\\c.jpg,,\n", encoding="utf-8"
    )
    assert import_answers(project, path)[:3] == (2, 0, 0)
    said = [(one.picture, one.annotator, one.session, one.choice, one.timing) for one in project.answers()]
    assert said == [
        ("k1", "ann", "imported-ann", "rust", Timing()),
        ("k2", "imported", "imported-imported", None, Timing()),
    ]
    assert import_answers(project, path)[:3] == (0, 2, 0)


def test_a_picture_whose_content_changed_is_not_taken_for_the_old_one(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text("picture,path,choice\nfa1afe1,roses/a b.jpg,rust\nk2,moved.jpg,rust\n")
    found = import_answers(project, path)
    assert [one.picture for one in project.answers()] == ["k2"]
    assert found.left_out == (
        LeftOut("old.csv, line 2 (roses/a b.jpg)", "the project has no such picture, or several"),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"path,label\na.jpg,rust\n", "expected columns named choice and picture or path"),
        (b"", "received no header"),
        (b"path,choice,choice\na,rust,rust\n", "a column twice"),
        (b"path|choice\nroses/c.jpg|rust\n", "between commas, semicolons or tabs; received path.choice"),
        (b"path,choice\nroses/a b.jpg\n", "line 2: another length than the header .expected 2 cells; received 1"),
        (b"path,choice\n\xff\xfe,rust\n", "not UTF-8"),
        (b'path,choice\n"roses/c.jpg"x,rust\n', "not CSV"),
        (b"path,choice,rt_ms\nroses/c.jpg,rust,fast\n", "line 2: rt_ms cannot be read"),
        (b"path,choice,rt_ms\nroses/c.jpg,rust,inf\n", "a finite number"),
        (b"path,choice,showing\nroses/c.jpg,rust,-1\n", "a whole number from 0"),
        (b"path,choice,showing\nroses/c.jpg,rust,1.5\n", "a whole number from 0"),
        (b"path,choice,showing\nroses/c.jpg,rust,9223372036854775808\n", "line 2: showing .* a whole number from 0"),
        (b"path,choice,n_changes\nroses/c.jpg,rust,1e300\n", "line 2: n_changes .* a whole number from 0"),
        (b"path,choice\nroses/c.jpg,rose\n", "line 2: this class is not asked for"),
    ],
)
def test_tables_that_are_none_say_where(project: Project, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        import_answers(project, path)
    assert project.answers() == []


def test_other_files(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file.parquet").write_bytes(b"PAR1 and then something else")
    for name, said in (("file.parquet", "is not Parquet"), ("file.xml", "no format"), ("none.csv", "cannot be read")):
        with pytest.raises(InputError, match=said):
            import_answers(project, tmp_path / name)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, None),
        ({"annotator": "x"}, None),
        ({"annotator": "x", "showing": 0, "order": 10**400}, None),
        ({"annotator": ["x"]}, "annotator cannot be read"),
        ({"annotator": "\ud800", "showing": 0}, r"annotator cannot be read .*Unicode text; received '.ud800'"),
        ({"annotator": "x", "showing": 0, "signal:\udfff": 1.0}, "a signal's name cannot be read"),
        ({"annotator": "x", "showing": 2**70}, "a whole number from 0"),
        ({"annotator": "x", "showing": 0, "trial": 1e30}, "a whole number from 0"),
    ],
)
def test_what_we_kept_in_a_task_may_have_been_tampered_with(
    project: Project, tmp_path: Path, told: dict[str, Any], said: str | None
) -> None:
    kept = {"joryu": {"picture": PICTURES[0].key, "answers": {"11": told}}}
    path = write(tmp_path, task("anything.jpg", annotation(choices("class", "rust")), meta=kept))
    if said is None:
        assert import_answers(project, path).new == 1
        return
    with pytest.raises(InputError, match=said):
        import_answers(project, path)
    assert project.answers() == []


@pytest.mark.parametrize("key", [["k"], {"k": 1}, 5])
def test_a_key_that_is_no_text_is_none(project: Project, tmp_path: Path, key: object) -> None:
    path = write(
        tmp_path, task(PICTURES[0].path, annotation(choices("class", "rust")), meta={"joryu": {"picture": key}})
    )
    assert import_answers(project, path).new == 1


def test_of_two_answers_to_one_showing_in_a_file_the_later_holds(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("path,choice,annotator,at\nroses/c.jpg,rust,x,200\nroses/c.jpg,healthy,x,100\n")
    found = import_answers(project, path)
    assert (found.new, found.older) == (1, 1)
    assert [one.choice for one in project.answers()] == ["rust"]
    again = import_answers(project, path)
    assert (again.new, again.known, again.older) == (0, 1, 1)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("annotator", "jane.doe@example.org", "line 2: this pseudonym is not usable"),
        ("rt_ms", "-5", "rt_ms cannot be read (expected a finite number from 0"),
    ],
)
def test_a_table_is_held_to_what_the_page_is(
    project: Project, tmp_path: Path, column: str, value: str, said: str
) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(f"path,choice,{column}\nroses/a b.jpg,rust,{value}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        import_answers(project, path)
    assert said in str(caught.value)
    assert project.answers() == []


def test_what_is_wrong_is_left_out_by_name_and_the_rest_arrives(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "path,choice,annotator,rt_ms,signal:heart_rate,signal:attention\n"
        "roses/a b.jpg,rust,ann,700,450,50\nroses/c.jpg,smut,ann,,,\ntulips/c.jpg,rust,ann,slow,,\n"
        "roses/c.jpg,rust\nroses/c.jpg,rust,a@b.c,,,\ntulips/c.jpg,healthy,ann,800,70,\n",
        encoding="utf-8",
    )
    found = import_answers(project, path)
    assert [(one.picture, one.choice, dict(one.signals)) for one in project.answers()] == [
        ("k1", "rust", {"attention": 50.0}), ("k2", "healthy", {"heart_rate": 70.0}),
    ]  # fmt: skip
    assert [(one.name[-6:], one.reason.partition(" (")[0]) for one in found.left_out] == [
        ("line 3", "this class is not asked for"), ("line 4", "rt_ms cannot be read"),
        ("line 5", "another length than the header"), ("line 6", "this pseudonym is not usable"),
    ]  # fmt: skip
    said = "signal:heart_rate cannot be read (expected 0..400; received '450'); the answer is taken without it"
    assert found.remarks == (LeftOut("mine.csv, line 2", said),)


@pytest.mark.parametrize("ending", ["json", "csv", "parquet"])
def test_an_own_export_comes_back_whatever_was_measured(project: Project, tmp_path: Path, ending: str) -> None:
    wild = Answer(picture="k1", annotator="a", session="s", choice="rust", at=1.0, signals={"heart_rate": 431.5})
    for number, one in enumerate((wild, Answer(picture="k2", annotator="a", session="s", choice="healthy", at=2.0))):
        project.record(one, key=str(number))
    path = export_answers(project, f"out.{ending}").path
    assert import_answers(project, path)[:4] == (0, 2, 0, ())
    other = Project.create(tmp_path / "other", SETTINGS, tmp_path, PICTURES)
    found = import_answers(other, path)
    assert (found.new, found.left_out, len(found.remarks)) == (2, (), 1)
    assert [dict(one.signals) for one in other.answers()] == [{}, {}]
    other.close()
