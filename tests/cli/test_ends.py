"""How a command ends: Ctrl-C, a reader that has gone, what the system refuses, our own mistakes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run

from joryu.cli import main


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    from joryu.errors import InputError

    with pytest.raises(InputError):
        main(["--debug", "audit", str(tmp_path / "nothing")])


def test_what_the_system_refuses_gets_one_line(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "audit", "x" * 300)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "too long" in err
    code, _, err = run(capsys, "evaluate", job / "run", "--size", 10**7)
    assert (code, err.count("\n")) in ((1, 1), (2, 1))
    assert "memory" in err
    with pytest.raises(OSError, match="too long"):
        main(["--debug", "audit", "x" * 300])


def test_ctrl_c_says_that_what_was_done_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("joryu.targets.Store.open", interrupted)
    code, out, err = run(capsys, "audit", "targets")
    assert (code, out, err.count("\n")) == (130, "", 1)
    assert "run the same command again" in err


def test_our_own_mistakes_still_show_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("joryu.targets.Store.open", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["audit", "targets"])


def command(*words: object, stdout: object) -> tuple[int, str]:
    """Exit code and stderr of a command as a process of its own."""
    run_it = [sys.executable, "-m", "joryu", *map(str, words)]
    found = subprocess.run(run_it, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)  # type: ignore[call-overload]
    return found.returncode, found.stderr


def test_a_reader_that_has_gone_and_a_full_disk() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert command("version", "--json", stdout=writer) == (1, "")
    os.close(writer)
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            code, err = command("version", stdout=full)
        assert (code, err.count("\n")) == (1, 1)
        assert "No space left" in err
