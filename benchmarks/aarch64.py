"""An exported student on the processors of Raspberry Pis, emulated, beside this machine: are its answers the same?

    python -m benchmarks.aarch64 FOLDER                         # what joryu export wrote
    python -m benchmarks.aarch64 FOLDER --picture one.jpg two.jpg --cpu cortex-a72

``predict.py`` is run on pictures, and every model of the folder on made-up inputs, by an arm64 Python with the wheels
of the folder's ``requirements.txt`` for aarch64 (`benchmarks.aarch64_root` says how these come here without root).
Outputs must be within 2e-6 of the largest, as float layers add in another order; an int8 model has such layers too (its
last one, unless its ranges were learned). Whole numbers add alike in any order: what differs in one 8-bit number is
further apart than that.

The cores are named, as a runtime that uses newer instructions than a Pi has dies on it: ``cortex-a53`` is that of the
Pi 3 and Zero 2 W, ``cortex-a72`` that of the 4, ``cortex-a76`` that of the 5. How long the emulation takes says nothing
about a Pi and is not told. Needs Debian's ``qemu-user-static``, apt and a network the first time; a machine without
them is told so in one line, and the exit code is 2. It is 1 where an answer differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.aarch64_root import EMULATOR, CannotError, last_words, make_root, require_tools, unzip_wheels

CPUS = ("cortex-a53", "cortex-a72", "cortex-a76")
WITHIN = 2e-6  #: of the largest float output, or of 1
PROBE = Path(__file__).with_name("raw_outputs.py")
SECONDS = 900  #: of one emulated run
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="an exported folder: models, predict.py, requirements.txt")
    parser.add_argument(
        "--picture", type=Path, nargs="+", metavar="FILE", help="for predict.py; default: a made-up one"
    )
    parser.add_argument("--cpu", nargs="+", default=list(CPUS), metavar="CORE", help=f"default: {' '.join(CPUS)}")
    parser.add_argument(
        "--root", type=Path, default=_cache(), metavar="DIR", help="kept for the next time (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    options = parser.parse_args(arguments)
    try:
        found = compare(options.folder, pictures=options.picture, cpus=options.cpu, kept=options.root.absolute())
    except CannotError as error:
        print(f"aarch64: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=2) if options.json else "\n".join(map(in_a_line, found)))
    return int(not all(one["same"] for one in found))


def compare(folder: Path, *, pictures: Sequence[Path] | None, cpus: Sequence[str], kept: Path) -> list[dict[str, Any]]:
    """One record for each core and each thing that was compared.

    Raises:
        CannotError: this machine cannot do it, the folder lacks a file, or a program fails.
    """
    for name in ("predict.py", "requirements.txt"):
        if not (folder / name).is_file():
            raise CannotError(f"{folder} is no exported folder (expected {name}); try: joryu export RUN --out DIR")
    require_tools()
    root = make_root(kept)
    site = unzip_wheels(kept, root, folder / "requirements.txt")
    found = []
    with tempfile.TemporaryDirectory() as work:
        shown = list(pictures or [_made_up_picture(Path(work))])
        here = _answers([sys.executable], folder, shown, Path(work), dict(os.environ))
        for cpu in cpus:
            _tell(f"{cpu}: emulating")
            python = [EMULATOR, "-cpu", cpu, "-L", str(root), str(root / "usr/bin/python3")]
            there = _answers(python, folder, shown, Path(work), _bare_environment(site))
            found += [{"cpu": cpu, **one} for one in differences(folder, here, there)]
    return found


def differences(folder: Path, here: Mapping[str, Any], there: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What ``predict.py`` said and what each model gave, on this machine and on the emulated one."""
    found = [{"what": "predict.py", "kind": "text", **_said_alike(here["said"], there["said"])}]
    for name, values in here["outputs"].items():
        is_int8 = b"QuantizeLinear" in (folder / name.partition("/")[0]).read_bytes()
        found.append({"what": name, "kind": "int8" if is_int8 else "float"} | _alike(values, there["outputs"][name]))
    return found


def in_a_line(one: Mapping[str, Any]) -> str:
    """
    >>> in_a_line({"cpu": "cortex-a72", "what": "predict.py", "kind": "text", "same": True, "largest": 0.0})
    'cortex-a72  predict.py (text): the same to the bit'
    """
    if not one["largest"]:
        said = "the same to the bit" if one["same"] else "ANOTHER ANSWER"
    else:
        said = f"{'within the bound' if one['same'] else 'TOO FAR APART'}, largest difference {one['largest']:.2g}"
    return f"{one['cpu']}  {one['what']} ({one['kind']}): {said}"


def _alike(here: NDArray[Any], there: NDArray[Any]) -> dict[str, Any]:
    if here.shape != there.shape or here.dtype != there.dtype:
        return {"same": False, "largest": float("inf")}
    largest = float(np.abs(here.astype(np.float64) - there.astype(np.float64)).max(initial=0.0))
    return {"same": largest <= WITHIN * max(1.0, float(np.abs(here).max(initial=0.0))), "largest": largest}


def _said_alike(here: str, there: str) -> dict[str, Any]:
    """Whether two texts say the same, numbers within the bound or one unit of the last digit that is printed."""
    if _NUMBER.sub("#", here) != _NUMBER.sub("#", there):
        return {"same": False, "largest": 0.0, "here": here, "there": there}
    pairs = list(zip(_NUMBER.findall(here), _NUMBER.findall(there), strict=True))
    gaps = [abs(float(one) - float(other)) for one, other in pairs]
    bounds = [max(WITHIN * max(1.0, abs(float(one))), 1.01 * _last_digit(one)) for one, _ in pairs]
    return {
        "same": all(gap <= bound for gap, bound in zip(gaps, bounds, strict=True)),
        "largest": max(gaps, default=0.0),
    }


def _last_digit(number: str) -> float:
    """What a printed fraction's last digit is worth; a whole number has to be the same.

    >>> _last_digit("0.250"), _last_digit("1.5e-3"), _last_digit("7")
    (0.001, 0.0001, 0.0)
    """
    digits, _, power = number.lower().partition("e")
    decimals = len(digits.partition(".")[2])
    return 0.0 if not decimals and not power else float(f"1e{int(power or 0) - decimals}")


def _answers(
    python: Sequence[str], folder: Path, pictures: Sequence[Path], work: Path, environment: dict[str, str]
) -> dict[str, Any]:
    folder = folder.absolute()
    said = _run([*python, folder / "predict.py", *(picture.absolute() for picture in pictures)], folder, environment)
    out = work / "outputs.npz"
    _run([*python, PROBE, folder, out], folder, environment)
    with np.load(out) as outputs:
        return {"said": said, "outputs": dict(outputs)}


def _run(command: Sequence[str | Path], folder: Path, environment: dict[str, str]) -> str:
    script = next(Path(word).name for word in command if str(word).endswith(".py"))
    try:
        done = subprocess.run(
            list(map(str, command)), check=False, capture_output=True, text=True, env=environment, cwd=folder,
            timeout=SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise CannotError(f"{script} by {command[0]} did not end in {SECONDS} s") from error
    if done.returncode:
        raise CannotError(f"{script} failed by {command[0]}: {last_words(done.stderr) or f'exit {done.returncode}'}")
    return done.stdout


def _bare_environment(site: Path) -> dict[str, str]:
    """Nothing of this machine's libraries and settings reaches the emulated one."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(site)}


def _made_up_picture(work: Path) -> Path:
    """Slopes and noise in colour, 96 pixels wide, the same on every machine."""
    slope = np.arange(96)[None, :, None] * 2 + np.arange(64)[:, None, None]
    noise = np.random.default_rng(0).integers(0, 60, (64, 96, 3))
    path = work / "picture.png"
    Image.fromarray((slope * [1.0, 0.5, 0.25] + noise).clip(0, 255).astype(np.uint8)).save(path)
    return path


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "joryu/aarch64"


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
