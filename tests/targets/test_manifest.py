"""The manifest: kept whole, and firm about what must agree."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joryu.errors import InputError, MismatchError
from joryu.questions import PICTURE, Question
from joryu.targets import Cost, Encoding, Form, Manifest, Space
from joryu.targets.combination import Combination
from joryu.targets.manifest import SCHEMA, ExamplesRecord, FormerExamples
from joryu.targets.rounding import Rounding

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


ODD = [None, True, -1, 0, 1.5, math.inf, math.nan, 10**400, "", "x", "\ud83d", [], {}, [1], [None], {"a": 1}]


def inner_places(content: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place, *(inner for name, value in items for inner in inner_places(value, (*place, name)))]


def replaced(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    copy = content.copy()
    copy[place[0]] = replaced(content[place[0]], place[1:], value)
    return copy


def full_manifest(make: Make) -> Any:
    former = FormerExamples(fingerprint="f", name="n", count=3, brought=2, until="2026", licences={"CC0": 1})
    manifest = make(
        form=Form(space=Space.PROBS, temperature=2.0, shape=(3, 4), members=3, combination=Combination("vote")),
        encoding=Encoding.parse("top-4"), views="shift:2", n_views=3, former=(former,), precision="32-true",
        rounding=Rounding(probability=0.1, divergence=0.0, n=4),
    )  # fmt: skip
    return json.loads(manifest.model_dump_json())


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_value_that_somebody_changed_is_read_or_refused_in_one_line(
    tmp_path: Path, make_manifest: Make, data: st.DataObject
) -> None:
    content = full_manifest(make_manifest)
    if data.draw(st.booleans()):  # as the first schema had it
        del content["question"]
        form = content["form"] | {"kind": "one-of-many"}
        content |= {"schema_version": 1, "classes": ["a", "b", "c", "d"], "form": form}
    place = data.draw(st.sampled_from(inner_places(content)))
    (tmp_path / "manifest.json").write_text(json.dumps(replaced(content, place, data.draw(st.sampled_from(ODD)))))
    try:
        found = Manifest.read(tmp_path)
    except (InputError, MismatchError) as refused:
        assert "\n" not in str(refused)
    else:
        found.write(tmp_path)
        assert Manifest.read(tmp_path) == found


@pytest.mark.parametrize(
    ("stored", "given", "hint"),
    [
        ((3, 32, 32), (3, 64, 64), r"expected \[3, 32, 32\]; received \[3, 64, 64\]\); try --size 32, or label"),
        ((3, 32, 48), (3, 64, 64), r"; label into another folder"),
        ((7,), (8,), r"expected \[7\]; received \[8\]\); label into another folder"),
    ],
)
def test_inputs_of_another_shape_are_refused(
    stored: tuple[int, ...], given: tuple[int, ...], hint: str, make_manifest: Make
) -> None:
    record = ExamplesRecord(fingerprint="f", name="n", count=1, shape=stored)
    manifest = make_manifest(examples=record)
    for passes in (stored, None):
        manifest.require_shape(passes)
    make_manifest().require_shape(given)
    with pytest.raises(MismatchError, match=rf"inputs of another shape .*{hint}"):
        manifest.require_shape(given)


@pytest.mark.parametrize("members", [0, 3])
def test_answers_about_pixels_are_about_those_that_the_student_is_shown(members: int, make_manifest: Make) -> None:
    shape = (3, 8, 6, 2) if members else (8, 6, 2)
    form = Form(space=Space.LOGITS, temperature=1.0, shape=shape, members=members)
    manifest = make_manifest(question=Question.one_of("ab", grid=PICTURE), form=form)
    manifest.require_sites((3, 8, 6))
    with pytest.raises(MismatchError, match=r"other pixels .*expected 6×8; received 8×6\); label into"):
        manifest.require_sites((3, 6, 8))
    make_manifest(form=Form(space=Space.LOGITS, temperature=1.0, shape=(4,), members=0)).require_sites((3, 6, 8))
    make_manifest(question=Question.one_of("ab", grid=PICTURE)).require_sites((3, 6, 8))  # before the first answer


def test_a_store_without_a_precision_was_made_in_float32_once_it_holds_an_answer(make_manifest: Make) -> None:
    form = Form(space=Space.LOGITS, temperature=1.0, shape=(4,), members=0)
    assert make_manifest().asked_at is None
    assert make_manifest(form=form).asked_at == "32-true"
    assert make_manifest(form=form, precision="bf16-mixed").asked_at == "bf16-mixed"


def test_licences_that_are_said_now_take_the_place_of_those_before() -> None:
    old = ExamplesRecord(fingerprint="f", name="n", count=2, licences={"CC0": 2}, sources={"me": 2})
    new = ExamplesRecord(fingerprint="g", name="m", count=9, licences={"CC-BY-4.0": 2}, sources={"you": 2})
    found = old.with_origins_of(new)
    assert found == old.model_copy(update={"licences": {"CC-BY-4.0": 2}, "sources": {"you": 2}})
    assert old.with_origins_of(ExamplesRecord(fingerprint="g", name="m", count=9)) is old
