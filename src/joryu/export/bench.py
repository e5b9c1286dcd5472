"""`bench_folder`: what an exported student costs on this machine, beside its int8 form and its teacher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from joryu.errors import InputError, JoryuError
from joryu.export import bench_child
from joryu.export.contents import FORM, STUDENT
from joryu.export.origin import origin_of
from joryu.teachers.foreign.exact_sums import exact_sums

TEACHER: Final = "teacher"
ROUNDS: Final = 3  #: in which the models take turns, so that a machine that slows down slows each alike
_MINUTES: Final = 10
#: what is looked up in ``student.json``
_NEEDED: Final[Mapping[str, type]] = {"models": dict, "runtime": str, "input.shape": list, "input.dtype": str}
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Times of one answer to a batch, in milliseconds, over ``n`` answers."""

    threads: int
    p50: float
    p95: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one model costs. Memory is the peak of a process that does nothing else (bytes), ``runtime`` what that had
    before the model was loaded.
    """

    name: str
    kind: str
    size: int
    memory: int
    runtime: int
    times: tuple[Timed, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)


class Timeable(NamedTuple):
    """A model to be timed."""

    name: str
    kind: str
    path: Path
    runtime: str
    shape: Sequence[int]
    dtype: str


def bench_folder(
    folder: Path | str,
    *,
    batch: int = 1,
    threads: Sequence[int] = (),
    seconds: float = 1.0,
    teacher: Path | str | None = None,
    tell: Tell = lambda _: None,
) -> list[Cost]:
    """Measure the models of an exported folder: bytes on disk, peak memory, the time of an answer.

    Each is timed in processes of its own, which take turns. Inputs are made up, as no time depends on them.

    Args:
        folder: what `joryu.export.export_run` wrote.
        batch: examples that are answered at once.
        threads: of the runtime; 1 and as many as there are cores, unless said.
        seconds: that each model is timed for, at each number of threads.
        teacher: the run of a teacher to be measured too; the one that the student's run leads to, if it is at hand.
        tell: hears what is left out.

    Raises:
        InputError: no exported folder, or numbers out of range.
        JoryuError: a model that cannot be run here.
    """
    folder = Path(folder)
    student = read_student(folder)
    counts = tuple(dict.fromkeys(threads or (1, _cores())))
    _require_settings(student, batch, counts, seconds)
    with tempfile.TemporaryDirectory() as place:
        models = [
            Timeable(name, said["kind"], folder / name, student["runtime"], student["input"]["shape"],
                     student["input"]["dtype"])
            for name, said in student["models"].items()
        ]  # fmt: skip
        found = _teacher_of(folder, student, teacher, Path(place), tell)
        timed = [*([found] if found else []), *models]
        return bench_models(timed, batch=batch, threads=counts, seconds=seconds, rounds=ROUNDS)


def read_student(folder: Path) -> dict[str, Any]:
    """``student.json`` of an exported folder.

    Raises:
        InputError: there is none, it is damaged or of a newer Joryu, or a model is not there.
    """
    path = folder / STUDENT
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{folder} is no exported folder", expected=STUDENT, received=error.strerror,
            hint="make one: joryu export RUN --out DIR",
        ) from error  # fmt: skip
    except ValueError as error:
        raise InputError(f"{path} is damaged", expected="JSON", received=str(error), hint="export it again") from error
    if not isinstance(found, dict) or found.get("form") != FORM:
        received = found.get("form") if isinstance(found, dict) else None
        is_run = isinstance(found, dict) and received is None and "architecture" in found
        hint = "a run is not exported yet: joryu export RUN" if is_run else "export it again"
        raise InputError(f"{folder} is no exported folder", expected=FORM, received=received, hint=hint)
    lacking = [name for name in _NEEDED if not isinstance(_entry(found, name), _NEEDED[name])]
    if not lacking and not all(isinstance(_entry(one, "kind"), str) for one in found["models"].values() or [None]):
        lacking = ["kind of a model"]
    if lacking:
        raise InputError(
            f"{path} is damaged", expected=", ".join(_NEEDED), received=f"no {lacking[0]}", hint="export it again"
        )
    for name in found["models"]:
        if not (folder / name).is_file():
            raise InputError(f"{folder} lacks {name}", expected=", ".join(found["models"]), hint="export it again")
    return found


def _entry(content: Any, name: str) -> Any:
    for part in name.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content


def _require_settings(student: Mapping[str, Any], batch: int, threads: Sequence[int], seconds: float) -> None:
    if batch < 1:
        raise InputError("is not usable", setting="batch", expected="an integer >= 1", received=batch)
    if batch > 1 and student["runtime"] == "litert":
        raise InputError("is not usable", setting="batch", expected="1, as a LiteRT model takes", received=batch)
    if any(count < 1 for count in threads):
        raise InputError("is not usable", setting="threads", expected="integers >= 1", received=list(threads))
    if not 0 < seconds < 60 * _MINUTES:
        raise InputError("is not usable", setting="seconds", expected="more than 0, less than 600", received=seconds)


def bench_models(
    models: Sequence[Timeable],
    *,
    batch: int = 1,
    threads: Sequence[int] = (1,),
    seconds: float = 1.0,
    rounds: int = ROUNDS,
) -> list[Cost]:
    """Measure models beside one another, as `bench_folder` does; they take turns ``rounds`` times.

    Raises:
        JoryuError: a model that cannot be run here.
    """
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for count in threads:
            for model in models:
                found.setdefault((model.name, count), []).append(_child(model, batch, count, seconds / rounds))
    return [
        Cost(
            name=model.name, kind=model.kind, size=model.path.stat().st_size,
            memory=max(one["peak"] for count in threads for one in found[model.name, count]),
            runtime=max(one["before"] for count in threads for one in found[model.name, count]),
            times=tuple(_timed(count, found[model.name, count]) for count in threads),
        )
        for model in models
    ]  # fmt: skip


def _timed(threads: int, found: Sequence[Mapping[str, Any]]) -> Timed:
    times = 1000 * np.concatenate([one["seconds"] for one in found])
    p50, p95 = np.percentile(times, [50, 95]).tolist()
    return Timed(threads=threads, p50=p50, p95=p95, n=len(times))


def _child(model: Timeable, batch: int, threads: int, seconds: float) -> dict[str, Any]:
    asked = {
        "model": str(model.path.absolute()), "runtime": model.runtime, "shape": list(model.shape),
        "dtype": model.dtype, "batch": batch, "threads": threads, "seconds": seconds, "session": exact_sums(),
    }  # fmt: skip
    done = subprocess.run(  # noqa: S603 - our own script, by this interpreter
        [sys.executable, "-I", bench_child.__file__, json.dumps(asked)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise JoryuError(
            f"{model.name} cannot be run here", received=lines[-1] if lines else f"exit code {done.returncode}",
            hint=f"is {'onnxruntime' if model.runtime == 'onnx' else 'ai-edge-litert'} installed, and is there memory?",
        )  # fmt: skip
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def _teacher_of(
    folder: Path, student: Mapping[str, Any], named: Path | str | None, place: Path, tell: Tell
) -> Timeable | None:
    """The teacher as ONNX, if its run is at hand and can be exported."""
    run = Path(named) if named is not None else _teacher_run(folder, student)
    if run is None:
        tell("the teacher's run is not at hand, so it is left out; name it with --teacher")
        return None
    try:
        return _exported(run, place)
    except JoryuError as error:
        if named is not None:
            raise
        tell(f"the teacher is left out: {error}")
        return None


def _teacher_run(folder: Path, student: Mapping[str, Any]) -> Path | None:
    run = folder.resolve() / str(student.get("run", ""))
    try:
        return origin_of(run).teacher_run
    except JoryuError:  # the folder was moved away from the run, as it may be
        return None


def _exported(run: Path, place: Path) -> Timeable:
    import torch  # noqa: PLC0415

    from joryu.export.by_ranges import float_onnx  # noqa: PLC0415
    from joryu.export.contents import named  # noqa: PLC0415
    from joryu.export.graph import deployed, finish  # noqa: PLC0415
    from joryu.export.onnx_models import require_onnx  # noqa: PLC0415
    from joryu.students import load_student  # noqa: PLC0415

    require_onnx()
    network, plan = load_student(run)
    dtype = torch.uint8 if plan.scale != 1 else torch.float32
    model = float_onnx(deployed(network, plan), torch.zeros(2, *plan.input_shape, dtype=dtype), plan.architecture)
    path = place / "teacher.onnx"
    path.write_bytes(finish(model, plan, {}).SerializeToString())
    return Timeable(TEACHER, TEACHER, path, "onnx", plan.input_shape, named(dtype))


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def bench_lines(found: Sequence[Cost], batch: int) -> list[str]:
    """A table: a row for each model, a pair of columns for each number of threads."""
    counts = [one.threads for one in found[0].times]
    head = ["model", "bytes", "peak MiB", "of runtime"]
    for count in counts:
        said = f"{count} thread{'s' if count > 1 else ''}"
        head += [f"{said}: p50 ms", "p95 ms"]
    rows = [head]
    for one in found:
        row = [one.name, f"{one.size:,}", f"{one.memory / 2**20:.1f}", f"{one.runtime / 2**20:.1f}"]
        for timed in one.times:
            row += [f"{timed.p50:.3f}", f"{timed.p95:.3f}"]
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return [*lines, f"an answer to {batch} example{'s' if batch > 1 else ''} at a time"]
