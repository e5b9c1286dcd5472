"""Folders as archives leave them: nested, with splits in many spellings, with clutter, with classes only test has."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from picture_files import flat, write_files

from joryu.errors import InputError
from joryu.examples import Examples, has_split, labelled_splits, load_examples, split_names


def make(root: Path, *names: str) -> Path:
    """Pictures of the given names, each of another grey."""
    return write_files(root, {name: flat(10 + at) for at, name in enumerate(names)})


def load(root: Path, split: str = "train") -> Examples:
    return load_examples(f"folder:{root}", split=split)


def labels(examples: Examples) -> list[int] | None:
    return None if examples.labels is None else examples.labels.tolist()


PAIR = ("train/cat/1.png", "train/dog/1.png", "test/cat/2.png", "test/dog/2.png")


def test_clutter_is_no_class_and_no_split(tmp_path: Path) -> None:
    clutter = (
        "__MACOSX/train/cat/._1.png",
        "@eaDir/1.png",
        "train/.ipynb_checkpoints/1.png",
        "train/$RECYCLE.BIN/1.png",
    )
    root = make(tmp_path, *PAIR, *clutter, "lost+found/1.png", "train/cat/._1.png", "train/cat/Thumbs.db")
    examples = load(root)
    assert (examples.classes, labels(examples)) == (("cat", "dog"), [0, 1])
    assert split_names(f"folder:{root}") == ("train", "test")
    left_behind = {name for name, reason in examples.rejected if "left behind" in reason}
    assert {"__MACOSX", "@eaDir", "lost+found", ".ipynb_checkpoints", "$RECYCLE.BIN"} <= left_behind
    assert {"cat/._1.png", "cat/Thumbs.db"} <= left_behind


def test_clutter_comes_after_the_pictures_that_were_left_out(tmp_path: Path) -> None:
    root = make(tmp_path, "cat/1.png", "dog/1.png", "cat/._1.png", ".DS_Store", "__MACOSX/1.png")
    write_files(root, {"dog/torn.png": flat(1)[:30]})
    assert [name for name, _ in load(root).rejected] == ["dog/torn.png", ".DS_Store", "__MACOSX", "cat/._1.png"]


def test_versions_of_a_set_are_not_classes(tmp_path: Path) -> None:
    leaves = ("Apple___scab/1.png", "Apple___rust/1.png")
    root = make(tmp_path / "raw", *(f"{version}/{leaf}" for version in ("color", "grayscale") for leaf in leaves))
    with pytest.raises(InputError, match=r"raw holds several sets, not classes .*try folder:.*raw/color$"):
        load(root)
    assert load(root / "color").classes == ("Apple___rust", "Apple___scab")


def test_sets_with_splits_side_by_side_are_not_classes(tmp_path: Path) -> None:
    root = make(tmp_path, *(f"a/{name}" for name in PAIR), "b/1.png", "b/2.png")
    with pytest.raises(InputError, match=r"holds several sets, not classes .*received a/test.*try folder:.*/a$"):
        load(root)


def test_splits_inside_classes_are_told_apart(tmp_path: Path) -> None:
    root = make(tmp_path, *(f"{name}/{split}/1.png" for name in ("cat", "dog") for split in ("train", "test")))
    with pytest.raises(InputError, match=r"put train and test outermost: train/CLASS, test/CLASS"):
        load(root)


def test_folders_inside_every_class_are_told(tmp_path: Path) -> None:
    root = make(tmp_path, "animals/cat/1.png", "animals/dog/1.png", "plants/rose/1.png", "plants/tulip/1.png")
    examples = load(root)
    assert examples.classes == ("animals", "plants")
    assert examples.remarks == ("the folders inside animals, plants are read as one class each",)


def test_traffic_signs_with_a_flat_test_and_a_folder_beside(tmp_path: Path) -> None:
    root = make(tmp_path, "Train/0/1.png", "Train/42/1.png", "Test/00000.png", "Test/00001.png", "Meta/0.png")
    write_files(root, {"Train.csv": b"Width,Path\n29,Train/0/1.png\n"})
    train, test = load(root), load(root, "test")
    assert (train.classes, labels(train)) == (("0", "42"), [0, 1])
    assert (test.classes, labels(test), len(test)) == (("0", "42"), None, 2)
    assert train.remarks == ("beside its splits and not read: Meta/", "Test has no labels")
    assert {"Meta", "Train.csv"} <= {name for name, _ in train.rejected}


def test_a_split_inside_a_split_is_gone_down_into(tmp_path: Path) -> None:
    names = [f"seg_{split}/seg_{split}/{name}/1.png" for split in ("train", "test") for name in ("sea", "street")]
    root = make(tmp_path, *names, "seg_pred/seg_pred/1.png")
    train, test = load(root), load(root, "test")
    assert train.classes == test.classes == ("sea", "street")
    assert (labels(train), labels(test)) == ([0, 1], [0, 1])
    assert "the pictures of seg_train are in its seg_train/" in train.remarks
    assert "beside its splits and not read: seg_pred/" in train.remarks


@pytest.mark.parametrize("beside", [(), ("__MACOSX/chest_xray/train/NORMAL/._1.png",)])
def test_a_set_packed_inside_a_folder_is_found(tmp_path: Path, beside: tuple[str, ...]) -> None:
    root = make(tmp_path / "a", *(f"chest_xray/chest_xray/{name}" for name in PAIR), *beside)
    examples = load(root)
    assert examples.classes == ("cat", "dog")
    assert examples.name == "a"
    assert examples.remarks == ("found in chest_xray/chest_xray/",)
    assert has_split(f"folder:{root}", "test")


def test_a_set_packed_beside_a_copy_of_itself_is_read_once(tmp_path: Path) -> None:
    root = make(tmp_path, *PAIR, *(f"chest_xray/{name}" for name in PAIR), "__MACOSX/1.png")
    examples = load(root)
    assert (examples.classes, len(examples)) == (("cat", "dog"), 2)
    assert examples.remarks == ("beside its splits and not read: chest_xray/",)


def test_a_copy_of_the_classes_beside_them_is_no_class(tmp_path: Path) -> None:
    classes = ("yes/1.png", "no/1.png")
    examples = load(make(tmp_path, *classes, *(f"brain_tumor_dataset/{name}" for name in classes)))
    assert (examples.classes, len(examples)) == (("no", "yes"), 2)
    assert examples.remarks == ("a copy of the set and not read: brain_tumor_dataset/",)
    assert examples.rejected == (("brain_tumor_dataset", "a copy of the folders beside it"),)


def test_parts_of_a_set_are_no_classes(tmp_path: Path) -> None:
    root = make(tmp_path, "HAM10000_images_part_1/1.png", "HAM10000_images_part_2/2.png")
    with pytest.raises(InputError, match=r"called like the parts of one set, not like classes .*all into one folder"):
        load(root)


def test_one_level_too_high_is_one_level_down(tmp_path: Path) -> None:
    examples = load(make(tmp_path, "flowers/rose/1.png", "flowers/tulip/1.png"))
    assert (examples.classes, examples.remarks) == (("rose", "tulip"), ("found in flowers/",))


def test_one_folder_of_pictures_is_no_class(tmp_path: Path) -> None:
    examples = load(make(tmp_path, "images/1.png", "images/2.png"))
    assert (examples.classes, examples.labels, len(examples)) == ((), None, 2)
    with pytest.raises(
        InputError, match=r"no example .* has a label \(received images/ is its only folder of pictures"
    ):
        examples.labelled()


@pytest.mark.parametrize("extra", ["unknown", "unlabelled", "unsup"])
def test_a_folder_without_labels_in_test_is_no_class(tmp_path: Path, extra: str) -> None:
    root = make(tmp_path, *PAIR, f"test/{extra}/3.png")
    assert load(root).classes == ("cat", "dog")
    test = load(root, "test")
    assert (test.classes, labels(test)) == (("cat", "dog"), [0, 1, -1])


@pytest.mark.parametrize("name", ["test/unknown/1.png", "test/all/1.png", "test/test/1.png", "test/1.png"])
def test_a_test_split_without_class_folders_has_no_labels_and_train_says_so(tmp_path: Path, name: str) -> None:
    root = make(tmp_path, *PAIR[:2], name)
    assert "test has no labels" in load(root).remarks
    assert labelled_splits(f"folder:{root}") == ("train",)
    test = load(root, "test")
    assert (test.classes, test.labels, len(test)) == (("cat", "dog"), None, 1)


def test_pictures_without_label_in_train_are_no_class(tmp_path: Path) -> None:
    examples = load(make(tmp_path, "train/neg/1.png", "train/pos/1.png", "train/unsup/1.png", "test/neg/1.png"))
    assert (examples.classes, labels(examples)) == (("neg", "pos"), [0, 1, -1])


def test_splits_without_a_train_have_classes_of_their_own(tmp_path: Path) -> None:
    root = make(tmp_path, "val/cat/1.png", "val/dog/1.png", "test/emu/1.png", "test/owl/1.png")
    assert load(root, "val").classes == ("cat", "dog")
    assert load(root, "test").classes == ("emu", "owl")
    assert labelled_splits(f"folder:{root}") == ("validation", "test")


def test_unknown_is_a_class_where_train_has_it(tmp_path: Path) -> None:
    root = make(tmp_path, "train/unknown/1.png", "train/yes/1.png", "test/unknown/2.png", "test/yes/2.png")
    assert (load(root, "test").classes, labels(load(root, "test"))) == (("unknown", "yes"), [0, 1])


def test_a_class_that_train_lacks_is_left_out_by_name_and_train_says_so(tmp_path: Path) -> None:
    root = make(tmp_path, *PAIR, "test/emu/1.png", "test/emu/2.png")
    train, test = load(root), load(root, "test")
    assert train.classes == test.classes == ("cat", "dog")
    assert labels(test) == [0, 1]
    assert ("emu", "a class that train does not have (2 files)") in test.rejected
    assert train.remarks == test.remarks == ("emu of test is left out: a class that train does not have (2 files)",)


COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "épi"), unicodedata.normalize("NFD", "épi")


@pytest.mark.parametrize(("one", "other"), [("Cat", "cat"), ("cat ", "cat"), (COMPOSED, DECOMPOSED)])
def test_two_spellings_of_a_class_are_refused_and_matched_across_splits(tmp_path: Path, one: str, other: str) -> None:
    root = make(tmp_path / "set", f"{one}/1.png", f"{other}/2.png", "dog/1.png")
    if len(list(root.iterdir())) < 3:
        pytest.skip("this file system takes the two spellings for one")
    with pytest.raises(InputError, match=f"'{one}' and '{other}'|'{other}' and '{one}'"):
        load(root)
    split = make(tmp_path / "split", f"train/{one}/1.png", "train/dog/1.png", f"test/{other}/2.png", "test/dog/2.png")
    test = load(split, "test")
    assert test.classes == load(split).classes == tuple(sorted([one, "dog"]))
    named = dict(zip(test.sources or (), labels(test) or (), strict=True))
    assert {name: test.classes[label] for name, label in named.items()} == {"dog/2.png": "dog", f"{other}/2.png": one}
    assert test.remarks == (f"{other} of test is the class {one}",)


@pytest.mark.parametrize(
    ("train", "test"),
    [("Training", "Testing"), ("TRAIN", "TEST"), ("training_set", "test_set"), ("train_images", "test_images")],
)
def test_splits_are_found_however_they_are_spelt(tmp_path: Path, train: str, test: str) -> None:
    root = make(tmp_path, f"{train}/a/1.png", f"{train}/b/1.png", f"{test}/a/2.png", f"{test}/b/2.png", "dev/a/3.png")
    assert split_names(f"folder:{root}") == ("train", "validation", "test")
    assert load(root).classes == load(root, "test").classes == ("a", "b")


def test_a_split_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    root = make(tmp_path, *PAIR, "val/cat/1.png", "valid/cat/1.png")
    with pytest.raises(InputError, match=r"has the split validation more than once .*received val, valid"):
        load(root)


def test_a_split_that_is_empty_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    assert split_names(f"folder:{make(tmp_path, *PAIR[:2])}") == ("train",)


@pytest.mark.parametrize(
    "names",
    [("cat/1.png", "dog/1.png", "test/cat/1.png", "test/dog/1.png"), ("train/1.png", "test/1.png", "other/1.png")],
)
def test_what_may_be_splits_or_classes_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"holds folders called like splits beside others .*move the others away"):
        load(make(tmp_path, *names))


def test_a_folder_without_a_picture_is_no_class(tmp_path: Path) -> None:
    root = make(tmp_path, "cat/1.png", "dog/1.png")
    write_files(root, {"labels/1.txt": b"0 0.5 0.5 1 1"})
    examples = load(root)
    assert examples.classes == ("cat", "dog")
    assert ("labels", "folder without a picture") in examples.rejected


def test_a_folder_of_pictures_without_extension_is_a_class(tmp_path: Path) -> None:
    assert load(make(tmp_path, "cat/1", "dog/1.png")).classes == ("cat", "dog")


def test_the_links_of_the_hubs_cache_are_files_like_others(tmp_path: Path) -> None:
    repository = tmp_path / "datasets--me--roses"
    write_files(repository / "blobs", {"0a": flat(1), "0b": flat(2)})
    root = repository / "snapshots" / "c0ffee"
    for name, blob in (("red/1.png", "0a"), ("white/1.png", "0b")):
        (root / name).parent.mkdir(parents=True)
        (root / name).symlink_to(f"../../../blobs/{blob}")
    examples = load(root)
    assert (examples.classes, examples.rejected) == (("red", "white"), ())
    assert (load(repository).ids == examples.ids).all()
    write_files(repository, {"snapshots/0ld/red/1.png": flat(9), "snapshots/0ld/white/1.png": flat(9)})
    with pytest.raises(InputError, match="keeps 2 versions of a set"):
        load(repository)
    write_files(repository, {"refs/main": b"c0ffee\n"})
    assert (load(repository).ids == examples.ids).all()
    (tmp_path / "away.png").write_bytes(flat(3))
    (root / "red" / "2.png").symlink_to(tmp_path / "away.png")
    assert load(root).rejected == (("red/2.png", "link that leads out of the folder"),)


def test_the_hubs_cache_itself_is_no_set_of_blobs_and_snapshots(tmp_path: Path) -> None:
    hub = tmp_path / "home" / "hub"
    kept = hub / "datasets--me--roses"
    write_files(kept, {"blobs/0a": flat(1), "blobs/0b": flat(2), "snapshots/c0ffee/README.md": b"roses"})
    write_files(kept / "snapshots" / "c0ffee", {"red/1.png": flat(1), "white/1.png": flat(2)})
    write_files(hub, {"models--you--net/blobs/0c": b"weights", "version.txt": b"1"})
    assert load(hub).classes == load(tmp_path / "home").classes == load(kept).classes == ("red", "white")
    assert load(tmp_path / "home").remarks == ("found in hub/datasets--me--roses/snapshots/c0ffee/",)
    write_files(hub, {"datasets--me--tulips/blobs/0a": flat(1), "datasets--me--tulips/snapshots/1/red/1.png": flat(1)})
    for root in (hub, tmp_path / "home"):
        with pytest.raises(InputError, match=r"Hub's cache keeps .*try folder:.*hub/datasets--me--roses$"):
            load(root)


def test_a_split_without_labels_says_why_its_table_is_not_read(tmp_path: Path) -> None:
    root = make(tmp_path, "train/cat/1.png", "train/dog/1.png", "Test/2.png")
    write_files(root, {"Test/README.txt": b"what the\npicture 2.png shows\nnobody knows\n"})
    assert load(root).remarks == load(root, "test").remarks == ("Test has no labels",)
    write_files(root, {"Test.csv": b"Number,Path\n3,Test/2.png\n"})
    (said,) = load(root).remarks
    assert said.startswith("Test has no labels: which column of Test.csv says what the pictures show? ")
    assert load(root, "test").remarks == (said,)


def test_what_lies_beside_the_splits_is_left_out_once(tmp_path: Path) -> None:
    root = write_files(make(tmp_path, *PAIR), {"notes.md": b"by me", "train/notes.md": b"too"})
    beside = ("notes.md", "beside the splits, not in one")
    own = ("train/notes.md", "beside the class folders, not in one")
    assert load(root, "all").rejected == (beside, own)
    assert load(root, "test").rejected == ()
