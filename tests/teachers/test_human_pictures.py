"""No answer goes to a picture that nobody was shown, whatever it is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from small_project import SETTINGS, make_project, paint

from joryu.annotations import Answer, PictureFile, Project, picture_key
from joryu.errors import MismatchError
from joryu.examples import load_examples
from joryu.teachers import Human, TeacherBatch, find_teacher


def test_another_folder_with_the_same_names(tmp_path: Path) -> None:
    project, files = make_project(tmp_path)
    other = tmp_path / "other"
    shutil.copytree(project.pictures_root, other)
    human, known = find_teacher(f"human:{project.folder}", load_examples(f"folder:{other}"))
    assert len(known) == 24  # a faithful copy will do
    Image.open(other / files[5].path).rotate(180).save(other / files[5].path)
    with pytest.raises(MismatchError, match=f"{files[5].path} of other is not the picture that people were shown"):
        find_teacher(f"human:{project.folder}", load_examples(f"folder:{other}"))
    assert human.question.names == SETTINGS.classes


def test_a_file_that_changed_or_went_since_it_was_answered(tmp_path: Path) -> None:
    project, files = make_project(tmp_path)
    first = project.pictures_root / files[0].path
    examples = load_examples(f"folder:{project.pictures_root}")
    content = first.read_bytes()
    first.write_bytes((project.pictures_root / files[1].path).read_bytes())
    with pytest.raises(MismatchError, match=r"another picture than the one that was answered .*run joryu annotate"):
        Human(project, examples)
    first.unlink()
    with pytest.raises(MismatchError, match="cannot be read any more"):
        Human(project, examples)
    first.write_bytes(content)
    assert len(Human(project, examples).answered) == 24


@pytest.mark.parametrize("size", [None, 6, 13])
def test_pictures_that_are_resized_or_partly_grey_are_still_known(tmp_path: Path, size: int | None) -> None:
    paint(tmp_path / "pictures", 6)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "pictures" / "one" / "z.png")
    files = [
        PictureFile(picture_key(path), path.relative_to(tmp_path / "pictures").as_posix())
        for path in sorted((tmp_path / "pictures").rglob("*.png"))
    ]
    project = Project.create(tmp_path / "project", SETTINGS, tmp_path / "pictures", files)
    for file in files[:3]:  # all of them grey, in a set with a coloured one
        project.record(Answer(picture=file.key, annotator="a", session="s", choice="dark"), key=file.key)
    examples = load_examples(f"folder:{tmp_path / 'pictures'}", size=size)
    assert examples.inputs.shape[1] == 3
    human = Human(project, examples)
    assert human.answered.tolist() == [0, 1, 2]
    assert human.answer(TeacherBatch.of(examples, torch.arange(3))).whole(3).probs().argmax(1).tolist() == [0, 0, 0]
    wide = load_examples(f"folder:{tmp_path / 'pictures'}", size=size).select(torch.tensor([0]))
    assert len(Human(project, wide).answered) == 1
