"""`Run`: the folder of one training, which records what was asked for and what came out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joryu.durable import remove_leftovers, sole_writer
from joryu.errors import InputError, MismatchError
from joryu.examples.places import typed_in
from joryu.precision import AUTO
from joryu.targets.provenance import joryu_version, machine, now
from joryu.training.checkpoint import NAME as CHECKPOINT
from joryu.training.checkpoint import TrainingProgress, clean, write_json

METRICS = "metrics.jsonl"
RUN_FOLDER = "a folder with run.json, which joryu train, joryu distill or joryu experiment wrote"

Watch = Callable[[TrainingProgress, int, int], None]
"""A function to call after every step, with the progress, the number of steps per epoch and the number of epochs."""


@dataclass(frozen=True, init=False)
class Run:
    """The folder of one training, and how to train in it.

    Args:
        folder: created if absent. The same training in the same folder resumes where it stopped.
        command: the command line, recorded as provenance.
        watch: a function to call after every step.
        checkpoint_seconds: the time between two checkpoints, which a killed process loses at most.
        begin_with: the folder of a finished run of the same student, whose weights this training starts from instead
            of random ones. Optimiser, schedule and moving average start anew.
        notes: more for the record, such as where to find the examples and the store again.
    """

    folder: Path
    command: str
    watch: Watch | None
    checkpoint_seconds: float
    begin_with: Path | None
    notes: dict[str, Any]

    def __init__(
        self,
        folder: Path | str,
        command: str = "",
        watch: Watch | None = None,
        checkpoint_seconds: float = 30.0,
        begin_with: Path | str | None = None,
        notes: dict[str, Any] | None = None,
    ) -> None:
        fields = {
            "folder": Path(folder), "command": command, "watch": watch, "checkpoint_seconds": checkpoint_seconds,
            "begin_with": None if begin_with is None else Path(begin_with), "notes": {} if notes is None else notes,
        }  # fmt: skip
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def record(self) -> Path:
        """The path of ``run.json``: the request, its provenance, and after the training the outcome."""
        return self.folder / "run.json"

    @property
    def finished(self) -> bool:
        """Whether the training is finished and its outcome recorded."""
        return is_finished(self.folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder within a ``with`` block, so that no other process trains in it.

        If the run is finished at the end, what only an unfinished run needs is deleted.

        Raises:
            InputError: the folder cannot be written, holds soft targets, or another process is training in it.
        """
        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                if (self.folder / "manifest.json").is_file():  # both call their lock and temporary files the same
                    raise InputError(
                        f"{self.folder} holds soft targets", expected="a run, or a new folder",
                        hint="choose another folder",
                    )  # fmt: skip
                stack.enter_context(sole_writer(self.folder))
            except OSError as error:
                raise InputError(f"cannot write the run folder {self.folder}", received=str(error)) from error
            remove_leftovers(self.folder)
            yield
            if self.finished:
                clean(self.folder)

    def open(self, request: dict[str, Any], precision: str | None = None) -> None:
        """Start the run that ``request`` describes, or check that the folder's run may be resumed by it.

        ``precision`` is the one that the request means on this machine. A run without a checkpoint or a finished epoch
        has nothing to lose, and is replaced by another request.

        Raises:
            MismatchError: the folder holds a run with another request, or one that began at another precision.
        """
        if self.record.is_file() and self._agrees(request, precision):
            return
        write_json(
            self.record,
            {
                "request": request,
                "precision": precision,
                "command": self.command,
                "typed_in": typed_in(self.folder),
                "notes": self.notes,
                "started": now(),
                "joryu": joryu_version(),
                "machine": machine(),
            },
        )

    def _agrees(self, request: dict[str, Any], precision: str | None) -> bool:
        """Whether the folder's run has the same request; ``False`` if it has another, and nothing to lose.

        Raises:
            MismatchError: it has another request or precision, and something to lose.
        """
        record = read_run(self.folder)
        earlier = record["request"]
        wanted = json.loads(json.dumps(request))
        judges = wanted.get("validation")
        if judges and "content" not in (earlier.get("validation") or judges):
            del judges["content"]  # a run that began before it was noted
        differing = [key for key in sorted(earlier.keys() | wanted.keys()) if earlier.get(key) != wanted.get(key)]
        began = record.get("precision") or precision
        if not differing and ("finished" in record or began == precision):
            return True
        if "finished" not in record and not any((self.folder / name).exists() for name in (CHECKPOINT, METRICS)):
            return False
        if not differing:
            raise another_precision(f"the training in {self.folder} began at another precision", began, precision)
        key = differing[0]
        raise MismatchError(
            f"{self.folder} holds a run with another {key}",
            expected=_difference(earlier.get(key), wanted.get(key)),
            received=_difference(wanted.get(key), earlier.get(key)),
            hint=_what_to_try(earlier, wanted),
        )

    def finish(self, outcome: dict[str, Any]) -> None:
        """Record the outcome. The run is finished then, and is never trained again."""
        write_json(self.record, read_run(self.folder) | {"finished": now()} | outcome)


def is_finished(folder: Path | str) -> bool:
    """Whether a folder holds a finished run."""
    return (Path(folder) / "run.json").is_file() and "finished" in read_run(folder)


def read_run(folder: Path | str) -> dict[str, Any]:
    """Read ``run.json`` of a folder.

    Raises:
        InputError: there is none, it cannot be read, or an entry that others rely on is missing or of a wrong type.
    """
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise InputError(f"{folder} is not a run", expected=RUN_FOLDER)
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"cannot read {path}", received=str(error), hint=MEND) from error
    for where, kind in _ENTRIES.items():
        if not isinstance(found := _entry(content, where.split(".")), kind):
            raise damaged(path, f"{where} {json.dumps(found)[:60]}")
    return content


def shown_per_epoch(request: dict[str, Any]) -> int:
    """How many examples a training shows in an epoch, by the ``request`` in its record."""
    shown: int = request.get("examples_per_epoch") or request["examples"]["n"]
    return shown


def best_epoch_kept(record: dict[str, Any]) -> int | None:
    """The epoch, from 1, whose weights a run kept, by its ``record``; ``None`` if it kept those of the last epoch."""
    best = record.get("best_epoch")
    return best if isinstance(best, int) and record["request"]["recipe"].get("keep") != "last" else None


def another_precision(what: str, began: str | None, means: str | None) -> MismatchError:
    """The error for a training that began at one precision (``began``), where ``auto`` means another one now."""
    return MismatchError(
        what, expected=began, received=f"{means}, which auto means on this machine",
        hint=f"set {AUTO}={began} to go on at that one, or choose another folder",
    )  # fmt: skip


def damaged(path: Path, received: object) -> InputError:
    """The error for a record that is not as it was written."""
    return InputError(f"{path} is damaged", expected="the record of a run", received=received, hint=MEND)


MEND = "put the file back from a copy, or delete the folder and train again"

_ENTRIES: dict[str, type] = {  # what is looked up in a record, here or by a report; the rest is only shown
    "request": dict,
    "request.recipe": dict,
    "request.recipe.seed": int,
    "request.objective": dict,
    "request.examples": dict,
    "request.examples.n": int,
    "request.examples.content": str,
    "notes": dict,
}


def _entry(content: Any, names: list[str]) -> Any:
    for name in names:
        content = content.get(name) if isinstance(content, dict) else None
    return content


_OTHER = "choose another folder, or delete this one to begin again"
_MORE_VIEWS = "views were labelled into the store since this run began"
_MORE_EXAMPLES = "the set that was labelled has grown since this run began"


def _what_to_try(earlier: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The hint for a request that differs: it says so if the store alone has grown."""
    was, now_is = ({**request, "views": None} for request in (earlier, wanted))
    if not (isinstance(was.get("targets"), dict) and isinstance(now_is.get("targets"), dict)):
        return _OTHER
    fewer, more = was["targets"].get("views"), now_is["targets"].get("views")
    was["targets"] = {**was["targets"], "views": more}
    if was == now_is and fewer != more:
        return f"{_MORE_VIEWS}: report it as it is, or distil into another folder"
    other_set = was["targets"].get("examples") != now_is["targets"].get("examples")
    for request in (was, now_is):
        request["targets"] = {**request["targets"], "examples": None}
        request["examples"] = request["validation"] = None
    if was == now_is and other_set:
        return f"{_MORE_EXAMPLES}: report it as it is, or distil into another folder"
    return _OTHER


def _difference(one: Any, other: Any) -> str:
    """What ``one`` has that ``other`` has not, in words."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return "none" if one is None else str(one)
    return ", ".join(f"{key} {value}" for key, value in one.items() if other.get(key) != value) or "nothing more"
