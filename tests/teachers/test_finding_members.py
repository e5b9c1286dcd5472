"""The members of an ensemble by their specs: each is shown what it learned from, and what all know is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_project import SETTINGS, ask, paint

from joryu.annotations import Project
from joryu.errors import InputError, MismatchError
from joryu.examples import load_examples, parse_views
from joryu.examples.preparation import PicturePreparation
from joryu.students import Blueprint, save_student
from joryu.targets import Store
from joryu.targets.combination import Combination
from joryu.targets.recombining import recombine
from joryu.teachers import TeacherBatch, find_teacher
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.teachers.verify import verify

CLASSES = ("ant", "bee")


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    rng = np.random.default_rng(1)
    for at in range(12):
        path = tmp_path / "set" / CLASSES[at % 2] / f"{at:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (24, 24), dtype=np.uint8)).save(path)
    return f"folder:{tmp_path / 'set'}"


def saved(folder: Path, side: int, *, seed: int = 0, names: tuple[str, ...] = CLASSES) -> str:
    """A run that learned from pictures of this size."""
    shape = PicturePreparation(channels=1, height=side, width=side)
    plan = Blueprint(
        architecture="mlp:8x1", input_shape=(1, side, side), classes=names, scale=1 / 255, preparation=shape
    )
    torch.manual_seed(seed)
    folder.mkdir()
    save_student(folder, plan.build(), plan)
    return f"run:{folder}"


def test_members_of_other_sizes_are_each_shown_their_own(pictures: str, tmp_path: Path) -> None:
    specs = [saved(tmp_path / "large", 16), saved(tmp_path / "small", 8, seed=1), saved(tmp_path / "again", 16, seed=2)]
    examples = load_examples(pictures, size=12)
    alone = []
    for spec in specs:
        teacher, shown = find_teacher(spec, examples)
        alone.append(label_examples(teacher, shown, tmp_path / spec[-5:], options=LabelOptions(
            origin=LabelOrigin(teacher=spec, examples=pictures))))  # fmt: skip
    spec = f"ensemble:logits:{'|'.join(specs)}"
    teacher, known = find_teacher(spec, examples)
    assert known.inputs.shape[1:] == (1, 16, 16)
    told = [remark for remark in known.remarks if remark not in examples.remarks]
    assert [remark.rpartition(": ")[0] for remark in told] == specs
    assert "[B, 1, 8, 8]" in told[1] and "as it learned" in told[1]
    asked = label_examples(teacher, known, tmp_path / "asked", options=LabelOptions(origin=LabelOrigin(teacher=spec)))
    made = recombine(alone, tmp_path / "made", Combination.parse("logits")).store
    for store in (asked, made):
        found = store.gather(store.rows(examples.ids, 0)).values
        for at, own in enumerate(alone):
            assert torch.equal(found[:, at], own.gather(own.rows(examples.ids, 0)).values)
        assert verify(store, *find_teacher(store.teacher_spec or "", examples)).ok
    assert made.manifest.examples.shape == asked.manifest.examples.shape == (1, 16, 16)


def test_views_have_one_size(pictures: str, tmp_path: Path) -> None:
    large, small, other = saved(tmp_path / "l", 16), saved(tmp_path / "s", 8), saved(tmp_path / "o", 16, seed=3)
    examples = load_examples(pictures, size=12)
    with pytest.raises(InputError, match=r"run:.*s is shown pictures of another size than run:.*l.*leave --views"):
        find_teacher(f"ensemble:soft:{large}|{small}", examples, n_views=2)
    spec = f"ensemble:soft:{large}|{other}"
    teacher, known = find_teacher(spec, examples, n_views=2)
    store = label_examples(teacher, known, tmp_path / "t", views=parse_views("shift:10%"), n_views=2)
    assert len(store) == 3 * len(examples)
    alone = [label_examples(*find_teacher(one, examples, n_views=2), tmp_path / one[-1] / "t",
                            views=parse_views("shift:10%"), n_views=2) for one in (large, other)]  # fmt: skip
    made = recombine(alone, tmp_path / "made", Combination()).store
    assert len(made) == len(store) and made.manifest.views == store.manifest.views
    rows = [one.rows(examples.ids, 2) for one in (store, made)]
    assert torch.equal(store.gather(rows[0]).values, made.gather(rows[1]).values)
    fewer = label_examples(*find_teacher(other, examples), tmp_path / "fewer")
    done = recombine([alone[0], fewer], tmp_path / "some", Combination())
    assert done.without_views and len(done.store) == len(examples)


def test_other_classes_are_refused_and_other_orders_mapped(pictures: str, tmp_path: Path) -> None:
    first, turned = saved(tmp_path / "f", 12), saved(tmp_path / "t", 12, names=CLASSES[::-1])
    examples = load_examples(pictures, size=12)
    teacher, known = find_teacher(f"ensemble:soft:{turned}|{first}", examples)
    assert teacher.question.names == CLASSES  # as the examples have them, whoever stands first
    assert any(f"{turned} gives its classes in another order" in remark for remark in known.remarks)
    batch = TeacherBatch.of(known)
    values = teacher.answer(batch).whole(12).values
    assert torch.equal(values[:, 0], values[:, 1].flip(-1))  # the same weights
    strange = saved(tmp_path / "x", 12, names=("ant", "cow"))
    with pytest.raises(MismatchError, match="classes"):
        find_teacher(f"ensemble:soft:{first}|{strange}", examples)


def test_people_and_a_network_are_asked_about_what_both_know(tmp_path: Path) -> None:
    files = paint(tmp_path / "pictures", 24)
    project = Project.create(tmp_path / "project", SETTINGS, tmp_path / "pictures", files)
    ask(project, files[:18])
    project.close()
    examples = load_examples(f"project:{tmp_path / 'project'}")
    network = saved(tmp_path / "run", 8, names=SETTINGS.classes)
    people = f"human:{tmp_path / 'project'},confidence=constant:0.2"
    for spec in (f"ensemble:soft,weights=1/3:{network}|{people}", f"ensemble:soft,weights=3/1:{people}|{network}"):
        teacher, known = find_teacher(spec, examples)
        assert len(known) == 18
        said = teacher.answer(TeacherBatch.of(known)).whole(18)
        assert said.signal_names and said.values.shape == (18, 2, 3)
        alone = find_teacher(people, examples)[0].answer(TeacherBatch.of(known)).whole(18)
        at = 1 if spec.endswith("0.2") else 0
        assert torch.allclose(said.probs()[:, at], alone.probs(), atol=1e-5)
    with pytest.raises(InputError, match="not views of them"):
        find_teacher(f"ensemble:soft:{network}|{people}", examples, n_views=1)


def test_a_store_made_elsewhere_finds_its_members_from_here(
    pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path / "a", 12), saved(tmp_path / "b", 12, seed=1)
    monkeypatch.chdir(tmp_path)
    spec = "ensemble:power=2:run:a|run:b"
    examples = load_examples("folder:set", size=12)
    store = label_examples(*find_teacher(spec, examples), tmp_path / "t", options=LabelOptions(
        origin=LabelOrigin(teacher=spec, examples="folder:set")))  # fmt: skip
    assert store.teacher_spec == spec
    monkeypatch.chdir("/")
    found = Store.open(tmp_path / "t")
    assert found.teacher_spec == f"ensemble:power=2:run:{tmp_path / 'a'}|run:{tmp_path / 'b'}"
    assert found.teacher_specs == (f"run:{tmp_path / 'a'}", f"run:{tmp_path / 'b'}")
    assert find_teacher(found.teacher_spec, examples)[0].fingerprint == store.manifest.teacher.fingerprint


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ensemble:soft:", "members need names"),
        ("ensemble:soft:run:a|", "members need names"),
        ("ensemble:soft:run:a|run:b|run:a", "to count it twice give it a larger weight"),
        ("ensemble:mean:run:a|run:b", "unknown rule"),
        ("ensemble:soft,weights=1:run:a|run:b", "one weight for each member"),
        ("ensemble:soft:run:a|ensemble:soft:run:b", "an ensemble of ensembles"),
        ("ensemble:soft:run:a|google-vision", "paid by the answer"),
    ],
)
def test_specs_that_name_no_ensemble(pictures: str, tmp_path: Path, monkeypatch, spec: str, message: str) -> None:
    saved(tmp_path / "a", 12)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        find_teacher(spec, load_examples(pictures, size=12))
