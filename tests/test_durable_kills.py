"""Stopped at any moment, a file is the old one or the new one, and the next process puts things in order."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from joryu.durable import LOCK, PARTIAL, durable_file, remove_leftovers, sole_writer
from joryu.errors import InputError, JoryuError

OLD, NEW = b"old" * 100, b"new" * 1000


class KilledError(BaseException):
    """What nothing catches, as nothing catches a kill."""


def killed(*_: object, **__: object) -> None:
    raise KilledError


def write(path: Path, content: bytes) -> None:
    with durable_file(path) as file:
        file.write(content)


@pytest.mark.parametrize("before", [True, False], ids=["a file of before", "none of before"])
@pytest.mark.parametrize(
    ("moment", "renamed"), [("write", False), ("fsync", False), ("replace", False), ("flush_folder", True)]
)
def test_killed_at_any_moment_the_file_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, renamed: bool, before: bool
) -> None:
    path = tmp_path / "record.json"
    if before:
        path.write_bytes(OLD)
    with monkeypatch.context() as patch:
        if moment == "fsync":
            patch.setattr(os, "fsync", killed)
        elif moment == "replace":
            patch.setattr(Path, "replace", killed)
        elif moment == "flush_folder":
            patch.setattr("joryu.durable.flush_folder", killed)
        with pytest.raises(KilledError), durable_file(path) as file:
            file.write(NEW)
            if moment == "write":
                killed()
    assert (path.read_bytes() if path.exists() else None) == (NEW if renamed else OLD if before else None)
    assert remove_leftovers(tmp_path) == (not renamed)
    assert remove_leftovers(tmp_path) == 0
    write(path, NEW)
    assert path.read_bytes() == NEW
    assert [one.name for one in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize("content", [b"", b"\x00", OLD])
def test_what_a_kill_left_is_no_part_of_the_next_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.json"
    (tmp_path / f".record.json{PARTIAL}").write_bytes(NEW * 10)
    write(path, content)
    assert path.read_bytes() == content
    assert remove_leftovers(tmp_path) == 0


@pytest.mark.parametrize(
    "name",
    ["a", "with a space", ".hidden", "a.partial", "日本語" * 5, "é" * 127, "葉" * 85, "x" * 255, "x" * 246, "x" * 247],
    ids=lambda name: f"{name[:6]} of {len(os.fsencode(name))} bytes",
)
def test_any_name_that_a_file_may_have_can_be_written(tmp_path: Path, name: str) -> None:
    """The name beside it, under which it is written, is longer, and was refused where the file's own was not."""
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this system takes no such name")
    write(tmp_path / name, NEW)
    assert (tmp_path / name).read_bytes() == NEW
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_two_long_names_that_begin_alike_do_not_meet_while_they_are_written(tmp_path: Path) -> None:
    one, other = tmp_path / ("x" * 254 + "1"), tmp_path / ("x" * 254 + "2")
    with durable_file(one) as first, durable_file(other) as second:
        first.write(b"1")
        second.write(b"2")
    assert (one.read_bytes(), other.read_bytes()) == (b"1", b"2")


def test_leftovers_are_files_of_that_ending_alone(tmp_path: Path) -> None:
    for name in (f".a{PARTIAL}", f".b{PARTIAL}", f"mine{PARTIAL}", ".hidden", "data"):
        (tmp_path / name).write_bytes(b"x")
    assert remove_leftovers(tmp_path) == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == [".hidden", "data", f"mine{PARTIAL}"]


def no_folder(root: Path) -> Path:
    return root / "none" / "record.json"


def a_folder(root: Path) -> Path:
    (root / "folder" / "record.json" / "inside").mkdir(parents=True)
    return root / "folder" / "record.json"


@pytest.mark.parametrize("place", [no_folder, a_folder])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    path = place(tmp_path)
    with pytest.raises(JoryuError, match=r"^cannot write record\.json \(received .*run it again") as refused:
        write(path, NEW)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.rglob(f"*{PARTIAL}"))


def test_the_lock_goes_with_whoever_held_it(tmp_path: Path) -> None:
    with sole_writer(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
        with pytest.raises(InputError, match=f"a lock held by process {os.getpid()}"), sole_writer(tmp_path):
            pass
    for stop in (ValueError, KeyboardInterrupt):
        with pytest.raises(stop), sole_writer(tmp_path):
            raise stop
    with sole_writer(tmp_path):
        pass


@pytest.mark.parametrize("left", ["", "12345\n", "not a number", "1\n2\n3\n"])
def test_a_lock_file_that_nobody_holds_locks_nothing(tmp_path: Path, left: str) -> None:
    (tmp_path / LOCK).write_text(left)
    with sole_writer(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
