"""Pictures whose labels lie in a table beside them, as contests and downloads have them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from picture_files import flat, write_files, write_parquet

from joryu.errors import InputError
from joryu.examples import Examples, labelled_splits, load_examples, split_names
from joryu.examples.known import sniff
from joryu.questions import LabelKind, Question
from joryu.targets.failures import id_to_hex


def make(root: Path, *pictures: str, **tables: str) -> Path:
    """Pictures that differ, in the order they are named, and tables: ``labels_csv`` is called ``labels.csv``."""
    files = {name: flat(at + 1) for at, name in enumerate(pictures)}
    texts = {".".join(name.rsplit("_", 1)): text.encode() for name, text in tables.items()}
    return write_files(root, files | texts)


def load(root: Path, split: str = "train", options: str = "") -> Examples:
    return load_examples(f"folder:{root}{options}", split=split)


def shown(examples: Examples) -> dict[str, str | None]:
    """What each picture shows."""
    assert examples.sources is not None
    labels = examples.labels_or_empty.tolist()
    return {
        name: None if label < 0 else examples.classes[label]
        for name, label in zip(examples.sources, labels, strict=True)
    }


BREEDS = "id,breed\nb,pug\na,beagle\nd,pug\nc,beagle\n"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("labels_csv", BREEDS),
        ("labels_csv", BREEDS.replace(",", ";")),
        ("labels_tsv", BREEDS.replace(",", "\t")),
        ("labels_csv", "path,breed\n./train/b.png,pug\ntrain\\a.png,beagle\ntrain/d.png,pug\ntrain/c.png,beagle\n"),
        ("labels_txt", "b.png pug\na.png beagle\nd.png pug\nc.png beagle\n"),
        ("labels_csv", "B.PNG,pug\na.png,beagle\nd.png,pug\nc.png,beagle\n"),
        ("metadata_jsonl", "".join(f'{{"file_name": "{n}.png", "label": "{b}"}}\n' for n, b in zip(
            "badc", ["pug", "beagle", "pug", "beagle"], strict=True))),
    ],
)  # fmt: skip
def test_the_one_table_that_names_the_pictures_says_what_they_show(tmp_path: Path, table: str, text: str) -> None:
    root = make(tmp_path, *(f"train/{name}.png" for name in "abcd"), "test/e.png", **{table: text})
    examples = load(root)
    assert examples.question == Question.one_of(["beagle", "pug"])
    assert shown(examples) == {"a.png": "beagle", "b.png": "pug", "c.png": "beagle", "d.png": "pug"}
    assert sniff(root) == "folder"
    assert (split_names(str(root)), labelled_splits(str(root))) == (("train", "test"), ("train",))
    name = ".".join(table.rsplit("_", 1))
    assert examples.remarks[0].startswith(f"labels from {name}: column ")
    assert examples.remarks[-1] == "test has no labels"
    assert name not in {one.name for one in examples.rejected}
    keys = {hashlib.sha256((root / "train" / f"{one}.png").read_bytes()).hexdigest()[:32] for one in "abcd"}
    assert {id_to_hex(one) for one in examples.ids} == keys


def test_traffic_signs_are_judged_by_the_table_of_their_test(tmp_path: Path) -> None:
    signs = [f"Train/{sign}/{sign:05d}.png" for sign in range(3)]
    root = make(
        tmp_path, *signs, "Test/00000.png", "Test/00001.png", "Meta/0.png",
        Test_csv="Width;Height;Path;ClassId\n1;30;Test/00001.png;2\n2;30;Test/00000.png;0\n",
        Train_csv="Width;Path;ClassId\n9;Train/0/00000.png;1\n", Meta_csv="Path;ClassId\nMeta/0.png;1\n",
    )  # fmt: skip
    test = load(root, "test")
    assert test.classes == load(root).classes == ("0", "1", "2")
    assert shown(test) == {"00000.png": "0", "00001.png": "2"}
    assert labelled_splits(f"folder:{root}") == ("train", "test")
    assert "labels from Test.csv: column 'ClassId', pictures by 'Path'" in test.remarks
    assert {one.name for one in load(root).rejected} == {"Meta", "Meta.csv", "Train.csv"}
    assert shown(load(root, "test", ",labels=Test.csv")) == shown(test)
    assert load(root, options=",labels=Test.csv").classes == ("0", "1", "2")


def test_tiny_imagenets_validation_has_the_labels_of_its_annotations(tmp_path: Path) -> None:
    root = make(
        tmp_path, "train/n01/images/n01_0.png", "train/n02/images/n02_0.png", "val/images/val_0.png",
        "val/images/val_1.png", "test/images/test_0.png",
    )  # fmt: skip
    lines = "val_0.png\tn02\t0\t0\t9\t9\nval_1.png\tn01\t1\t2\t9\t9\n"
    write_files(root, {"val/val_annotations.txt": lines.encode(), "wnids.txt": b"n01\nn02\n"})
    assert shown(load(root, "val")) == {"images/val_0.png": "n02", "images/val_1.png": "n01"}
    assert labelled_splits(f"folder:{root}") == ("train", "validation")
    assert load(root).remarks == ("test has no labels",)


def test_what_train_does_not_have_is_left_out_and_counted(tmp_path: Path) -> None:
    root = make(
        tmp_path, "train/cat/1.png", "train/dog/2.png", "val/3.png", "val/4.png", "val/5.png",
        val_csv="file,label\n3.png,Cat\n4.png,emu\n9.png,dog\n",
    )  # fmt: skip
    found = load(root, "validation")
    assert shown(found) == {"3.png": "cat", "5.png": None}
    assert ("4.png", "its class 'emu' is none that train has") in found.rejected
    assert found.remarks[1:] == (
        "1 of 3 rows of val.csv name no picture of the set",
        "1 of 3 pictures have no row in val.csv: they have no label",
        "1 picture is left out: train does not have their class",
    )


def test_a_table_is_of_the_split_that_its_name_says(tmp_path: Path) -> None:
    pictures = [f"{split}/{at}.png" for split in ("train", "test") for at in (1, 2, 3, 4)]
    text = "id,label\n1,frog\n2,truck\n3,frog\n4,truck\n"
    root = make(tmp_path / "a", *pictures, trainLabels_csv=text, sampleSubmission_csv=text)
    assert shown(load(root)) == {"1.png": "frog", "2.png": "truck", "3.png": "frog", "4.png": "truck"}
    assert load(root, "test").labels is None
    root = make(tmp_path / "b", *pictures, labels_csv=text)
    with pytest.raises(InputError, match=r"row 2 of labels.csv may mean several pictures .*call it after its split"):
        load(root)


def test_a_table_in_the_folder_of_a_split_is_of_that_split(tmp_path: Path) -> None:
    pictures = [f"{split}/{at}.png" for split in ("train", "test") for at in (1, 2)]
    root = make(tmp_path, *pictures)
    for split, names in {"train": "ab", "test": "ba"}.items():
        text = f"file_name,label\n1.png,{names[0]}\n2.png,{names[1]}\n"
        write_files(root, {f"{split}/metadata.csv": text.encode()})
    assert shown(load(root)) == {"1.png": "a", "2.png": "b"}
    assert shown(load(root, "test")) == {"1.png": "b", "2.png": "a"}
    assert load(root, "all").rejected == ()


def test_each_split_has_the_table_that_names_its_pictures(tmp_path: Path) -> None:
    pictures = [f"{split}/{at}.png" for split in ("train", "test") for at in (1, 2)]
    root = make(
        tmp_path, *pictures, one_csv="file,label\ntrain/1.png,a\ntrain/2.png,b\n",
        two_csv="file,label\ntest/1.png,b\ntest/2.png,a\n",
    )  # fmt: skip
    for options in ("", ",labels=one.csv;two.csv"):
        assert shown(load(root, options=options)) == {"1.png": "a", "2.png": "b"}
        assert shown(load(root, "test", options)) == {"1.png": "b", "2.png": "a"}
    assert load(root, "test", ",labels=one.csv").labels is None


def test_notes_on_pictures_are_no_labels_and_the_way_out_is_named(tmp_path: Path) -> None:
    notes = "".join(f"{at}.png,seen on day {at}\n" for at in range(12))
    root = make(tmp_path, *(f"{at}.png" for at in range(12)), notes_csv=f"file,comment\n{notes}")
    with pytest.raises(InputError, match=r"'comment' of notes.csv has another class in every row .*,labels=none"):
        load(root)
    assert len(load(root, options=",labels=none")) == 12


@pytest.mark.parametrize("value", ["../set/1.png", "/set/1.png", "C:\\set\\1.png", "a/../1.png"])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, value: str) -> None:
    root = make(tmp_path / "set", "1.png", "2.png", t_csv=f"path,label\n2.png,a\n{value},b\n")
    with pytest.raises(InputError, match=r"row 3 of t.csv names a picture outside the folder") as caught:
        load(root)
    assert "\n" not in str(caught.value)
    root = make(tmp_path / "all", "1.png", "2.png", t_csv=f"path,label\n{value},b\n")
    with pytest.raises(InputError, match=r"row 2 of t.csv names a picture outside|names a picture of the set"):
        load(root)


def test_rows_that_contradict_are_refused_and_equal_ones_are_one(tmp_path: Path) -> None:
    text = "path,label\n1.png,a\n2.png,b\n1.png,a\n"
    assert shown(load(make(tmp_path / "same", "1.png", "2.png", t_csv=text))) == {"1.png": "a", "2.png": "b"}
    root = make(tmp_path / "odd", "1.png", "2.png", t_csv=text + "2.png,a\n")
    with pytest.raises(InputError, match=r"row 3 of t.csv and row 5 of t.csv say two things .*received b and a for 2"):
        load(root)


def test_of_several_tables_or_columns_one_is_named(tmp_path: Path) -> None:
    text = "id,image,kind,age\nx,1,a,3\ny,2,b,4\nz,3,a,9\nw,4,b,4\n"
    root = make(tmp_path, *(f"{at}.png" for at in (1, 2, 3, 4)), one_csv=text, two_csv=text)
    with pytest.raises(
        InputError, match=r"several tables name the pictures .*one.csv, two.csv\); say which: ,labels=one.csv; for "
    ):
        load(root)
    with pytest.raises(InputError, match=r"which column of two.csv says .*of id, kind, age\); try target=kind"):
        load(root, options=",labels=two.csv")
    found = load(root, options=",labels=two.csv,target=kind")
    assert list(shown(found).values()) == ["a", "b", "a", "b"]
    assert load(root, options=",labels=two.csv,file=image,target=kind").labels is not None
    with pytest.raises(InputError, match=r"column 'kind' of two.csv does not name a picture of the set"):
        load(root, options=",labels=two.csv,file=kind,target=age")
    with pytest.raises(InputError, match=r"no table 'three.csv' .*one.csv, two.csv"):
        load(root, options=",labels=three.csv")
    alone = load(root, options=",labels=none")
    assert (alone.question, alone.labels, len(alone)) == (None, None, 4)


def test_two_columns_of_pictures_are_asked_about(tmp_path: Path) -> None:
    root = make(tmp_path, "1.png", "2.png", pairs_csv="left,right,same\n1.png,2.png,0\n2.png,1.png,1\n")
    with pytest.raises(InputError, match=r"several columns of pairs.csv name pictures .*left, right.*try file=left"):
        load(root)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["red big", "red", "", "big"], ["big", "red"]),
        (["red;big thing", "red", "", "big thing"], ["big thing", "red"]),
        (["['red', 'big']", "['red']", "", "['big']"], ["big", "red"]),
    ],
)
def test_a_cell_may_hold_several_tags(tmp_path: Path, cells: list[str], names: list[str]) -> None:
    rows = "".join(f'{at}.png,"{cell}"\n' for at, cell in enumerate(cells))
    root = make(tmp_path, *(f"{at}.png" for at in range(4)), t_csv=f"file,tags\n{rows}")
    found = load(root)
    assert found.question == Question.tags(names)
    assert found.labels is not None
    assert found.labels.tolist() == [[1, 1], [0, 1], [-1, -1], [1, 0]]
    assert any("several tags in one cell" in remark for remark in found.remarks)


def test_a_cell_that_joins_other_classes_is_asked_about(tmp_path: Path) -> None:
    text = "file,label\n0.png,scab\n1.png,scab frog\n2.png,frog\n3.png,rust\n"
    root = make(tmp_path, *(f"{at}.png" for at in range(4)), t_csv=text)
    with pytest.raises(InputError, match=r"row 3 of t.csv names several of the values .*try kind=tags, or kind=one-of"):
        load(root)
    assert load(root, options=",kind=tags").question == Question.tags(["frog", "rust", "scab"])
    assert load(root, options=",kind=one-of").classes == ("frog", "rust", "scab", "scab frog")


def test_columns_of_0_and_1_are_tags_unless_each_row_has_one(tmp_path: Path) -> None:
    pictures = [f"images/{at}.png" for at in range(4)]
    root = make(tmp_path / "tags", *pictures, t_csv="id,rust,scab\n0,1,1\n1,0,1\n2,0,0\n")
    found = load(root)
    assert found.question == Question.tags(["rust", "scab"])
    assert found.labels is not None
    assert found.labels.tolist() == [[1, 1], [0, 1], [0, 0], [-1, -1]]
    assert "1 of 4 pictures have no row in t.csv: they have no label" in found.remarks
    root = make(tmp_path / "one", *pictures, t_csv="id,rust,scab\n0,1,0\n1,0,1\n2,0,1\n")
    with pytest.raises(
        InputError, match=r"every row of t.csv has a 1 in one of rust, scab, which may be classes or ta"
    ):
        load(root)
    assert list(shown(load(root, options=",kind=one-of")).values()) == ["rust", "scab", "scab", None]
    root = make(tmp_path / "odd", *pictures, t_csv="id,rust,scab\n0,1,0\n1,1,1\n2,0,1\n")
    with pytest.raises(InputError, match=r"row 3 of t.csv names no one class .*received 2 of them"):
        load(root, options=",kind=one-of")


def test_whole_numbers_are_classes_or_numbers_and_nobody_guesses(tmp_path: Path) -> None:
    pictures = [f"{at}.png" for at in range(60)]
    ages = "".join(f"{at}.png,{20 + at % 30}\n" for at in range(60))
    root = make(tmp_path / "ages", *pictures, t_csv=f"path,age\n{ages}")
    with pytest.raises(InputError, match=r"column 'age' of t.csv may be classes or numbers .*try kind=numbers"):
        load(root)
    found = load(root, options=",kind=numbers")
    assert found.question == Question.numbers(["age"])
    assert found.labels is not None
    assert found.labels[:2].tolist() == [[20.0], [21.0]]
    root = make(tmp_path / "signs", *pictures, t_csv="path,sign\n" + ages.replace(",2", ",").replace(",3", ",1"))
    assert load(root, options=",kind=one-of").question is not None
    numbered = "".join(f"{at}.png,{at % 30}\n" for at in range(60))
    found = load(make(tmp_path / "classes", *pictures, t_csv=f"path,sign\n{numbered}"))
    assert len(found.classes) == 30
    assert "'sign': 30 different whole numbers are taken as classes; kind=numbers to predict numbers" in found.remarks
    root = make(tmp_path / "depths", *pictures, t_csv="path,z\n" + "".join(f"{at}.png,{at}.5\n" for at in range(60)))
    assert load(root).asked_question.labels is LabelKind.NUMBERS


def test_pictures_in_several_parts_are_one_set_where_a_table_names_them(tmp_path: Path) -> None:
    pictures = ["part_1/a.png", "part_1/b.png", "part_2/c.png", "part_2/d.png"]
    with pytest.raises(InputError, match="called like the parts of one set"):
        load(make(tmp_path / "alone", *pictures))
    root = make(tmp_path / "with", *pictures, meta_csv="image,label\na,mel\nb,nv\nc,mel\nd,nv\n")
    assert shown(load(root)) == {
        "part_1/a.png": "mel", "part_1/b.png": "nv", "part_2/c.png": "mel", "part_2/d.png": "nv"
    }  # fmt: skip


def test_a_column_of_splits_is_not_passed_over(tmp_path: Path) -> None:
    rows = "".join(f"{at}.png,{'ab'[at % 2]},{'test' if at > 3 else 'train'}\n" for at in range(6))
    pictures = [f"{at}.png" for at in range(6)]
    root = make(tmp_path / "flat", *pictures, t_csv=f"file,label,split\n{rows}")
    for options in ("", ",target=label", ",labels=t.csv"):
        with pytest.raises(InputError, match=r"column 'split' of t.csv says which split .*; put them into train/ and"):
            load(root, options=options)
    folders = [f"{'test' if at > 3 else 'train'}/{at}.png" for at in range(6)]
    divided = make(tmp_path / "divided", *folders, t_csv=f"file,label,split\n{rows}")
    assert labelled_splits(f"folder:{divided}") == ("train", "test")
    assert list(shown(load(divided, "test")).values()) == ["a", "b"]


def test_tables_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    root = make(tmp_path, "1.png", "2.png")
    for content, says in (
        (b"1.png,a\n2.png\n", "row 2 of .*t.csv has another number of values"),
        (b"path,label\n1.png,caf\xe9\n", "save it as UTF-8"),
        (b"path\n1.png\n", ""),
        (b'1.png,a\n2.png,"b\n', "cannot be read as a table"),
    ):
        write_files(root, {"t.csv": content})
        if not says:
            assert load(root).question is None
            continue
        with pytest.raises(InputError, match=says) as caught:
            load(root)
        assert "\n" not in str(caught.value)


def test_a_split_with_another_question_than_train_has_no_labels_and_says_so(tmp_path: Path) -> None:
    root = make(
        tmp_path, *(f"{split}/{at}.png" for split in ("train", "val") for at in range(4)),
        train_csv="id,label\n0,a\n1,b\n2,a\n3,b\n", val_csv="id,age\n0,3\n1,4\n2,3\n3,4\n",
    )  # fmt: skip
    assert load(root, "validation").labels is None
    assert any("validation has no labels" in one or "val has no labels: " in one for one in load(root).remarks)


def test_a_table_of_parquet_may_be_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = make(tmp_path, "1.png", "2.png")
    pq.write_table(pa.table({"file": ["1.png", "2.png"], "label": ["a", "b"]}), root / "t.parquet")
    assert shown(load(root, options=",labels=t.parquet")) == {"1.png": "a", "2.png": "b"}
    write_parquet(tmp_path / "x" / "train.parquet", [flat(1)], [0])


def test_the_named_classes_of_files(tmp_path: Path) -> None:
    root = make(tmp_path / "a", *(f"train/{c}.{at}.png" for c in ("cat", "dog") for at in (0, 1)), "test1/7.png")
    found = load(root)
    assert shown(found) == {"cat.0.png": "cat", "cat.1.png": "cat", "dog.0.png": "dog", "dog.1.png": "dog"}
    assert found.remarks[0].startswith("classes from the names of the files: cat.0.png is cat; ")
    assert (sniff(root), labelled_splits(str(root))) == ("folder", ("train",))
    pets = make(tmp_path / "b", *(f"images/{c}_{at}.png" for c in ("Persian", "american_bulldog") for at in (1, 20)))
    assert load(pets).classes == ("Persian", "american_bulldog")
    assert load(pets, options=",labels=none").question is None
    write_files(pets, {"labels.csv": b"file,label\nPersian_1.png,x\nPersian_20.png,y\n"})
    assert load(pets).classes == ("x", "y")


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (("IMG_1", "IMG_2", "DSC_1", "DSC_2"), False),
        (("train_0", "train_1", "test_0", "test_1"), False),
        (("cat_1", "dog_1", "emu_1", "owl_1"), False),
        (("cat_1", "cat_2", "dog_1", "other"), False),
        (("p1_1", "p1_2", "p2_1", "p2_2"), True),
    ],
)
def test_names_that_may_be_something_else_are_no_classes(tmp_path: Path, names: tuple[str, ...], hint: bool) -> None:
    root = make(tmp_path, *(f"{name}.png" for name in names))
    found = load(root)
    assert found.question is None
    assert any(",labels=names" in remark for remark in found.remarks) is hint
    if hint:
        assert load(root, options=",labels=names").classes == ("p1", "p2")


def test_boxes_are_not_read_and_said_so(tmp_path: Path) -> None:
    pictures = [f"{split}/images/{at}.png" for split in ("train", "valid") for at in (1, 2)]
    root = make(tmp_path / "yolo", *pictures)
    write_files(root, {f"train/labels/{at}.txt": b"0 .5 .5 1 1\n" for at in (1, 2)})
    for spec in (str(root), f"folder:{root}"):
        with pytest.raises(InputError, match=r"holds boxes or outlines .*labels/1.txt\).*try folder:.*,labels=none"):
            load_examples(spec)
    assert load(root, options=",labels=none").labels is None
    turned = make(tmp_path / "turned", "images/train/1.png", "images/val/2.png")
    write_files(turned, {"labels/train/1.txt": b"0 .5 .5 1 1\n"})
    with pytest.raises(InputError, match="holds boxes or outlines"):
        load_examples(str(turned))
    voc = make(tmp_path / "voc", "JPEGImages/1.png", "JPEGImages/2.png")
    write_files(voc, {"Annotations/1.xml": b"<annotation/>"})
    with pytest.raises(InputError, match="holds boxes or outlines"):
        load_examples(str(voc))


@pytest.mark.parametrize("ending", [".png", ""])
@pytest.mark.parametrize("label", ['"2020-01-01"', '["2020-01-01", "big"]', '["2020-01-01"]', '"2020-01-01T10:00:00Z"'])
def test_names_and_classes_that_look_like_dates_are_text(tmp_path: Path, ending: str, label: str) -> None:
    other = label.replace("2020-01-01", "1999-12-31")
    lines = [f'{{"file": "2021-05-{at:02}{ending}", "label": {label if at % 2 else other}}}' for at in range(1, 5)]
    root = make(tmp_path, *(f"2021-05-{at:02}.png" for at in range(1, 5)), labels_jsonl="\n".join(lines))
    examples = load(root)
    named = sorted({name for said in (label, other) for name in said.strip("[]").replace('"', "").split(", ")})
    assert examples.classes == tuple(named)
    assert bool(examples.known.all())
