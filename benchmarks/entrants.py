"""Who takes part in `benchmarks.epoch`, and the driver's end of the conversation with each; see `contenders.worker`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.contenders.work import PRECISIONS, Work
from benchmarks.contenders.worker import ABSENT, READY, Spent

ROOT = Path(__file__).parent.parent
PEERS = "JORYU_BENCH_PYTHON"  #: the interpreter of the peers' environment, if it is not ``.venv-bench``
PATIENCE_SECONDS = 1200.0


@dataclass(frozen=True)
class Entrant:
    """A contender, how to run it, and whether it lives in the peers' environment."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    peer: bool = False

    @property
    def python(self) -> Path:
        if not self.peer:
            return Path(sys.executable)
        return Path(os.environ.get(PEERS, ROOT / ".venv-bench" / "bin" / "python"))


BARE, OURS = "bare student, hard labels", "Joryu, cached"
TEACHER, ASKING = "bare teacher, its answers alone", "bare student, teacher in every step"
LABELLING = "Joryu, labelling"
#: what is looked at closely: all that the two claims are about, by the word that `benchmarks.limit` has for it
CLOSE = {"student": BARE, "cached": OURS, "teacher": TEACHER, "asking": ASKING, "labelling": LABELLING}

ENTRANTS = (
    Entrant(BARE, "bare", ("student",)),
    Entrant(OURS, "cached", ("training",)),
    Entrant(TEACHER, "bare", ("teacher",)),
    Entrant(ASKING, "bare", ("asking",)),
    Entrant(LABELLING, "cached", ("labelling",)),
    Entrant("PyTorch, online", "online", ("samples",)),
    Entrant("PyTorch, online, whole batches", "online", ("batches",)),
    Entrant("torchdistill, as configured", "distillation_box", ("pictures",), peer=True),
    Entrant("torchdistill, samples", "distillation_box", ("samples",), peer=True),
    Entrant("torchdistill, whole batches", "distillation_box", ("batches",), peer=True),
    Entrant("Keras Distiller, JAX", "keras_distiller", environment={"KERAS_BACKEND": "jax"}, peer=True),
    Entrant("Keras Distiller, TensorFlow", "keras_distiller", environment={"KERAS_BACKEND": "tensorflow"}, peer=True),
    Entrant("Keras Distiller, PyTorch", "keras_distiller", environment={"KERAS_BACKEND": "torch"}, peer=True),
)


class MissingError(Exception):
    """An entrant that cannot take part: it is not installed (``absent``) or it broke down."""

    def __init__(self, why: str, *, absent: bool = False) -> None:
        super().__init__(why)
        self.absent = absent


class Started:
    """An entrant's process, ready to train.

    Raises:
        MissingError: it is not installed, or it broke down.
    """

    def __init__(self, entrant: Entrant, work: Work, *, device: str) -> None:
        require_python(entrant)
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        command = [str(entrant.python), "-m", f"benchmarks.contenders.{entrant.module}", work.to_json()]
        self._process = subprocess.Popen(
            [*command, *entrant.arguments],
            cwd=ROOT,
            env=environment(threads=work.threads, precision=work.precision, device=device) | entrant.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            answer = self._listen()
            if ABSENT in answer:
                raise MissingError(answer[ABSENT], absent=True)
        except MissingError:
            self.stop()
            raise
        self.facts: dict[str, Any] = answer[READY]
        self.first_loss: float | None = answer["first_loss"]

    def epoch(self) -> Spent:
        """Have it train one epoch; what it spent by its own clocks."""
        try:
            stdin = _pipe(self._process.stdin)
            stdin.write("epoch\n")
            stdin.flush()
        except BrokenPipeError as error:
            raise MissingError(self._last_words()) from error
        return Spent(**self._listen())

    def stop(self) -> None:
        """End the process; saying no more is the polite way."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()
        self._errors.close()

    def _listen(self) -> dict[str, Any]:
        timer = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        timer.start()
        line = _pipe(self._process.stdout).readline()
        timer.cancel()
        if not line:
            raise MissingError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return f"exit code {self._process.returncode}: {lines[-1] if lines else 'nothing said'}"[:300]


def require_python(entrant: Entrant) -> None:
    """Raises:
    MissingError: the peers' environment is not there.
    """
    if not entrant.python.is_file():
        where = f"where {PEERS} says" if PEERS in os.environ else "in .venv-bench"
        raise MissingError(f"no Python {where}: make bench-peers installs it", absent=True)


def environment(*, threads: int, precision: str, device: str) -> dict[str, str]:
    """The same threads and precision for all, and no accelerator unless asked: the peers' environment is for CPUs."""
    settings = {
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "JORYU_AUTO_PRECISION": PRECISIONS[precision],
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
    }
    if device == "cpu":
        settings |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    return os.environ | settings


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("the process was started without pipes")
    return pipe
