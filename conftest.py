"""How the suite is played: ``--auto-precision`` says what a training's precision ``auto`` means in every test.

On its own it is what this machine's hardware multiplies, and a suite that was only ever run on one kind of processor
would be red on the other. bf16 is emulated where it must be: slow, and right.

With ``-n`` (pytest-xdist) several processes share the tests, each with one thread, so that they do not fight for cores.
"""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

pytest_plugins = ["asked_auto"]  # --replay

VARIABLE = "JORYU_AUTO_PRECISION"  # what the processes that tests start inherit too
PRECISIONS = {"bf16": "bf16-mixed", "float32": "32-true"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--auto-precision",
        choices=[*PRECISIONS, "native", "other"],
        default="native",
        help="what the precision auto means: bf16, float32, this machine's own, or the other one",
    )


def pytest_configure(config: pytest.Config) -> None:
    from joryu.precision import best_precision, device_type

    asked = config.getoption("--auto-precision")
    native = best_precision(device_type())
    others = {"native": native, "other": next(one for one in PRECISIONS.values() if one != native)}
    os.environ[VARIABLE] = (PRECISIONS | others)[asked]
    # Timings are never asserted; and what one run tests, the next tests too, so that a commit is green or it is not.
    hypothesis.settings.register_profile("any machine", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("any machine")
    if config.getoption("numprocesses", None):
        os.environ["OMP_NUM_THREADS"] = "1"  # what the processes that run the tests inherit, and theirs
    # torch.compile would start processes of its own to compile with, each of which imports torch.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    # A shell that starts something in the background has it ignore Ctrl-C, and so would what tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    from joryu.precision import best_precision, device_type

    played, native = os.environ[VARIABLE], best_precision(device_type())
    own = "this machine's own" if played == native else f"this machine's own is {native}"
    return f"precision auto: {played} ({own})"
