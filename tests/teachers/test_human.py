"""People as a teacher like any other: known by content, labelled, audited, distilled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_project import SETTINGS, make_project, paint

from joryu.annotations import Answer, PictureFile, Project
from joryu.annotations.trials import Trials
from joryu.cli import main
from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, load_examples
from joryu.examples.annotated import majority
from joryu.targets import Space, audit
from joryu.teachers import Human, Interpretation, TeacherBatch, find_teacher, read_answers
from joryu.teachers.labelling import label_and_count, label_examples


@pytest.fixture
def asked(tmp_path: Path) -> tuple[Project, list[PictureFile]]:
    return make_project(tmp_path)


def spec(project: Project) -> str:
    return f"project:{project.folder}"


def test_answered_pictures_come_with_the_majoritys_choice(asked: tuple[Project, list[PictureFile]]) -> None:
    project, files = asked
    examples = load_examples(spec(project))
    assert examples.classes == SETTINGS.classes
    assert examples.sources == tuple(file.path for file in files)
    # Of two answers that differ, ann's came first.
    assert examples.labels_or_empty.tolist() == [at % 3 for at in range(24)]
    project.record(Answer(picture=files[3].key, annotator="cleo", session="c", choice="grey"), key="c")
    assert load_examples(spec(project)).labels_or_empty[3] == 1  # bob and cleo against ann


def test_pictures_nobody_chose_for_are_not_examples(tmp_path: Path) -> None:
    files = paint(tmp_path / "pictures", 6)
    project = Project.create(tmp_path / "project", SETTINGS, tmp_path / "pictures", files)
    with pytest.raises(InputError, match="nobody has answered yet"):
        load_examples(spec(project))
    for at, choice in enumerate(["dark", None, "grey"]):
        project.record(Answer(picture=files[at].key, annotator="a", session="s", choice=choice), key=str(at))
    assert load_examples(spec(project)).sources == (files[0].path, files[2].path)
    (tmp_path / "pictures" / files[0].path).unlink()
    examples = load_examples(spec(project))
    assert examples.sources == (files[2].path,)
    assert examples.rejected == ((files[0].path, "the file is gone"),)
    (tmp_path / "pictures" / files[2].path).write_bytes((tmp_path / "pictures" / files[1].path).read_bytes())
    with pytest.raises(MismatchError, match="another picture than the one that was answered"):
        load_examples(spec(project))
    with pytest.raises(InputError, match="one set without splits"):
        load_examples(spec(project), split="test")


def test_ties_go_to_the_class_answered_first() -> None:
    said = [("p", "grey"), ("p", "dark"), ("q", "dark"), ("q", "grey"), ("q", "grey")]
    answers = [Answer(picture=p, annotator=str(at), session="s", choice=c) for at, (p, c) in enumerate(said)]
    assert majority(Trials.of(answers, SETTINGS)) == [1, 1]


def test_answers_find_their_pictures_by_content(asked: tuple[Project, list[PictureFile]]) -> None:
    project, files = asked
    examples = load_examples(spec(project))
    reading = Interpretation(confidence="stated")
    human = Human(project, examples, reading)
    read = read_answers(project.answers(), SETTINGS, reading)
    order = [read.pictures.index(file.key) for file in files]
    backwards = torch.arange(23, -1, -1)
    targets = human.answer(TeacherBatch.of(examples, backwards)).whole(24)
    assert (targets.space, targets.signal_names) == (Space.PROBS, ("response_time", "attention"))
    np.testing.assert_allclose(targets.values.numpy(), read.probs[order][backwards], rtol=1e-6)
    strange = Examples.of(examples.inputs[:2] + 1, classes=SETTINGS.classes)
    half = TeacherBatch.of(strange)
    half.ids[1] = examples.ids[3]  # known by its id: its pixels are not looked at
    reply = human.answer(half)
    assert reply.failures == {0: "nobody answered about this picture"} and reply.answered(2) == [1]
    assert reply.soft_targets is not None and torch.equal(reply.soft_targets.values[0], targets.values[20])
    with pytest.raises(InputError, match=r"not views .*leave --views out"):
        human.answer(TeacherBatch.of(examples, torch.tensor([0]), seeds=torch.tensor([1])))


def test_the_fingerprint_covers_answers_and_reading(asked: tuple[Project, list[PictureFile]]) -> None:
    project, files = asked
    examples = load_examples(spec(project))
    first = Human(project, examples, Interpretation(confidence="stated"))
    assert Human(project, examples).fingerprint == first.fingerprint  # auto reads what was stated
    assert Human(project, examples, Interpretation(confidence="response-time")).fingerprint != first.fingerprint
    project.record(Answer(picture=files[0].key, annotator="cleo", session="c", choice="grey"), key="c")
    assert Human(project, examples, Interpretation(confidence="stated")).fingerprint != first.fingerprint


def test_only_the_pictures_people_were_shown_are_asked_about(asked: tuple[Project, list[PictureFile]]) -> None:
    project, files = asked
    for _ in range(3):
        project.undo("ann", "s-ann", key=f"undo {_}")
        project.undo("bob", "s-bob", key=f"undo {_} too")
    everything = load_examples(f"folder:{project.pictures_root}")
    human, known = find_teacher(f"human:{project.folder},confidence=stated", everything)
    assert (len(everything), len(known)) == (24, 21)
    assert human.question.names == SETTINGS.classes  # not the folders' names
    assert known.sources == tuple(file.path for file in files[:21])
    with pytest.raises(InputError, match=r"nobody of .* answered about any of digits"):
        find_teacher(f"human:{project.folder}", load_examples("digits"))
    with pytest.raises(InputError, match="no labelling project at"):
        find_teacher("human:nowhere", everything)


def test_a_folders_name_may_have_a_comma(asked: tuple[Project, list[PictureFile]]) -> None:
    project, _ = asked
    examples = load_examples(spec(project))
    place = project.folder.rename(project.folder.with_name("roses, of 2019"))
    for options, model in (("", "stated"), (",confidence=response-time,weight=answers", "response-time")):
        assert find_teacher(f"human:{place}{options}", examples)[0].reading.confidence == model  # type: ignore[attr-defined]


def test_people_fill_a_store_like_anybody(asked: tuple[Project, list[PictureFile]], tmp_path: Path) -> None:
    project, _ = asked
    human, known = find_teacher(f"human:{project.folder},confidence=stated", load_examples(spec(project)))
    store = label_examples(human, known, tmp_path / "targets")
    assert len(store) == 24
    gathered = store.gather(store.rows(known.ids, 0))
    np.testing.assert_array_equal(gathered.values, human.answer(TeacherBatch.of(known)).whole(24).values)
    assert gathered.signal_names == ("response_time", "attention")
    assert not audit(store, known).fatal
    again = label_and_count(human, known, tmp_path / "targets")  # to ask people again is to read what they said
    assert (again.asked, again.kept) == (0, 24)
    assert again.again is not None and again.again.ok
    with pytest.raises(InputError, match="people answer by name"):
        find_teacher(f"human:{project.folder}", load_examples(spec(project)), order=("grey", "dark", "bright"))
    project.record(Answer(picture=project.pictures[0].key, annotator="cleo", session="c", choice="grey"), key="c")
    later, known = find_teacher(f"human:{project.folder},confidence=stated", load_examples(spec(project)))
    with pytest.raises(MismatchError, match="another teacher"):
        label_examples(later, known, tmp_path / "targets")


def run(capsys: pytest.CaptureFixture[str], words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(words.split())
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.mark.slow
def test_from_people_to_a_report_by_command(
    asked: tuple[Project, list[PictureFile]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, _ = asked
    project.undo("ann", "s-ann", key="u")
    project.undo("bob", "s-bob", key="u too")
    people, everything, out = f"human:{project.folder}", f"folder:{project.pictures_root}", tmp_path / "targets"
    code, said, err = run(capsys, f"label --teacher {people} --examples {everything} --out {out}")
    assert (code, said) == (0, f"23 answers in {out}\n")
    assert "nobody answered about 1 of 24 examples: they are left out" in err
    assert run(capsys, f"audit {out}")[0] == 0
    code, said, _ = run(capsys, f"verify {out}")
    assert code == 0
    assert "asked 23 again" in said
    shutil.rmtree(out)
    assert run(capsys, f"label --teacher {people} --examples {spec(project)} --out {out}")[0] == 0
    code, said, _ = run(capsys, f"audit {out}")
    assert code == 0
    assert "the labels are the majority of these very answers" in said
    assert "accuracy 1.0" not in said
    command = f"distill --student mlp:8x1 --examples {spec(project)} --targets {out} --out {tmp_path / 'run'} --twin"
    code, _, err = run(
        capsys, f"{command} --epochs 30 --batch-size 4 --test 0.25 --validation 0.25 --signal-weight 0.1"
    )
    assert code == 0, err
    assert "only 60 steps: if it learnt too little, try more --epochs" in err
    code, said, err = run(capsys, f"report {tmp_path / 'run'}")
    assert code == 0, err
    page = (tmp_path / "run" / "report.html").read_text()
    assert "the labels are the majority of these very answers" in page
    assert "not found again" not in page
    judged = json.loads((tmp_path / "run" / "evaluation.json").read_text())["models"]["teacher"]["evaluation"]
    assert judged["accuracy"] == 1.0  # by construction; how sure they were is what is worth showing


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (",mood=good", "cannot read how to take the answers"),
        (",confidence=severity*attention,left-over=confused", "unknown left-over"),
        (" --views shift:1 --n-views 2", "not views of them"),
        (" --size 0", "a picture's size is not usable"),
    ],
)
def test_mistakes_about_people_get_one_line(
    asked: tuple[Project, list[PictureFile]], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, said: str
) -> None:
    project, _ = asked
    words = f"label --teacher human:{project.folder}{more} --examples {spec(project)} --out {tmp_path / 'out'}"
    code, _, err = run(capsys, words)
    assert code == 2
    assert said in err
    assert err.count("joryu: ") == 1
    assert not (tmp_path / "out").exists()
