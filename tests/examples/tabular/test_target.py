"""What a table asks: guessed and told, or as `kind` says; classes of the training examples, and no others."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from small_tables import animals, csv, load, parquet, write

from joryu.errors import InputError
from joryu.examples import load_examples
from joryu.questions import Link, Question

N = list(range(60))


@pytest.mark.parametrize(
    ("column", "names", "link", "told"),
    [
        (["b", "a", "c"] * 20, ("a", "b", "c"), Link.SOFTMAX, None),
        ([10, 9, 1] * 20, ("1", "9", "10"), Link.SOFTMAX, "'t': 3 different whole numbers are taken as classes"),
        (["1.0", "0.0", ""] * 20, ("0", "1"), Link.SOFTMAX, "'t': 2 different whole numbers are taken as classes"),
        (N, ("t",), Link.IDENTITY, "'t' is taken as a number to predict"),
        ([at % 3 + 0.5 for at in N], ("t",), Link.IDENTITY, "'t' is taken as a number to predict"),
        (["True", "False"] * 30, ("False", "True"), Link.SOFTMAX, None),
    ],
)
def test_the_question_is_guessed_and_told(
    tmp_path: Path, column: list[object], names: tuple[str, ...], link: Link, told: str | None
) -> None:
    examples = load(csv(tmp_path, a=N, t=column), target="t").examples
    assert examples.question is not None
    assert (examples.question.names, examples.question.link) == (names, link)
    said = [remark for remark in examples.remarks if remark.startswith("'t'")]
    assert [remark.partition(";")[0] for remark in said] == ([told] if told else [])


def test_text_that_looks_like_tags_and_is_taken_as_classes_is_told(tmp_path: Path) -> None:
    said = "'t': 'red;round' is taken as a class of its own; kind=tags to read it as several tags"
    place = csv(tmp_path, a=N, t=["red", "red;round", "round; big"] * 20)
    assert load(place, target="t").examples.remarks == (said,)
    assert load(place, target="t", kind="one-of").examples.remarks == ()
    assert load(place, target="t", kind="tags").examples.classes == ("big", "red", "round")
    unalike = csv(tmp_path, a=N, t=["salt; coarse", "pepper"] * 30)
    assert load(unalike, target="t").examples.remarks == ()


def test_labels_are_those_of_the_rows(tmp_path: Path) -> None:
    examples = load(csv(tmp_path, a=[1, 2, 3, 4, 5, 6], t=[9, 10, "", 9.0, "n/a", 9]), target="t").examples
    assert examples.labels is not None
    assert examples.labels.tolist() == [0, 1, -1, 0, -1, 0]
    assert "2 of 6 rows of set.csv have no t: they have no label" in examples.remarks
    numbers = load(csv(tmp_path, a=[1, 2, 3], t=[0.5, "", 2]), target="t").examples
    assert numbers.labels is not None
    assert [str(value) for value in numbers.labels.flatten().tolist()] == ["0.5", "nan", "2.0"]


def test_kind_overrules(tmp_path: Path) -> None:
    place = csv(tmp_path, a=N, t=[at % 2 for at in N], u=[at % 3 for at in N])
    links = {kind: load(place, target="t", kind=kind).examples.question for kind in ("one-of", "numbers", "tags")}
    assert {kind: question.link for kind, question in links.items() if question} == {
        "one-of": Link.SOFTMAX, "numbers": Link.IDENTITY, "tags": Link.SIGMOID
    }  # fmt: skip
    with pytest.raises(InputError, match=r"expected one-of, numbers, tags; received 'classes'"):
        load(place, target="t", kind="classes")
    with pytest.raises(InputError, match=r"column 'u' holds tags, and row 4 of set.csv something else.*received '2'"):
        load(place, target="u", kind="tags")
    with pytest.raises(InputError, match=r"column 'kind' holds numbers, and row 2 of animals.csv something else"):
        load(animals(tmp_path), target="kind", kind="numbers")


def test_several_targets_are_tags_or_numbers(tmp_path: Path) -> None:
    place = csv(tmp_path, a=[1, 2, 3], red=[1, 0, ""], round=["true", "FALSE", 1], size=[1.5, 2, 3])
    tags = load(place, target="red;round").examples
    assert tags.question is not None
    assert (tags.question.link, tags.question.names) == (Link.SIGMOID, ("red", "round"))
    assert tags.labels is not None
    assert tags.labels.tolist() == [[1, 1], [0, 0], [-1, 1]]
    both = load(place, target="red; size").examples
    assert both.labels is not None
    assert both.labels[:2].tolist() == [[1.0, 1.5], [0.0, 2.0]]
    assert math.isnan(both.labels[2, 0])
    with pytest.raises(InputError, match="several columns cannot be one class"):
        load(place, target="red;round", kind="one-of")


@pytest.mark.parametrize("name", ["target", "Label", "class", "y"])
def test_a_column_that_is_called_so_is_the_target(tmp_path: Path, name: str) -> None:
    examples = load(csv(tmp_path, **{"a": [1, 2], name: ["x", "z"]})).examples
    assert examples.classes == ("x", "z")
    assert f"asks about the column {name!r}" in examples.remarks


def test_without_exactly_one_such_column_it_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"which column of animals.csv is asked about\? .*weight, colour, legs, kind"):
        load(animals(tmp_path))
    with pytest.raises(InputError, match="which column"):
        load(csv(tmp_path, y=[1, 2], label=[1, 2], a=[1, 2]))
    with pytest.raises(InputError, match=r"animals.csv has no column 'knd' to ask about .*did you mean kind\?"):
        load(animals(tmp_path), target="knd")


def test_a_class_that_only_the_test_split_has_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "set", "train.csv", "a,y\n1,cat\n2,dog\n3,cat\n")
    write(tmp_path / "set", "test.csv", "a,y\n1,cat\n2,cow\n")
    with pytest.raises(InputError, match=r"row 3 of test.csv is of a class .*expected cat, dog; received 'cow'"):
        load(tmp_path / "set", "test")
    assert load(tmp_path / "set").examples.classes == ("cat", "dog")


def test_classes_are_the_same_however_numbers_are_written(tmp_path: Path) -> None:
    write(tmp_path / "set", "train.csv", "a,y\n1,1\n2,10\n3,1\n4,2\n5,2\n6,10\n7,1\n8,2\n9,1\n")
    parquet(tmp_path / "set" / "test.parquet", a=[1, 2], y=[10.0, None])
    examples = load(tmp_path / "set", "test").examples
    assert examples.classes == ("1", "2", "10")
    assert examples.labels is not None
    assert examples.labels.tolist() == [2, -1]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (["", "", ""], "column 'y' of set.csv has no value at all"),
        (["x", "x", "x"], "'y' of set.csv says the same in every row .expected two classes or more; received 'x'"),
    ],
)  # fmt: skip
def test_targets_that_ask_nothing(tmp_path: Path, column: list[object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load(csv(tmp_path, a=[1, 2, 3], y=column))


def test_a_text_of_its_own_in_every_row_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"column 'y' of set.csv has another class in every row"):
        load(csv(tmp_path, a=N, y=[f"text {at}" for at in N]))


def test_a_column_of_lists_holds_tags(tmp_path: Path) -> None:
    """As exports of tagged pictures and documents have them: the names are those of train, by letter."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part, tags in {"train": [["red", "round"], [], None, ["blue"]], "test": [["red"], ["green"]]}.items():
        pq.write_table(
            pa.table({"x": [0.5 * at for at in range(len(tags))], "tags": tags}), tmp_path / f"{part}.parquet"
        )
    shown = load_examples(f"table:{tmp_path},target=tags")
    assert shown.question == Question.tags(["blue", "red", "round"])
    assert shown.labels is not None
    assert shown.labels.tolist() == [[0, 1, 1], [0, 0, 0], [-1, -1, -1], [1, 0, 0]]
    evaluation_set = load_examples(f"table:{tmp_path},target=tags", split="test")
    assert evaluation_set.labels is not None
    assert evaluation_set.labels.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert any("do not have are not asked: green" in remark for remark in evaluation_set.remarks)


def test_text_may_list_tags_where_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,kinds\n1,red; round\n2,blue\n3,\n")
    shown = load_examples(f"table:{tmp_path}/a.csv,target=kinds,kind=tags")
    assert shown.question is not None and shown.labels is not None
    assert shown.question.names == ("blue", "red", "round")
    assert shown.labels.tolist() == [[0, 1, 1], [1, 0, 0], [-1, -1, -1]]
