"""The manifest: kept whole, and firm about what must agree."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from joryu.errors import InputError, MismatchError
from joryu.questions import Question
from joryu.targets import Cost, Encoding, Form, Manifest, Space
from joryu.targets.manifest import SCHEMA

Make = Callable[..., Manifest]


def test_it_reads_what_it_wrote(tmp_path: Path, make_manifest: Make) -> None:
    form = Form(space=Space.PROBS, temperature=2.0, shape=(3, 4), members=3)
    manifest = make_manifest(
        form=form, encoding=Encoding.parse("top-4"), views="shift:2", n_views=3, cost=Cost(requests=2, money=0.5)
    )
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert written["schema_version"] == SCHEMA
    assert written["form"] == {
        "space": "probs", "temperature": 2.0, "shape": [3, 4], "members": 3, "signals": [],
        "combination": None,
    }  # fmt: skip


def test_it_names_no_host(make_manifest: Make) -> None:
    import platform

    machine = make_manifest().provenance.machine
    assert set(machine) == {"system", "cpu", "cores", "threads", "accelerator", "python", "torch"}
    assert platform.node() not in machine.values()


def test_costs_add_up() -> None:
    total = Cost(requests=1, seconds=0.5, money=2) + Cost(requests=2, seconds=0.25, money=1)
    assert total == Cost(requests=3, seconds=0.75, money=3)


def test_no_store_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no soft targets at .*no such folder.*joryu label"):
        Manifest.read(tmp_path / "nowhere")
    with pytest.raises(InputError, match="a folder without it"):
        Manifest.read(tmp_path)


def test_a_newer_schema_is_refused_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"schema_version": SCHEMA + 1, "unheard": "of"}))
    with pytest.raises(MismatchError, match=f"newer Joryu .*schema <= {SCHEMA}; received schema {SCHEMA + 1}.*upgrade"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("wrong", [{"schema_version": 0}, {"batch_size": 0}, {"n_views": -1}])
def test_numbers_that_cannot_be_are_named(tmp_path: Path, make_manifest: Make, wrong: dict[str, int]) -> None:
    make_manifest().write(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(
        InputError, match=rf"not a usable manifest: {next(iter(wrong))} is not usable \(expected at least \d; received"
    ):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema_version": 1}', '{"schema_version": "x"}'])
def test_a_broken_manifest_is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match="manifest"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"teacher": "other"},
            "another teacher .*expected teacher-1; received other.*run:teacher.* with the weights, settings",
        ),
        ({"examples": "other"}, "other examples .*expected examples-1; received other"),
        ({"views": "flip"}, "other views .*expected shift:2; received flip"),
        ({"encoding": Encoding.parse("top-2")}, "another encoding .*expected dense:float16; received top-2:float16"),
        ({"batch_size": 5}, "another batch size .*expected 4; received 5"),
        ({"question": Question.one_of("ab")}, "another question .*expected 4 classes; received 2"),
        ({"question": Question.tags("abcd")}, "another question .*expected softmax outputs; received sigmoid"),
        ({"question": Question.one_of("acbd")}, "another question .*expected class 1 to be 'b'; received 'c'"),
    ],
)
def test_each_mismatch_names_the_part_and_both_values(make_manifest: Make, given: dict, message: str) -> None:
    manifest = make_manifest(views="shift:2", encoding=Encoding())
    with pytest.raises(MismatchError, match=message):
        manifest.require(**given)


def test_what_agrees_or_is_not_given_passes(make_manifest: Make) -> None:
    make_manifest().require()
    make_manifest().require(
        teacher="teacher-1", examples="examples-1", question=Question.one_of("abcd"), views="flip", batch_size=4
    )


@pytest.mark.parametrize(
    ("form", "link", "grid", "space"),
    [
        ({"space": "logits", "kind": "one-of-many"}, "softmax", (), "logits"),
        ({"space": "scores", "kind": "many-of-many"}, "sigmoid", (), "probs"),
        ({"space": "logits", "kind": "per-pixel"}, "softmax", ("height", "width"), "logits"),
        ({"space": "logits", "kind": "regression"}, "identity", (), "numbers"),
        (None, "softmax", (), None),
    ],
)
def test_a_manifest_of_the_first_schema_is_read(
    tmp_path: Path, make_manifest: Make, form: dict | None, link: str, grid: tuple, space: str | None
) -> None:
    rest = {"temperature": 1.0, "shape": [4], "members": 0, "signals": []}
    content = json.loads(make_manifest().model_dump_json())
    del content["question"]
    content |= {"schema_version": 1, "classes": ["a", "b", "c", "d"], "form": form and form | rest}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    manifest = Manifest.read(tmp_path)
    assert (manifest.question.names, manifest.question.link, manifest.question.grid) == (tuple("abcd"), link, grid)
    assert (manifest.form and manifest.form.space) == space
    assert manifest.schema_version == SCHEMA


def test_a_kind_of_the_first_schema_that_nobody_carries_is_refused(tmp_path: Path, make_manifest: Make) -> None:
    content = json.loads(make_manifest().model_dump_json())
    del content["question"]
    content |= {"schema_version": 1, "classes": ["a"], "form": {"kind": "per-frame", "space": "logits"}}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="per-frame"):
        Manifest.read(tmp_path)
