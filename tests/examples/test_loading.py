"""From specs to examples: what a spec may be, and what an unusable one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from picture_files import flat, idx_files, write_files, write_parquet

from joryu.errors import InputError
from joryu.examples import data_root, has_split, labelled_splits, list_data, load_examples, locate, split_names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with MNIST, a Parquet set, class folders and things of no known layout."""
    root = tmp_path / "data"
    write_files(root / "MNIST" / "raw", idx_files())
    write_parquet(root / "cifar10" / "train.parquet", [flat(1), flat(2)], [0, 1])
    write_files(root / "roses", {"red/1.png": flat(3), "white/1.png": flat(4)})
    write_files(root / "notes", {"a/1.txt": b"x"})
    write_files(root / ".hidden", {"a/1.png": flat(1), "b/1.png": flat(1)})
    return root


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("mnist", 4),
        ("cifar10", 2),
        ("roses", 2),
        ("idx:MNIST", 4),
        ("idx:MNIST/raw", 4),
        ("parquet:cifar10", 2),
        ("parquet:cifar10/train.parquet", 2),
        ("folder:roses", 2),
        ("cifar10/train.parquet", 2),
    ],
)
def test_specs_are_found_under_the_data_root(
    root: Path, spec: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(load_examples(spec, data_root=root)) == count
    monkeypatch.setenv("JORYU_DATA", str(root))
    assert len(load_examples(spec)) == count


@pytest.mark.parametrize("layout", ["", "folder:"])
def test_paths_are_read_as_they_stand(root: Path, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = root / "nowhere"
    monkeypatch.chdir(root)
    for path in (str(root / "roses"), "roses", "./roses"):
        assert load_examples(f"{layout}{path}", data_root=elsewhere).classes == ("red", "white")


def test_a_known_name_is_the_known_set_even_beside_a_folder_of_that_name(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "mnist", {"a/1.png": flat(1), "b/1.png": flat(1)})
    monkeypatch.chdir(tmp_path)
    assert locate("mnist", data_root=root) == ("idx", root / "MNIST")
    assert locate("./mnist", data_root=root) == ("folder", Path("mnist"))


def test_split_size_and_progress_are_passed_on(root: Path) -> None:
    assert len(load_examples("mnist", split="test", data_root=root)) == 2
    seen: list[tuple[int, int]] = []
    examples = load_examples("roses", size=7, data_root=root, progress=lambda *counts: seen.append(counts))
    assert examples.inputs.shape == (2, 1, 7, 7)
    assert seen == [(2, 2)]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("digit", "no examples are known as 'digit'.*did you mean digits"),
        ("rozes", "did you mean roses"),
        ("floder:roses", "did you mean folder:roses"),
        ("parqet:cifar10", "did you mean parquet:cifar10"),
        ("zzzzzz", "no examples are known as 'zzzzzz' .*table:FILE_OR_DIR, pairs:DIR or screened:FILE\\)$"),
        ("", "no examples are known as ''"),
        ("fashion-mnist", "fashion-mnist is not in .*; set JORYU_DATA, or try: python -c .*FashionMNIST"),
        ("folder:rozes", "no such file or folder: rozes"),
        ("folder:", r"no such file or folder: \(empty\)"),
        ("notes", "notes has no layout that is known"),
        ("roses/red", "red holds pictures, but no class folders .*to have them without labels try folder:roses/red"),
        ("idx:roses", "no IDX files in"),
        ("parquet:roses", "no Parquet files in"),
        ("parquet:notes/a/1.txt", "not a readable Parquet file"),
        ("folder:cifar10/train.parquet", "cannot be read: Not a directory"),
        ("x" * 5000, "no examples are known as|cannot be read"),
        ("a\x00b", "no examples are known as"),
    ],
)
def test_a_spec_that_cannot_be_used_says_why(root: Path, spec: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_examples(spec, data_root=root)


def test_near_misses_of_a_path_are_its_siblings(root: Path) -> None:
    with pytest.raises(InputError, match=r"no such file or folder: .*rose; did you mean roses\?"):
        load_examples(f"folder:{root / 'rose'}")


def test_a_size_must_be_positive() -> None:
    with pytest.raises(InputError, match=r"size is not usable \(expected at least 1 pixel; received 0\)"):
        load_examples("digits", size=0)


def test_the_data_root_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JORYU_DATA", "~/sets")
    assert data_root() == tmp_path / "home" / "sets"
    monkeypatch.setenv("JORYU_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_root() == tmp_path / "cache" / "joryu" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_root() == tmp_path / "home" / ".cache" / "joryu" / "data"


def test_the_list_tells_what_is_there_and_how_to_get_the_rest(root: Path) -> None:
    rows = {row.name: row for row in list_data(root)}
    assert [name for name in rows if not name.startswith("emnist-")] == [
        *("digits", "mnist", "fashion-mnist", "kmnist", "cifar10", "roses")
    ]
    assert "split='letters'" in rows["emnist-letters"].obtain
    assert (rows["mnist"].path, rows["mnist"].layout) == (root / "MNIST", "idx")
    assert rows["cifar10"].path == root / "cifar10"
    assert (rows["roses"].path, rows["roses"].layout) == (root / "roses", "folder")
    assert rows["kmnist"].path is None
    assert str(root) in rows["kmnist"].obtain
    assert rows["digits"].obtain == "comes with scikit-learn"


def test_the_list_of_an_absent_root_is_of_the_known_sets(tmp_path: Path) -> None:
    assert {row.path for row in list_data(tmp_path / "nothing")} == {None}


@pytest.mark.parametrize(
    "spec", ["digits", "mnist", "cifar10", "roses", "parquet:cifar10/train.parquet", "folder:sorted", "two", "unnamed"]
)
def test_splits_are_known_without_reading_an_example(root: Path, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(root / "sorted", {"train/red/1.png": flat(3), "val/red/2.png": flat(4), "t10k/red/3.png": flat(5)})
    write_parquet(root / "two" / "train-00000-of-00001.parquet", [flat(1)], [0])
    write_parquet(root / "two" / "test-00000-of-00001.parquet", [flat(2)], [0])
    write_parquet(root / "unnamed" / "leaves.parquet", [flat(1)], [0])
    monkeypatch.setenv("JORYU_DATA", str(root))

    def loads(split: str) -> bool:
        try:
            load_examples(spec, split=split)
        except InputError:
            return False
        return True

    for split in ("train", "test", "validation", "val", "roses"):
        assert has_split(spec, split) == loads(split), split


def test_splits_are_named_in_the_order_of_their_use(root: Path) -> None:
    write_files(root / "many", {f"{name}/red/1.png": flat(1) for name in ("t10k", "val", "train")})
    for split in ("odd", "test", "train", "dev"):
        write_parquet(root / "named" / f"{split}.parquet", [flat(1)], [0])
    assert split_names("folder:many", data_root=root) == ("train", "validation", "test")
    assert split_names("named", data_root=root) == ("train", "validation", "test", "odd")
    assert split_names("mnist", data_root=root) == ("train", "test")
    assert split_names("roses", data_root=root) == ("train",)


@pytest.mark.parametrize("spec", ["digits", "roses", "mnist"])
def test_a_column_is_for_parquet_alone(root: Path, spec: str) -> None:
    with pytest.raises(InputError, match=r"has no columns \(expected a Parquet set; received column 'image'\)"):
        load_examples(spec, column="image", data_root=root)
    assert len(load_examples("cifar10", column="image", data_root=root)) == 2


def test_all_splits_are_one_set(root: Path) -> None:
    write_files(root / "sorted", {"train/red/1.png": flat(3), "train/white/2.png": flat(4), "test/red/3.png": flat(5)})
    write_parquet(root / "two" / "train.parquet", [flat(1), flat(2)], [0, 1])
    write_parquet(root / "two" / "test.parquet", [flat(3)], [1])
    for spec, labels in (("sorted", [0, 1, 0]), ("two", [0, 1, 1])):
        whole = load_examples(spec, split="all", data_root=root)
        assert whole.labels is not None
        assert (len(whole.ids), whole.labels.tolist()) == (3, labels)
    assert whole.sources == ("train/train.parquet#0", "train/train.parquet#1", "test/test.parquet#0")
    assert len(load_examples("mnist", split="all", data_root=root)) == 6


def test_what_follows_a_hash_is_part_of_a_path_that_exists(root: Path) -> None:
    write_files(root / "a#b", {"red/1.png": flat(3), "white/1.png": flat(4)})
    assert load_examples("a#b", data_root=root).classes == ("red", "white")
    with pytest.raises(InputError, match=r"has no parts .*received #b"):
        load_examples("roses#b", data_root=root)


ODD = (
    "roses/red/1.png",
    "notes/a/1.txt",
    "cifar10/train.parquet",
    "x" * 5000,
    "~nobody I know/set",
    "~a\x00",
    "/dev/null",
)


@pytest.mark.parametrize("layout", ["", "idx:", "parquet:", "folder:", "project:", "table:", "pairs:", "screened:"])
@pytest.mark.parametrize("path", ODD)
def test_what_a_spec_names_may_be_anything_and_is_no_error_of_the_system(root: Path, layout: str, path: str) -> None:
    for read in (load_examples, split_names, labelled_splits, locate, lambda spec, **how: has_split(spec, "x", **how)):
        try:
            read(f"{layout}{path}", data_root=root)
        except InputError as refused:
            assert "\n" not in str(refused)
        else:
            assert layout or path.endswith(".parquet")


@pytest.mark.parametrize("option", ["root", "group", "masks"])
def test_an_option_may_name_the_folder_of_nobody(root: Path, option: str) -> None:
    write_files(root / "drawn", {"images/1.png": flat(1), "masks/1.png": flat(255)})
    spec = {"root": "parquet:cifar10", "group": "folder:roses", "masks": "pairs:drawn"}[option]
    with pytest.raises(InputError, match=r"no such folder|no such table|has no masks"):
        load_examples(f"{spec},{option}=~nobody I know/set.csv", data_root=root)
