"""How the suite itself is played: any folders at once, on either kind of processor, in a browser where there is one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from joryu.precision import AUTO
from joryu.training import Recipe
from joryu.training.precision import chosen_precision

ROOT = Path(__file__).parents[2]
#: a quick file of each of several folders that have a conftest
ONE_OF_EACH = [f"tests/{name}.py" for name in ("report/test_tables", "targets/test_index", "examples/test_places")]


def play(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_processes_that_tests_start_are_told_what_auto_means() -> None:
    ask = "from joryu.training import Recipe; from joryu.training.precision import chosen_precision; "
    ask += "print(chosen_precision(Recipe(), 'cpu'))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == chosen_precision(Recipe(), "cpu") == os.environ[AUTO]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "precision"), [("bf16", "bf16-mixed"), ("float32", "32-true")])
def test_the_switch_plays_either_kind_of_processor_in_any_folders_at_once(kind: str, precision: str) -> None:
    """Folders with conftests of their own: each must be known by its path."""
    done = play("--auto-precision", kind, "--collect-only", "--quiet", "--verbose", *ONE_OF_EACH)
    assert done.returncode == 0, done.stdout[-2000:]
    assert f"precision auto: {precision} " in done.stdout


ASKING = """
import os, subprocess, sys
import pytest

@pytest.fixture(scope="module")
def trained():
    return os.environ.get("JORYU_AUTO_PRECISION")

@pytest.fixture
def on_trained(trained):
    return trained

def test_that_asks(): assert os.environ["JORYU_AUTO_PRECISION"] in "ab"
def test_that_does_not(): assert os.environ.get("JORYU_DATA") != "JORYU_AUTO_PRECISION"
def test_on_what_asked(on_trained): pass
def test_on_what_asked_for_another(trained): pass
def test_a_process(): subprocess.run([sys.executable, "-c", ""], check=True)
def test_after_a_process(): pass
def test_that_is_skipped(): pytest.skip("no")

def test_that_says_so_itself(monkeypatch):
    monkeypatch.setenv("JORYU_AUTO_PRECISION", "c")
    assert os.environ.get("JORYU_AUTO_PRECISION") == "c"
    subprocess.run([sys.executable, "-c", ""], check=True)
    monkeypatch.delenv("JORYU_AUTO_PRECISION")
    assert "JORYU_AUTO_PRECISION" not in os.environ
    subprocess.run([sys.executable, "-c", ""], check=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("processes", [[], ["-p", "xdist", "-n", "1"]])
def test_what_did_not_ask_what_auto_means_is_not_replayed(tmp_path: Path, processes: list[str]) -> None:
    (tmp_path / "test_asking.py").write_text(ASKING)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def play(kind: str, *words: str) -> list[str]:
        command = [sys.executable, "-m", "pytest", "-p", "asked_auto", "-v", *processes, *words]
        known = {AUTO: kind, "PYTHONPATH": str(Path(__file__).parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | known, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
        return sorted(set(re.findall(r"::(test_\w+)", done.stdout)))

    asked = ["test_a_process", "test_on_what_asked", "test_on_what_asked_for_another", "test_that_asks"]
    assert len(play("a")) == 8
    assert play("b", "--replay") == asked
    with (tmp_path / "test_asking.py").open("a") as file:
        file.write("def test_that_nobody_played(): pass\n")
    assert play("b", "--replay") == sorted([*asked, "test_that_nobody_played"])


def test_one_of_several_processes_that_share_the_tests_has_one_thread() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process plays all tests")
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert torch.get_num_threads() == 1


# --- a browser for continuous integration ---------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH on which there is no browser, and what it takes to be root with an apt-get that writes down its words."""
    (tmp_path / "bin").mkdir()
    for name in ("bash", "mktemp", "rm", "tail", "timeout"):
        found = shutil.which(name) or pytest.skip(f"{name} is not installed")
        (tmp_path / "bin" / name).symlink_to(found)
    program(tmp_path, "id", "echo 0")
    program(tmp_path, "apt-get", f"echo $1 >> {tmp_path}/asked")
    return tmp_path


def program(machine: Path, name: str, text: str) -> None:
    path = machine / "bin" / name
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)


def install(machine: Path) -> tuple[int, str, list[str]]:
    """The exit code of the script, what it said, and what apt-get was asked for."""
    done = subprocess.run(
        [ROOT / ".ci" / "browser"], env={"PATH": f"{machine}/bin"}, capture_output=True, text=True, check=False
    )
    asked = machine / "asked"
    return done.returncode, done.stdout + done.stderr, asked.read_text().split() if asked.exists() else []


def test_chromium_is_installed_where_it_is_absent_and_may_be(machine: Path) -> None:
    assert install(machine) == (0, "", ["update", "install"])


def test_nothing_is_installed_where_there_is_one_or_it_may_not_be(machine: Path) -> None:
    program(machine, "chromium", "true")
    assert install(machine) == (0, "", [])
    (machine / "bin" / "chromium").unlink()
    program(machine, "id", "echo 1000")
    assert install(machine) == (0, "", [])


def test_a_chromium_that_cannot_be_had_fails_nothing(machine: Path) -> None:
    program(machine, "apt-get", "echo one >&2; echo no network >&2; exit 100")
    code, said, _ = install(machine)
    assert code == 0
    assert said == "no Chromium could be installed, so the tests of the page in a browser will skip: no network\n"
