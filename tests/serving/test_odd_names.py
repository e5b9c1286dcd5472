"""Files with odd names, too long or no text: each is answered, or named with the reason, and none ends the rest."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from joryu.errors import InputError
from joryu.serving import Wanted, load
from joryu.serving.files import is_answer, walk, wanted_of
from joryu.serving.watching import Watch
from joryu.serving.written import AnswerFolder, read_answer

Student = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("spare_the_disk")

ODD = [
    "a b.png",
    "-x.png",
    "ü.png",
    "写真.png",
    "a\nb.png",
    "a.png",
    "a.png.png",
    "a.png.0-red.png",
    "#1%20.png",
    "~.png",
]
TOO_LONG = "x" * 300
LONGEST = "y" * 251 + ".png"  #: as long as a file's name may be: that of its answer would be longer


@pytest.fixture
def picture(pictures: Path) -> bytes:
    return (pictures / "00.png").read_bytes()


@pytest.mark.parametrize("kind", ["classes", "masks"])
def test_answers_beside_odd_names_are_never_taken_for_files_to_be_answered(
    kind: str, tmp_path: Path, picture: bytes, student: Student
) -> None:
    folder = tmp_path / "odd names"
    folder.mkdir()
    for name in ODD:
        (folder / name).write_bytes(picture)
    predictor = load(student(kind))
    answers = AnswerFolder(folder, predictor)
    assert len(list(answers.written(predictor.predict_each(walk(folder))))) == len(ODD)
    found = list(walk(folder))
    assert sorted(one.place.name for one in found) == sorted(ODD)
    assert all(answers.holds(one, {}) for one in found)
    for name in ODD:
        assert json.loads((folder / f"{name}.json").read_text())["path"] == str((folder / name).resolve())
        assert is_answer(folder / f"{name}.json")


def test_a_name_that_is_no_text_is_answered_and_known_again(tmp_path: Path, picture: bytes, student: Student) -> None:
    folder = tmp_path / "bytes"
    folder.mkdir()
    name = os.fsdecode(b"\xff\xfe.png")
    try:
        (folder / name).write_bytes(picture)
    except OSError:
        pytest.skip("this file system takes names of text alone")
    predictor = load(student("classes"))
    watch = Watch(predictor, folder)
    assert [len(list(watch.poll())) for _ in range(3)] == [0, 1, 0]
    assert [len(list(Watch(predictor, folder).poll())) for _ in range(2)] == [0, 0]
    (said,) = (json.loads(path.read_text()) for path in folder.glob("*.json"))
    assert said["file"].endswith("��.png")


def test_a_name_longer_than_any_file_has_is_one_that_cannot_be_read(pictures: Path, student: Student) -> None:
    predictor, good = load(student("classes")), str(pictures / "00.png")
    listed = io.BytesIO(f"{good}\n{TOO_LONG}\n{good}\n".encode())
    for asked in (wanted_of(["-"], listed), wanted_of([good, TOO_LONG, good], io.BytesIO()), [good, TOO_LONG, good]):
        found = list(predictor.predict_each(asked))
        assert [one.answer is None for one in found] == [False, True, False]
        assert "too long" in (found[1].reason or "")
    with pytest.raises(InputError, match="too long"):
        predictor.predict(TOO_LONG)


def test_a_file_whose_answer_has_no_room_for_its_name_is_named_and_the_others_are_watched(
    pictures: Path, picture: bytes, student: Student
) -> None:
    (pictures / LONGEST).write_bytes(picture)
    predictor = load(student("classes"))
    watch = Watch(predictor, pictures)
    (first,) = watch.poll()
    assert first.name.endswith(LONGEST)
    assert "no answer can be kept as" in (first.reason or "")
    assert len(list(watch.poll())) == 12
    assert list(watch.poll()) == []
    with pytest.raises(InputError, match=r"no answer can be kept as .*too long.*another name"):
        wanted = Wanted(pictures / LONGEST, LONGEST, Path(LONGEST))
        list(AnswerFolder(pictures, predictor).written(predictor.predict_each([wanted])))


@pytest.mark.parametrize("there", ["a folder", "JSON without end", "no text", "JSON of something else"])
def test_whatever_stands_in_the_place_of_an_answer_is_left_alone(
    there: str, pictures: Path, tmp_path: Path, student: Student
) -> None:
    predictor, out = load(student("classes")), tmp_path / "out"
    answers, path = AnswerFolder(out, predictor), out / "00.png.json"
    contents = {"JSON without end": b"[" * 100_000, "no text": b"\xff\xfe{", "JSON of something else": b'{"path": 1}'}
    if there in contents:
        path.write_bytes(contents[there])
    else:
        path.mkdir()
    wanted = Wanted(pictures / "00.png", "00.png", Path("00.png"))
    for ask in (
        lambda: answers.holds(wanted, {}), lambda: list(answers.written(predictor.predict_each([wanted]))),
        lambda: read_answer(path),
    ):  # fmt: skip
        with pytest.raises(InputError, match="is no prediction, and is left alone"):
            ask()
    assert path.is_dir() or path.read_bytes() == contents[there]


def test_a_file_where_a_folder_of_answers_should_be_is_said(pictures: Path, tmp_path: Path, student: Student) -> None:
    predictor, out = load(student("classes")), tmp_path / "out"
    answers = AnswerFolder(out, predictor)
    (out / "holiday").write_text("mine")
    wanted = Wanted(pictures / "00.png", "00.png", Path("holiday") / "00.png")
    with pytest.raises(InputError, match="no answer can be kept as"):
        list(answers.written(predictor.predict_each([wanted])))
    assert (out / "holiday").read_text() == "mine"


def test_what_is_named_as_an_answer_and_belongs_to_no_file_is_a_file(tmp_path: Path) -> None:
    for name in ("a.png.json", "b.mask.png", ".json", "c.png", "c.png.1-x.mask.png", "c.png.x-1.mask.png"):
        (tmp_path / name).touch()
    found = [one.place.name for one in walk(tmp_path) if one.reason is None]
    assert found == ["a.png.json", "b.mask.png", "c.png", "c.png.x-1.mask.png"]
