"""A folder in which programs of a 64-bit Raspberry Pi run on this machine: Debian's arm64 packages, unpacked.

No root file system, no container and no right of root are needed. apt works on a state of its own, below the folder, in
which the machine is an arm64 one; what it fetches is unpacked and never installed. Wheels are fetched for aarch64 and
unzipped. ``qemu-aarch64-static -L FOLDER`` then looks for every path below the folder first.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

EMULATOR = "qemu-aarch64-static"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR, SUITE = "http://deb.debian.org/debian", "bookworm"  #: Raspberry Pi OS is made of the same packages
PACKAGES = ("python3", "libstdc++6", "libgomp1")
CORES = 4  #: that the emulated machine says it has, as every Raspberry Pi since the second
GLIBCS = range(17, 37)  #: wheels for glibc 2.17 to 2.36, which bookworm has
_NEEDED = {EMULATOR: "qemu-user-static", "apt-get": "apt", "dpkg": "dpkg"}  #: programs, and the packages they are in


class CannotError(Exception):
    """This machine cannot do it; the message is one line."""


def require_tools() -> None:
    """Check that what is needed beside Python is there.

    Raises:
        CannotError: something is not.
    """
    absent = [program for program in _NEEDED if shutil.which(program) is None]
    packages = " ".join(_NEEDED[program] for program in absent)
    if not KEYRING.is_file():
        absent, packages = [*absent, str(KEYRING)], f"{packages} debian-archive-keyring".strip()
    if absent:
        raise CannotError(f"this machine lacks {', '.join(absent)}; try: apt-get install {packages}")


def make_root(folder: Path) -> Path:
    """The unpacked packages below ``folder``, which are fetched once; whole, or made again.

    Raises:
        CannotError: apt or dpkg failed, as without a network.
    """
    root, done = folder / "root", folder / "root.complete"
    made_of = f"{MIRROR} {SUITE} {' '.join(PACKAGES)}"
    if done.is_file() and done.read_text() == made_of:
        return root
    done.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for package in _fetched(folder / "apt"):
        _run(["dpkg", "-x", package, root], "cannot unpack a package of Debian")
    show_processors(root)
    done.write_text(made_of)
    return root


def _fetched(apt: Path) -> list[Path]:
    """The packages with all that they need, as files."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()  # of a machine on which nothing is installed yet
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {SUITE} main\n")
    (apt / "apt.conf").write_text(apt_settings(apt))
    state = os.environ | {"APT_CONFIG": str(apt / "apt.conf"), "LC_ALL": "C"}
    _run(["apt-get", "-q", "update", "-o", "APT::Update::Error-Mode=any"], "cannot read Debian's lists", state)
    fetch = ["apt-get", "-q", "-y", "--download-only", "--no-install-recommends", "install", *PACKAGES]
    _run(fetch, "cannot fetch Debian's arm64 packages", state)
    return sorted((apt / "cache/archives").glob("*.deb"))


def apt_settings(apt: Path) -> str:
    """A configuration of apt that leaves the machine's own state alone.

    >>> print(apt_settings(Path("/x")).splitlines()[0])
    APT::Architecture "arm64";
    """
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures::": "arm64",
        "APT::Sandbox::User": "",  # who calls fetches, into folders of their own
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Dir::State": str(apt / "state"),
        "Dir::State::status": str(apt / "status"),
        "Dir::Cache": str(apt / "cache"),
        "Dir::Etc::sourcelist": str(apt / "sources.list"),
        "Dir::Etc::sourceparts": "-",
        "Debug::NoLocking": "true",  # nothing is installed, so dpkg's lock is not wanted
    }
    return "".join(f'{name} "{value}";\n' for name, value in settings.items())


def show_processors(root: Path) -> None:
    """Say which processors there are, below ``root``.

    onnxruntime and LiteRT read ``/sys/devices/system/cpu`` as they are imported. That of this machine, of another
    architecture, ends them; ``qemu -L`` shows them this one in its place.
    """
    cpus = root / "sys/devices/system/cpu"
    for core in range(CORES):
        for level in range(4):
            cache = cpus / f"cpu{core}/cache/index{level}"
            cache.mkdir(parents=True, exist_ok=True)
            for name in ("level", "type", "size", "shared_cpu_list", "ways_of_associativity", "number_of_sets"):
                (cache / name).touch()
    for name in ("possible", "present", "online"):
        (cpus / name).write_text(f"0-{CORES - 1}\n")


def unzip_wheels(folder: Path, root: Path, requirements: Path) -> Path:
    """What a requirements file asks for, of wheels for aarch64; of this machine's versions where it has them.

    Raises:
        CannotError: pip failed, as where there is no such wheel.
    """
    wanted = names_in(requirements.read_text())
    python = (root / "usr/bin/python3").readlink().name.removeprefix("python")
    pins = "".join(f"{name}=={found}\n" for name, found in installed(wanted).items())
    known_by = hashlib.sha256(f"{python}\n{requirements.read_text()}\n{pins}".encode()).hexdigest()[:16]
    site, done = folder / f"site-{known_by}", folder / f"site-{known_by}.complete"
    if done.is_file():
        return site
    shutil.rmtree(site, ignore_errors=True)
    wheels = folder / f"wheels-{known_by}"
    wheels.mkdir(parents=True, exist_ok=True)
    (wheels / "pins.txt").write_text(pins)
    platforms = [f"manylinux_2_{minor}_aarch64" for minor in GLIBCS] + ["manylinux2014_aarch64"]
    _run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", wheels,
            "--python-version", python, "--implementation", "cp", "--only-binary", ":all:",
            *(word for platform in platforms for word in ("--platform", platform)),
            "--requirement", requirements, "--constraint", wheels / "pins.txt",
        ],
        "cannot fetch wheels for aarch64",
    )  # fmt: skip
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(site)
    done.touch()
    return site


def names_in(requirements: str) -> list[str]:
    """The packages that a requirements file names.

    >>> names_in("numpy>=2.0  # numbers\\n\\n-r other.txt\\nPillow\\n")
    ['numpy', 'Pillow']
    """
    found = (re.match(r"[A-Za-z0-9][\w.-]*", line) for line in requirements.splitlines())
    return [match[0] for match in found if match]


def installed(names: Sequence[str]) -> dict[str, str]:
    """The versions of those that this interpreter has, so that both machines compute with the same."""
    found = {}
    for name in names:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return found


def _run(command: Sequence[str | Path], purpose: str, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        list(map(str, command)), check=False, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise CannotError(f"{purpose}: {last_words(done.stderr) or f'exit code {done.returncode}'}")


def last_words(said: str) -> str:
    """The last line that says an error, else the last line.

    >>> last_words("E: Failed to fetch\\nW: Some index files failed to download.\\n")
    'E: Failed to fetch'
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"E:|ERROR|\w*Error\b", line)]
    return (errors or lines or [""])[-1]
