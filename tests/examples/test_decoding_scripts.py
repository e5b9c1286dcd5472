"""Scripts of users that decode in processes: none is left behind, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from decoding_scene import is_alive, photographs, wait_for

from joryu.examples.decoders import HOW_MANY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes decode on POSIX systems alone")

#: a user's script that has no main function, in a folder with files that are called like modules
SCRIPT = """
    import sys, time
    print("begun", flush=True)
    import joryu
    from joryu.examples import decoders
    decoders._WORTH = 0.0
    examples = joryu.load_examples(sys.argv[1], size=16)
    deadline = time.monotonic() + 30
    while len(decoders.DECODERS.processes) < 2 and time.monotonic() < deadline:
        examples.inputs[[0, 1]]
        examples.inputs[[2, 3]]
        examples.inputs[[4, 5]]
        examples.inputs[[6, 7]]
    print(*decoders.DECODERS.processes, flush=True)
"""
READ_ON = """
    for round_ in range(10_000):
        examples.inputs[[(round_ + at) % len(examples) for at in range(30)]]
"""


def run_script(folder: Path, more: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A script that decodes in two processes, whatever the machine has, and their numbers."""
    root = photographs(folder / "set")
    (folder / "json.py").write_text("raise SystemExit('a file of the user')")
    (folder / "place").mkdir()
    (folder / "place/script.py").write_text(textwrap.dedent(SCRIPT) + textwrap.dedent(more))
    held_nowhere = {"XDG_CACHE_HOME": str(folder / "cache"), "JORYU_MEMORY": "1K", HOW_MANY: "2"}
    process = subprocess.Popen(
        [sys.executable, "place/script.py", str(root)], cwd=folder, text=True, process_group=0,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | held_nowhere,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process, [int(word) for word in process.stdout.readline().split()]


@pytest.mark.slow
def test_a_script_without_a_main_function(tmp_path: Path) -> None:
    process, workers = run_script(tmp_path, "print(examples.inputs[:].sum().item())")
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors, len(workers)) == (0, "", 2)
    assert said.strip().isdecimal()
    assert not any(map(is_alive, workers))


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_who_asked(sent: signal.Signals, tmp_path: Path) -> None:
    process, workers = run_script(tmp_path, READ_ON)
    assert len(workers) == 2
    assert all(map(is_alive, workers))
    os.killpg(process.pid, sent)  # as a terminal does
    _, errors = process.communicate(timeout=60)
    wait_for(lambda: not any(map(is_alive, workers)))
    assert errors.count("Traceback") == (sent == signal.SIGINT)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no copies of processes here")
def test_a_copy_of_the_process_has_none_of_them(tmp_path: Path) -> None:
    copied = """
    import os
    from joryu.examples.decoders import DECODERS
    before = DECODERS.processes
    expected = examples.inputs[:20]
    if (child := os.fork()) == 0:
        there = examples.inputs[1:21]
        os._exit(0 if bool((there[:19] == expected[1:]).all()) and not {*DECODERS.processes} & {*before} else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), bool((examples.inputs[2:22][:18] == expected[2:]).all()))
    """
    process, workers = run_script(tmp_path, copied)
    said, _ = process.communicate(timeout=60)
    assert said == "0 True\n"
    wait_for(lambda: not any(map(is_alive, workers)))
