"""What every contender of `benchmarks.whole_job` is given, and how it is called; numpy alone, to go beside anything.

Each is a program: ``python -m benchmarks.contenders.MODULE JOB.json VERB``. ``check`` answers about a few given inputs
and says its first loss, by which the driver sees that it does the same work; ``train`` goes from the folder to the
finished student and is timed; ``answer`` judges that student on the test photographs, read as it reads them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
TEACHER, STUDENT, CHECK, TRAINED = "teacher.npz", "student.npz", "check.npz", "trained.npz"
ABSENT = 3  #: exit code of a contender whose framework is not installed


class Network(NamedTuple):
    """Joryu's ``cnn:WIDTHxDEPTH`` for square pictures of this side."""

    width: int
    depth: int
    side: int

    def blocks(self) -> Iterator[tuple[int, bool]]:
        """Of each convolution: how many channels it gives, and whether it is pooled behind."""
        out, side = self.width, self.side
        for block in range(self.depth):
            pooled = block % 2 == 1 and side >= 4
            yield out, pooled
            if pooled:
                out, side = out * 2, side // 2

    @property
    def architecture(self) -> str:
        """As Joryu spells it."""
        return f"cnn:{self.width}x{self.depth}"


@dataclass(frozen=True)
class Job:
    """From a folder of photographs and a trained teacher to a finished student.

    ``photographs`` holds ``train/CLASS`` and ``test/CLASS``, ``folder`` the weights to begin with and, later, what was
    made of them. ``mean`` and ``std`` are those of the teacher's inputs, of values from 0 to 1.
    """

    photographs: str
    folder: str
    teacher: Network
    student: Network
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rows: int
    epochs: int = 10
    batch: int = 50
    learning_rate: float = 3e-3
    temperature: float = 4.0
    hard_weight: float = 0.1
    precision: str = "float32"
    threads: int = 1
    seed: int = 0

    @classmethod
    def read(cls, path: Path) -> Self:
        found: dict[str, Any] = json.loads(path.read_text())
        found |= {name: Network(*found[name]) for name in ("teacher", "student")}
        found |= {name: tuple(found[name]) for name in ("classes", "mean", "std")}
        return cls(**found)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @property
    def steps(self) -> int:
        """Of the whole training; the last batch of an epoch may be smaller."""
        return self.epochs * -(-self.rows // self.batch)

    def place(self, name: str) -> Path:
        return Path(self.folder) / name

    def check(self) -> dict[str, Array]:
        """The inputs, normalised ``[n, 3, side, side]``, and labels that ``check`` is about."""
        with np.load(self.place(CHECK)) as arrays:
            return dict(arrays)


def save_weights(path: Path, arrays: list[Array]) -> None:
    """Of each convolution its kernel and its norm's scale, shift, mean and variance; of the head weight and bias."""
    np.savez(path, *arrays)


def load_weights(path: Path) -> list[Array]:
    """What `save_weights` wrote, as PyTorch orders its axes."""
    with np.load(path) as arrays:
        return [arrays[f"arr_{number}"] for number in range(len(arrays))]


Verb = Callable[[Job], dict[str, Any]]


def serve(verbs: dict[str, Verb]) -> None:
    """Do what the command line asks; what it came to is JSON on stdout, what the frameworks print goes to stderr."""
    path, verb = sys.argv[1:3]
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        try:
            found = verbs[verb](Job.read(Path(path)))
        except ModuleNotFoundError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(ABSENT)
        answers.write(json.dumps(found) + "\n")
