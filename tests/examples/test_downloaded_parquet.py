"""Parquet sets as the Hub, its cache and its converter leave them: shards, hashes, configurations, odd columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from picture_files import features, flat, pictures, table, write_files
from picture_files import write_parquet as write

from joryu.errors import InputError
from joryu.examples import Examples, labelled_splits, load_examples, split_names, with_column
from joryu.examples.overview import look
from joryu.examples.overview_text import overview_lines, summary_line
from joryu.questions import Question


def load(root: Path, split: str = "train", column: str | None = None) -> Examples:
    return load_examples(f"parquet:{root}", split=split, column=column)


def labels_of(examples: Examples) -> list[Any]:
    assert examples.labels is not None
    return examples.labels.tolist()


def named(examples: Examples) -> list[str]:
    return [] if examples.labels is None else [examples.classes[label] for label in examples.labels.tolist()]


def test_the_order_of_the_classes_in_each_shard_counts(tmp_path: Path) -> None:
    write(tmp_path / "train-00000-of-00002.parquet", [flat(1), flat(2)], [0, 1], metadata=features(["cat", "dog"]))
    write(tmp_path / "train-00001-of-00002.parquet", [flat(3), flat(4)], [0, None], metadata=features(["dog", "cat"]))
    write(tmp_path / "test-00000-of-00001.parquet", [flat(5)], [0], metadata=features(["dog", "cat"]))
    train, test = load(tmp_path), load(tmp_path, "test")
    assert train.classes == test.classes == ("cat", "dog")
    assert train.labels is not None
    assert train.labels.tolist() == [0, 1, 1, -1]
    assert named(test) == ["dog"]


def test_shards_of_other_classes_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train-00000-of-00002.parquet", [flat(1)], [0], metadata=features(["cat", "dog"]))
    for other in (features(["cat", "emu"]), None):
        write(tmp_path / "train-00001-of-00002.parquet", [flat(3)], [0], metadata=other)
        with pytest.raises(InputError, match=r"train-00001-of-00002.parquet names other classes than train-00000"):
            load(tmp_path)


def test_rows_of_a_class_that_train_lacks_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [flat(1), flat(2)], [0, 1], metadata=features(["cat", "dog"]))
    names = features(["emu", "dog", "cat"])
    write(tmp_path / "test.parquet", [flat(3), flat(4), b"x", flat(5)], [0, 2, 1, 1], metadata=names)
    test = load(tmp_path, "test")
    assert (test.classes, named(test)) == (("cat", "dog"), ["cat", "dog"])
    assert test.inputs[:, 0, 0, 0].tolist() == [4, 5]
    assert ("test.parquet#0", "its class 'emu' is none that train has") in test.rejected
    assert test.remarks == ("1 picture is left out: train does not have their class",)
    write(tmp_path / "test.parquet", [flat(3)], [0], metadata=names)
    with pytest.raises(InputError, match=r"no usable example .*received emu"):
        load(tmp_path, "test")


def test_splits_without_a_train_have_classes_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "background.parquet", [flat(1), flat(2)], [0, 1], metadata=features(["cat", "dog"]))
    write(tmp_path / "evaluation.parquet", [flat(3)], [0], metadata=features(["emu", "owl"]))
    assert load(tmp_path, "background").classes == ("cat", "dog")
    assert load(tmp_path, "evaluation").classes == ("emu", "owl")
    with pytest.raises(InputError, match=r"classes of their own .*cat, dog as in background; .*emu, owl in evaluation"):
        load(tmp_path, "all")


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        (("train-00000-of-00003", "train-00002-of-00003"), "train-00001-of-00003.parquet"),
        (("train-00001-of-00002-a09b74b3ef9c3b56",), "train-00000-of-00002.parquet"),
        (("train/0000", "train/0002"), "0001.parquet"),
        (("train", "test-00000-of-00002"), "test-00001-of-00002.parquet"),
    ],
)
def test_a_missing_shard_is_named(tmp_path: Path, there: tuple[str, ...], missing: str) -> None:
    for name in there:
        write(tmp_path / f"{name}.parquet", [flat(1)], [0])
    with pytest.raises(InputError, match=f"lacks {missing}.*try downloading it again"):
        load(tmp_path)


def test_two_versions_of_a_split_are_refused(tmp_path: Path) -> None:
    for name in ("train-00000-of-00001-a09b74b3ef9c3b56", "train-00000-of-00001-b09b74b3ef9c3b56"):
        write(tmp_path / f"{name}.parquet", [flat(1)], [0])
    with pytest.raises(InputError, match=r"more than one version of a split .*received train-00000-of-00001-a09b"):
        load(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "{}.parquet",
        "{}-00000-of-00001.parquet",
        "{}-00000-of-00001-a09b74b3ef9c3b56.parquet",
        "data/{}-00000-of-00001-a09b74b3ef9c3b56.parquet",
        "default/{}/0000.parquet",
        "{}/part-00000-0c0ffee0-c000.snappy.parquet",
        "snapshots/c0ffee/plain_text/{}-00000-of-00001.parquet",
    ],
)
def test_splits_are_found_as_the_hub_names_them(tmp_path: Path, name: str) -> None:
    for at, split in enumerate(("train", "test", "Validation")):
        write(tmp_path / name.format(split), [flat(at)], [at])
    assert split_names(f"parquet:{tmp_path}") == ("train", "validation", "test")
    for at, split in enumerate(("train", "test", "val")):
        assert load(tmp_path, split).inputs[0, 0, 0, 0] == at
    assert load_examples(str(tmp_path), split="test").inputs[0, 0, 0, 0] == 1


def test_configurations_are_told_apart(tmp_path: Path) -> None:
    for config in ("full", "small"):
        write(tmp_path / config / "train-00000-of-00001.parquet", [flat(1)], [0])
    with pytest.raises(InputError, match=r"several Parquet sets \(received full, small\); try parquet:.*/full"):
        load(tmp_path)
    write(tmp_path / "train.parquet", [flat(1)], [0])
    assert load(tmp_path).remarks == ("beside its files and not read: full/, small/",)


def test_the_hubs_cache_is_read_through_its_links(tmp_path: Path) -> None:
    blob = write(tmp_path / "datasets--me--roses" / "blobs" / "0a1b", [flat(7)], [0])
    link = blob.parents[1] / "snapshots" / "c0ffee" / "data" / "train-00000-of-00001.parquet"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../../blobs/0a1b")
    for place in (link.parents[1], blob.parents[1]):
        assert load(place).inputs[0, 0, 0, 0] == 7


IMAGE = {"_type": "Image"}


def kind(*names: str) -> dict[str, Any]:
    return {"_type": "ClassLabel", "names": list(names)}


def test_of_several_columns_the_one_of_the_usual_name_is_taken(tmp_path: Path) -> None:
    columns = {"mask": pictures(1, 2), "image": pictures(3, 4), "group": [0, 0], "label": [1, 0]}
    described = {"mask": IMAGE, "image": IMAGE, "group": kind("x"), "label": kind("cat", "dog")}
    examples = load(table(tmp_path / "train.parquet", columns, described))
    assert examples.inputs[:, 0, 0, 0].tolist() == [3, 4]
    assert (named(examples), examples.remarks) == (["dog", "cat"], ())


def test_columns_that_may_be_meant_are_refused_until_one_is_named(tmp_path: Path) -> None:
    columns = {"left": pictures(1, 2), "right": pictures(3, 4), "fine_label": [1, 0], "coarse_label": [0, 0]}
    described = {"left": IMAGE, "right": IMAGE, "fine_label": kind("cat", "dog"), "coarse_label": kind("pet")}
    path = table(tmp_path / "train.parquet", columns, described)
    with pytest.raises(InputError, match=r"several columns of pictures .*received left, right\); try --column left"):
        load(path)
    with pytest.raises(InputError, match=r"several columns of labels .*; try --column right,fine_label \(or #right,"):
        load(path, column="right")
    both = load(path, column="right,fine_label")
    assert (both.inputs[:, 0, 0, 0].tolist(), named(both)) == ([3, 4], ["dog", "cat"])
    assert both.remarks == ("pictures from column right, labels from column fine_label",)
    same = load_examples(f"parquet:{path}#right,fine_label")
    assert (same.ids == both.ids).all()
    assert labelled_splits(f"parquet:{path}#right,fine_label") == ("train",)
    assert labelled_splits(f"parquet:{path}", column="right,fine_label") == ("train",)
    with pytest.raises(InputError, match=r"no column 'rihgt'.*did you mean right"):
        load(path, column="rihgt")
    with pytest.raises(InputError, match="--column names too much"):
        load(path, column="left,right")


def test_the_only_columns_are_taken_and_told(tmp_path: Path) -> None:
    path = table(tmp_path / "train.parquet", {"photo": [flat(1), flat(2)], "fine_label": [1, 0]})
    examples = load(path)
    assert named(examples) == ["1", "0"]
    assert examples.remarks == ("pictures from column photo, labels from column fine_label",)


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (["dog", "cat", None], ("cat", "dog"), [1, 0, -1]),
        (pa.array(["dog", "cat", ""]).dictionary_encode(), ("cat", "dog"), [1, 0, -1]),
        ([True, False, None], ("false", "true"), [1, 0, -1]),
    ],
)
def test_text_and_yes_and_no_are_classes_by_their_names(
    tmp_path: Path, labels: Any, classes: tuple[str, ...], numbers: list[int]
) -> None:
    path = table(tmp_path / "train.parquet", {"image": pictures(1, 2, 3), "label": labels})
    examples = load(path)
    assert (examples.classes, labels_of(examples)) == (classes, numbers)


def test_text_in_one_split_and_numbers_with_names_in_another_are_matched_by_name(tmp_path: Path) -> None:
    table(tmp_path / "train.parquet", {"image": pictures(1, 2), "label": ["dog", "cat"]})
    table(tmp_path / "test.parquet", {"image": pictures(3, 4, 5), "label": ["Cat", "emu", "dog"]})
    assert labels_of(load(tmp_path)) == [1, 0]
    test = load(tmp_path, split="test")
    assert (test.classes, labels_of(test)) == (("cat", "dog"), [0, 1])
    assert [one.reason for one in test.rejected] == ["its class 'emu' is none that train has"]


def test_captions_are_no_classes(tmp_path: Path) -> None:
    said = [f"picture {number}" for number in range(60)]
    path = table(tmp_path / "train.parquet", {"image": pictures(*range(60)), "label": said})
    with pytest.raises(InputError, match=r"holds text, and no names of classes .*60 different ones in 60 rows"):
        load(path)


def test_whole_numbers_with_a_point_are_classes_and_said_so(tmp_path: Path) -> None:
    table(tmp_path / "train.parquet", {"image": pictures(1, 2, 3, 4), "label": [0.0, 2.0, None, float("nan")]})
    table(tmp_path / "test.parquet", {"image": pictures(5), "label": [1]})
    examples = load(tmp_path)
    assert (examples.classes, labels_of(examples)) == (("0", "1", "2"), [0, 2, -1, -1])
    assert "column 'label': whole numbers, taken as classes; ,kind=numbers to predict numbers" in examples.remarks
    assert labels_of(load(tmp_path, "test")) == [1]
    assert load(tmp_path, "test").remarks == ()


def test_numbers_with_a_fraction_are_predicted_where_that_is_asked(tmp_path: Path) -> None:
    columns = {"image": pictures(1, 2, 3), "label": [0.5, 2.0, None], "name": ["a", "b", "a"]}
    path = table(tmp_path / "train.parquet", columns)
    says = r"numbers with a fraction, which are no classes \(.*received 0.5 in row 0\); .*,kind=numbers"
    with pytest.raises(InputError, match=says):
        load(path)
    examples = load_examples(f"parquet:{path},kind=numbers")
    assert examples.question == Question.numbers(["label"])
    assert labels_of(examples)[:2] == [[0.5], [2.0]]
    assert examples.known.tolist() == [True, True, False]
    assert labelled_splits(f"parquet:{path},kind=numbers") == ("train",)
    spec = with_column(f"parquet:{path},kind=numbers", "image,label")
    assert load_examples(spec).question == examples.question
    with pytest.raises(InputError, match=r"column 'name' of .* cannot be kind=numbers"):
        load_examples(f"parquet:{path}#name,kind=numbers")
    with pytest.raises(InputError, match=r"column 'label' of .* cannot be kind=tags"):
        load_examples(f"parquet:{path},kind=tags")


def test_lists_are_tags(tmp_path: Path) -> None:
    said = [["red", "big"], [], None, ["red"]]
    table(tmp_path / "train.parquet", {"image": pictures(1, 2, 3, 4), "tags": said})
    table(tmp_path / "test.parquet", {"image": pictures(5), "tags": [["big", "odd"]]})
    examples = load_examples(f"parquet:{tmp_path}#tags")
    assert examples.question == Question.tags(["big", "red"])
    assert labels_of(examples) == [[1, 1], [0, 0], [-1, -1], [0, 1]]
    test = load_examples(f"parquet:{tmp_path}#tags", split="test")
    assert labels_of(test) == [[1, 0]]
    assert "tags that train does not have are not asked: odd" in test.remarks
    table(tmp_path / "train.parquet", {"image": pictures(1, 2), "label": [[], None]})
    with pytest.raises(InputError, match=r"column 'label' .* names no tag at all"):
        load(tmp_path / "train.parquet")


def test_lists_of_numbers_are_tags_by_the_names_of_the_schema(tmp_path: Path) -> None:
    feature = {"feature": {"names": ["small", "big"], "_type": "ClassLabel"}, "_type": "Sequence"}
    metadata = {b"huggingface": json.dumps({"info": {"features": {"label": feature}}}).encode()}
    content = pa.table({"image": pictures(1, 2), "label": [[1], [0, 1]]}).replace_schema_metadata(metadata)
    pq.write_table(content, tmp_path / "train.parquet")
    examples = load(tmp_path)
    assert (examples.question, labels_of(examples)) == (Question.tags(["small", "big"]), [[0, 1], [1, 1]])
    content = content.set_column(1, "label", pa.array([[1], [2]])).replace_schema_metadata(metadata)
    pq.write_table(content, tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"labels outside the tags of train.parquet \(expected 0..1; received 2\)"):
        load(tmp_path)


def test_bytes_in_a_dictionary_are_pictures_too(tmp_path: Path) -> None:
    encoded = pa.array([flat(1), flat(2), flat(1)], pa.binary()).dictionary_encode()
    examples = load(table(tmp_path / "train.parquet", {"image": encoded, "label": [0, 1, 0]}))
    assert examples.inputs[:, 0, 0, 0].tolist() == [1, 2, 1]


@pytest.mark.parametrize("labels", [None, [-1, -1]])
def test_a_test_split_without_labels_is_known_before_a_picture_is_read(
    tmp_path: Path, labels: list[int] | None
) -> None:
    write(tmp_path / "train.parquet", [flat(1), flat(2)], [0, 1], metadata=features(["cat", "dog"]))
    write(tmp_path / "test.parquet", [b"no picture", flat(4)], labels, metadata=features(["cat", "dog"]))
    assert labelled_splits(f"parquet:{tmp_path}") == ("train",)
    assert len(load(tmp_path, "test")) == 1


def test_numbers_that_no_picture_has_are_told(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [flat(1), flat(2), flat(3)], [0, 10, 20])
    examples = load(tmp_path)
    assert len(examples.classes) == 21
    said = "21 classes by number, 18 of them without a picture: 1, 2, 3, 4, 5, 6 and 12 more"
    assert said in examples.remarks[-1:]
    assert "3 of 21 classes" in summary_line(f"parquet:{tmp_path}", "train", examples)
    lines = overview_lines(look(f"parquet:{tmp_path}"))
    assert said in lines
    assert "… and 18 classes without a picture" in lines
    assert not [line for line in lines if "–" in line]
    write(tmp_path / "test.parquet", [flat(4)], [1])
    assert load(tmp_path).remarks[-1].startswith("21 classes by number, 17 of them")


def test_a_set_of_parquet_files_and_of_class_folders_is_asked_about(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [flat(1), flat(2)], [0, 1])
    write_files(tmp_path, {"train/cat/1.png": flat(3), "train/dog/1.png": flat(4)})
    with pytest.raises(InputError, match=r"holds Parquet files and folders of pictures .*try parquet:.* or folder:"):
        load_examples(str(tmp_path))
    assert load(tmp_path).remarks == ("beside its files and not read: train/",)
    assert load_examples(f"folder:{tmp_path}").classes == ("cat", "dog")


def test_an_empty_file_a_pointer_and_arrays_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path / "train.parquet", [], [])
    with pytest.raises(InputError, match=r"train.parquet holds no usable example .*no row at all"):
        load(path)
    path = table(tmp_path / "train.parquet", {"image": [[[1, 2]], [[3, 4]]], "label": [0, 1]})
    with pytest.raises(InputError, match=r"holds no pictures .*cast_column\('image', Image\(\)\)"):
        load(path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(InputError, match=r"not a readable Parquet file .*Git LFS pointer.*; try git lfs pull"):
        load(path)


def test_a_spec_says_itself_which_column_is_meant(tmp_path: Path) -> None:
    content = {"front": pictures(1, 2), "back": pictures(3, 4), "label": [0, 1]}
    spec = f"parquet:{table(tmp_path / 'train.parquet', content)}"
    assert with_column(spec, None) == spec
    assert with_column(spec, "back") == f"{spec}#back" == with_column(f"{spec}#back", "back")
    assert load_examples(with_column(spec, "back")).inputs[0, 0, 0, 0] == 3
    for wrong, column in ((f"{spec}#back", "front"), ("digits", "back")):
        with pytest.raises(InputError, match=r"names other columns|has no columns"):
            with_column(wrong, column)
