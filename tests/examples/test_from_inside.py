"""A set that is named from inside its own folder, by a point or by two, is the set that its whole path names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from picture_files import flat, idx_files, noise, save, write_files, write_parquet

from joryu.examples import Examples, list_data, load_examples
from joryu.examples.beside.matching import PictureNames
from joryu.examples.file_list import FileList
from joryu.examples.tree import Folder, link_root

CLASSES = {"cat/1.png": flat(1), "cat/far in/2.png": flat(2), "dog/3.png": flat(3), "dog/notes.txt": b"x", "x.png": b""}
BESIDE = {"in/1.png": flat(1), "in/2.png": flat(2), "labels.csv": b"file,label\nin/1.png,cat\nin/2.png,dog\n"}
GROUPS = {"groups.csv": b"file,who\ncat/1.png,x\ncat/far in/2.png,x\ndog/3.png,y\n"}
MASKS = {f"{place}/{at}.png": flat(255 * at) for place in ("images", "masks") for at in range(2)}
SETS: dict[str, tuple[str, dict[str, bytes], str]] = {
    "class folders": ("folder", CLASSES, ""),
    "splits": ("folder", {f"{split}/{name}": one for split in ("train", "test") for name, one in CLASSES.items()}, ""),
    "a table beside": ("folder", BESIDE, ""),
    "loose pictures": ("folder", {"1.png": flat(1), "2.png": flat(2)}, ""),
    "groups": ("folder", {**CLASSES, **GROUPS}, ",group=groups.csv"),
    "masks": ("pairs", MASKS, ""),
    "idx": ("idx", idx_files(), ""),
    "a table": ("table", {"train.csv": b"a,y\n1,u\n2,v\n"}, ",target=y"),
}


def told(examples: Examples) -> tuple[object, ...]:
    labels = None if examples.labels is None else examples.labels.tolist()
    return examples.name, examples.sources, labels, examples.groups, examples.rejected, examples.remarks


@pytest.mark.parametrize(("layout", "files", "options"), SETS.values(), ids=SETS)
@pytest.mark.parametrize(("here", "said"), [("my set", "."), ("my set/.deep", ".."), (".", "my set/.deep/..")])
def test_a_set_is_the_same_from_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, files: dict[str, bytes], options: str,
    here: str, said: str,
) -> None:  # fmt: skip
    root = write_files(tmp_path / "my set", files)
    (root / ".deep").mkdir()
    expected = load_examples(f"{layout}:{root}{options}")
    monkeypatch.chdir(tmp_path / here)
    found = load_examples(f"{layout}:{said}{options}")
    assert told(found) == told(expected)
    assert found.name != ""
    assert torch.equal(found.inputs[:], expected.inputs[:])


def test_parquet_files_and_bare_paths_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(tmp_path / "leaves" / "train.parquet", [flat(1), flat(2)], [0, 1])
    write_files(tmp_path / "roses", {"red/1.png": flat(3), "white/1.png": flat(4)})
    for name, spec in (("leaves", "parquet:."), ("leaves", "."), ("roses", ".")):
        monkeypatch.chdir(tmp_path / name)
        assert told(load_examples(spec)) == told(load_examples(f"{tmp_path}/{name}"))
    monkeypatch.chdir(tmp_path)
    assert {row.name for row in list_data(".")} >= {"leaves", "roses"}


@pytest.mark.parametrize("top", [".", "set", "./set", "set/..", "{}/set", "{}"])
def test_files_are_named_as_they_are_seen_from_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, top: str
) -> None:
    write_files(tmp_path, {f"{place}a/b c/{at}.png": flat(at) for place in ("", "set/") for at in range(2)})
    monkeypatch.chdir(tmp_path)
    root = Path(top.format(tmp_path))
    texts = [text for text, reason in Folder(root).texts(link_root(root)) if reason is None]
    files = FileList(root, texts)
    assert files.names == [path.relative_to(root).as_posix() for path in files]
    names = PictureNames(root, list(files))
    assert all(at in names.find(name) for at, name in enumerate(files.names))


@pytest.mark.parametrize("size", [None, 3])
def test_originals_named_by_a_point_are_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    files = {f"{name}/1.png": save(noise(5, 5, seed=at), "PNG") for at, name in enumerate("ab")}
    monkeypatch.chdir(write_files(tmp_path / "set", files))
    examples = load_examples("folder:.", size=size)
    monkeypatch.chdir(tmp_path)
    assert examples.encoded([1, 0]) == [files["b/1.png"], files["a/1.png"]]
