"""A spec means from everywhere what it meant where it was typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from picture_files import flat, table, write_files

from joryu.errors import InputError
from joryu.examples import load_examples
from joryu.examples.places import from_here, require_found, typed_in

MANY = ";".join(map(str, range(999)))  # longer than a name of a file may be


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where things were made: pictures, a run with a comma in its name, weights; and we are elsewhere."""
    for name in ("there/pictures", "there/a,b", "there/mnist", "there/iris", "there/out/targets", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("w.safetensors", "names.txt", "iris, new.csv"):
        (tmp_path / "there" / name).touch()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "there"


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("folder:pictures", "folder:{}/pictures"),
        ("pictures", "{}/pictures"),
        ("parquet:pictures#img,label", "parquet:{}/pictures#img,label"),
        ("run:a,b", "run:{}/a,b"),
        ("run:a,b,output=probs", "run:{}/a,b,output=probs"),
        ("human:pictures,confidence=stated,left-over=graph", "human:{}/pictures,confidence=stated,left-over=graph"),
        ("module:pkg.mod:factory@w.safetensors", "module:pkg.mod:factory@{}/w.safetensors"),
        ("timm:resnet18@w.safetensors,output=probs", "timm:resnet18@{}/w.safetensors,output=probs"),
        ("module:pkg.mod:factory", "module:pkg.mod:factory"),
        ("folder:absent", "folder:absent"),
        (f"pairs:pictures,classes={MANY}", f"pairs:{{}}/pictures,classes={MANY}"),
        ("folder:.", "folder:{}"),
        ("mnist", "mnist"),  # a known set comes before a path
        ("digits", "digits"),
        ("mnist#letters", "mnist#letters"),
        ("parquet:pictures,root=a,b", "parquet:{0}/pictures,root={0}/a,b"),
        ("parquet:pictures#img,label,root=a,b, kind=tags", "parquet:{0}/pictures#img,label,root={0}/a,b, kind=tags"),
        ("parquet:in the data root, root=pictures", "parquet:in the data root, root={}/pictures"),
        ("parquet:pictures,root=inside", "parquet:{}/pictures,root=inside"),  # seen from the folder of the set
        ("parquet:pictures,root=/", "parquet:{}/pictures,root=/"),
        ("onnx:w.safetensors,labels=names.txt,output=a", "onnx:{0}/w.safetensors,labels={0}/names.txt,output=a"),
        ("command:python3 teach.py,labels=names.txt", "command:python3 teach.py,labels={}/names.txt"),
        ("folder:pictures,labels=names.txt", "folder:{}/pictures,labels=names.txt"),  # a table of the set
        ("table:iris", "table:iris"),  # a table that comes with a library, too
        ("table:iris,target=target", "table:iris,target=target"),
        ("table:iris, new.csv,target=y", "table:{}/iris, new.csv,target=y"),
    ],
)
def test_a_spec_is_found_from_elsewhere(there: Path, spec: str, found: str) -> None:
    assert from_here(spec, there / "out" / "targets", "../..") == found.format(there)
    assert from_here(spec, there / "out" / "targets", None) == spec  # of a store that does not say


def test_where_it_was_typed_it_stays_as_it_was(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(there)
    assert typed_in(Path("out/targets")) == "../.."
    assert from_here("folder:pictures", Path("out/targets"), "../..") == "folder:pictures"
    absolute = f"folder:{there}/pictures"
    monkeypatch.chdir(there.parent)
    assert from_here(absolute, there / "out" / "targets", "../..") == absolute


def test_through_a_link_it_is_the_same_place(there: Path) -> None:
    Path("link").symlink_to(there / "out" / "targets")
    assert from_here("folder:pictures", Path("link"), "../..") == f"folder:{there}/pictures"


def test_what_is_not_found_is_told_with_the_place(there: Path) -> None:
    require_found("digits", there / "out", "..")
    with pytest.raises(InputError, match=r"are not found \(expected folder:gone, as seen from .*there; .*--examples"):
        require_found("folder:gone", there / "out", "..")


def test_a_set_of_paths_is_read_from_elsewhere_as_it_was_where_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "a", {"photos/0.png": flat(1), "photos/1.png": flat(2)})
    table(tmp_path / "a" / "set" / "t.parquet", {"image": ["0.png", "1.png"], "label": [0, 1]})
    spec = "parquet:set/t.parquet,root=photos"
    monkeypatch.chdir(tmp_path / "a")
    examples = load_examples(spec)
    monkeypatch.chdir(tmp_path)
    assert (load_examples(from_here(spec, tmp_path / "a" / "store", "..")).ids == examples.ids).all()
