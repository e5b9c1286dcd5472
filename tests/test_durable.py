"""Files whole or absent, and one writer at a time."""

import errno
import os
from pathlib import Path

import pytest

from joryu.durable import PARTIAL, durable_file, durable_folder, remove_leftovers, require_free, sole_writer
from joryu.errors import InputError, JoryuError


def test_a_file_appears_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    with durable_file(tmp_path / "x") as file:
        file.write(b"new")
        assert not (tmp_path / "x").exists()
    assert (tmp_path / "x").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_an_error_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="killed"), durable_file(tmp_path / "x") as file:
        file.write(b"half of the n")
        raise RuntimeError("killed")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert remove_leftovers(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_full_disk_is_said_in_one_line_and_leaves_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(JoryuError, match=r"cannot write x .*No space left on device.*kept"),
        durable_file(tmp_path / "x") as f,
    ):
        f.write(b"new")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), real_fsync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("rename"), real_replace(self, to))[1])
    with durable_file(tmp_path / "x") as file:
        file.write(b"new")
    assert events == ["fsync", "rename", "fsync"]


def test_a_second_writer_is_turned_away_and_told_who_is_first(tmp_path: Path) -> None:
    with (
        sole_writer(tmp_path),
        pytest.raises(InputError, match=f"another process.*process {os.getpid()}"),
        sole_writer(tmp_path),
    ):
        pass
    with sole_writer(tmp_path):  # free again
        pass


@pytest.mark.parametrize("mode", [0o022, 0o000])
def test_a_private_file_is_its_owners_alone_from_its_first_byte(tmp_path: Path, mode: int) -> None:
    former = os.umask(mode)
    try:
        path = tmp_path / "answers.csv"
        path.write_bytes(b"one that everybody could read")
        path.chmod(0o644)
        with durable_file(path, private=True) as file:
            (partial,) = tmp_path.glob(f".*{PARTIAL}")
            assert partial.stat().st_mode & 0o077 == 0
            file.write(b"new")
        assert (path.stat().st_mode & 0o777, path.read_bytes()) == (0o600, b"new")
    finally:
        os.umask(former)


def test_a_folder_appears_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    with durable_folder(tmp_path / "deep" / "out") as folder:
        (folder / "part").mkdir()
        (folder / "part" / "x").write_bytes(b"x")
        assert not (tmp_path / "deep" / "out").exists()
    assert (tmp_path / "deep" / "out" / "part" / "x").read_bytes() == b"x"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_an_error_while_a_folder_is_filled_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no"), durable_folder(tmp_path / "out") as folder:
        (folder / "x").write_bytes(b"x")
        raise RuntimeError("no")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_folder_and_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(JoryuError, match=r"cannot write the folder .*out .*No space left on device"),
        durable_folder(tmp_path / "out") as folder,
    ):
        (folder / "x").write_bytes(b"x")
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_of_a_folder_is_taken_away(tmp_path: Path) -> None:
    killed = tmp_path / f".out{PARTIAL}"
    (killed / "old").mkdir(parents=True)
    (killed / "half").write_bytes(b"half")
    with durable_folder(tmp_path / "out") as folder:
        assert not list(folder.iterdir())
        (folder / "x").write_bytes(b"x")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "x"]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with durable_folder(tmp_path / "out") as folder:  # empty ones give way
        (folder / "x").write_bytes(b"x")
    with pytest.raises(InputError, match="is there already"), durable_folder(tmp_path / "out"):
        pass
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(InputError, match="received a file"), durable_folder(tmp_path / "file"):
        pass
    assert (tmp_path / "out" / "x").read_bytes() == b"x"
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_folder_below_a_file_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(JoryuError, match="no folder"):
        require_free(tmp_path / "file" / "out")


def test_two_at_once_do_not_fill_one_folder(tmp_path: Path) -> None:
    with durable_folder(tmp_path / "out") as folder:
        (folder / "x").write_bytes(b"first")
        with pytest.raises(InputError, match="another process"), durable_folder(tmp_path / "out") as other:
            (other / "x").write_bytes(b"second")
    assert (tmp_path / "out" / "x").read_bytes() == b"first"
