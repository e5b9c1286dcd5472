"""An index of files: read once, then only checked; never trusted beyond what it can know, and never an error."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.examples import index as indexing
from joryu.examples.index import FileIndex, FileVerdict
from joryu.examples.rejected import PassingError

RULES = "no word of it begins with x"


@pytest.fixture(autouse=True)
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were made just now count as files of long ago."""
    monkeypatch.setattr(indexing, "FRESH_NS", 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files" / "inside").mkdir(parents=True)
    for name, text in (("a", "one"), ("b", "xylophone"), ("inside/ä b", "two"), ("inside/c", "one")):
        (tmp_path / "files" / name).write_text(text)
    return tmp_path / "files"


def examine(path: Path) -> str:
    return "it begins with x" if path.read_text().startswith("x") else ""


def look(index: FileIndex, folder: Path) -> dict[str, FileVerdict]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    found = list(index.look(folder, names, examine))
    assert [name for name, _ in found] == names
    return dict(found)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


EXPECTED = {
    "a": FileVerdict(sha("one"), ""),
    "b": FileVerdict("", "it begins with x"),
    "inside/c": FileVerdict(sha("one"), ""),
    "inside/ä b": FileVerdict(sha("two"), ""),
}


def again(folder: Path, rules: str = RULES) -> tuple[FileIndex, dict[str, FileVerdict]]:
    index = FileIndex.load(folder.parent / "index", rules)
    found = look(index, folder)
    assert index.save(folder.parent / "index")
    return index, found


def test_files_are_read_once_and_then_only_checked(folder: Path) -> None:
    index, found = again(folder)
    assert (index.read, found) == (4, EXPECTED)
    index, found = again(folder)
    assert (index.read, found) == (0, EXPECTED)


def test_a_folder_that_was_moved_with_its_index_is_known(folder: Path) -> None:
    again(folder)
    moved = folder.rename(folder.parent / "elsewhere")
    index, found = again(moved)
    assert (index.read, found) == (0, EXPECTED)


def test_what_changed_is_new_or_gone_is_looked_at_as_it_is(folder: Path) -> None:
    again(folder)
    (folder / "a").write_text("another")
    (folder / "inside" / "c").unlink()
    (folder / "d").write_text("new")
    index, found = again(folder)
    gone = {name: one for name, one in EXPECTED.items() if name != "inside/c"}
    assert found == {**gone, "a": FileVerdict(sha("another"), ""), "d": FileVerdict(sha("new"), "")}
    assert index.read == 2
    assert again(folder)[0].read == 0


def test_a_file_of_the_same_size_and_time_with_another_content_is_read_anew(folder: Path) -> None:
    """As a program does that copies a picture over another one and keeps its date."""
    again(folder)
    times = now = (folder / "a").stat()
    while now.st_ctime_ns == times.st_ctime_ns:  # the file system's clock goes on in ticks of some milliseconds
        (folder / "a").write_text("eno")
        os.utime(folder / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
        now = (folder / "a").stat()
    index, found = again(folder)
    assert (index.read, found["a"]) == (1, FileVerdict(sha("eno"), ""))


def test_a_file_that_has_just_changed_is_not_trusted_yet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "FRESH_NS", 3600 * 10**9)
    again(folder)
    assert again(folder)[0].read == 4
    monkeypatch.setattr(indexing, "FRESH_NS", 0)
    again(folder)
    assert again(folder)[0].read == 0


def test_other_rules_look_at_everything_again(folder: Path) -> None:
    again(folder)
    assert again(folder, "another")[0].read == 4
    assert again(folder, "another")[0].read == 0


def test_a_file_that_is_gone_or_changes_meanwhile_has_no_key_and_is_not_kept(folder: Path) -> None:
    def write_on(path: Path) -> str:
        with path.open("a") as file:
            file.write("!")
        return ""

    index = FileIndex(RULES)
    assert dict(index.look(folder, ["a"], write_on)) == {"a": FileVerdict("", "changed while it was read")}
    found = dict(index.look(folder, ["nowhere"], examine))
    assert found == {"nowhere": FileVerdict("", "cannot be read: No such file or directory")}
    assert index.save(folder.parent / "index")
    assert FileIndex.load(folder.parent / "index", RULES)._known == {}


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda content: content[:-20],
    "only its head": lambda content: content.partition(b"\n")[0] + b"\n",
    "a byte": lambda content: content.replace(b"one", b"two").replace(sha("one").encode()[:4], b"0000"),
    "noise": lambda _: os.urandom(4000),
    "another file": lambda _: b'{"schema_version": 1}\n[]',
    "a later version": lambda content: content.replace(b'"joryu-index": 1', b'"joryu-index": 2'),
    "no list": lambda content: content.partition(b"\n")[0],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_made_anew_and_is_no_error(folder: Path, damage: str) -> None:
    again(folder)
    path = folder.parent / "index"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    index, found = again(folder)
    assert (index.read, found) == (4, EXPECTED)
    assert again(folder)[0].read == 0


def test_an_index_whose_sum_is_right_and_whose_rows_are_not_is_none(folder: Path) -> None:
    path = folder.parent / "index"
    for body in (b"[1, 2]", b'[["a"]]', b'[["a", "key", "", 1, 2]]', b'{"a": 1}', b'[["a", "key", "", 1, 2, 3, 4]]'):
        path.write_bytes(json.dumps(FileIndex(RULES)._head(body)).encode() + b"\n" + body)
        assert FileIndex.load(path, RULES)._known == {}


@given(st.binary(max_size=300))
def test_noise_is_no_index(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / "index"
    path.write_bytes(noise)
    assert FileIndex.load(path, RULES)._known == {}


def test_where_it_cannot_be_written_the_former_one_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again(folder)
    path = folder.parent / "index"
    before = path.read_bytes()
    (folder / "a").write_text("another")
    index = FileIndex.load(path, RULES)
    look(index, folder)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert not index.save(path)
    assert path.read_bytes() == before
    assert not index.save(folder / "nowhere" / "index")
    assert [one.name for one in folder.parent.iterdir() if one.is_file()] == ["index"]


def test_what_is_settled_is_older_than_a_tick_of_any_file_system() -> None:
    now = time.time_ns()
    assert indexing._is_settled(indexing._Stamp(1, now, now - 10**9))
    assert not indexing._is_settled(indexing._Stamp(1, 0, now + 10**9))  # by the clock of another machine


def test_the_labelling_page_needs_no_pytorch() -> None:
    """It would be five times the memory, and seconds of every start."""
    heavy = ("torch", "scipy", "sklearn", "pyarrow", "matplotlib")
    script = (
        "import sys, joryu.cli.annotate, joryu.labelling.serve, joryu.labelling.pictures, joryu.examples.left_out;"
        f"found = [m for m in {heavy!r} if m in sys.modules]; assert not found, found"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=120)


def test_the_names_of_the_room_are_where_they_were() -> None:
    import joryu.examples

    assert all(getattr(joryu.examples, name) is not None for name in joryu.examples.__all__)
    assert set(joryu.examples.__all__) <= set(dir(joryu.examples))
    with pytest.raises(AttributeError, match="no attribute 'Samples'"):
        joryu.examples.Samples  # noqa: B018


def test_what_failed_for_now_is_told_and_looked_at_again(folder: Path) -> None:
    def failing(path: Path) -> str:
        if path.name == "a":
            raise PassingError("a disk failed")
        return examine(path)

    index = FileIndex(RULES)
    found = dict(index.look(folder, EXPECTED, failing))
    assert found == {**EXPECTED, "a": FileVerdict("", "a disk failed")}
    assert index.save(folder.parent / "index")
    index, found = again(folder)
    assert (index.read, found) == (1, EXPECTED)
