"""`Run`: the folder of one training, what it was asked for and what came of it."""

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
"""Called after every step with the progress, the number of steps in an epoch and the number of epochs."""


@dataclass(frozen=True, init=False)
class Run:
    """A run folder.

    Args:
        folder: created if absent. Running again in the same folder with the same request goes on where it stopped.
        command: the command line that made it, for provenance.
        watch: called after every step.
        checkpoint_seconds: how much work an interruption may cost at most.
        begin_with: the folder of a finished run of the same architecture and normalisation, whose weights this one
            begins with instead of random ones; optimiser, schedule and average begin anew.
        notes: what else the record should hold (how to find the examples and the store again).
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
        """``run.json``: the request, where it came from, and in the end the outcome."""
        return self.folder / "run.json"

    @property
    def finished(self) -> bool:
        """Whether the outcome is recorded."""
        return is_finished(self.folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, alone, while training in it; what only an unfinished run needs is then deleted.

        Raises:
            InputError: the folder cannot be written, holds soft targets, or another process is training there.
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
        """Begin, or go on with, what ``request`` asks for, at the ``precision`` that it comes to on this machine.

        A run that never got as far as a checkpoint or an epoch has nothing to lose, and gives way to another request.

        Raises:
            MismatchError: the folder holds a run that asked for something else, or that began at another precision.
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
        """Whether the folder's run asked for the same; raises where it asked for something else and got somewhere."""
        record = read_run(self.folder)
        earlier = record["request"]
        wanted = json.loads(json.dumps(request))
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
        """Record the outcome; from now on the run is finished and is never trained again."""
        write_json(self.record, read_run(self.folder) | {"finished": now()} | outcome)


def is_finished(folder: Path | str) -> bool:
    """Whether a folder holds a run that came to its end."""
    return (Path(folder) / "run.json").is_file() and "finished" in read_run(folder)


def read_run(folder: Path | str) -> dict[str, Any]:
    """The content of ``run.json``.

    Raises:
        InputError: there is none, it cannot be read, or it lacks what everybody relies on.
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


def best_epoch_kept(record: dict[str, Any]) -> int | None:
    """The epoch, from 1, whose weights the run of this record kept; ``None`` if it kept the last one's."""
    best = record.get("best_epoch")
    return best if isinstance(best, int) and record["request"]["recipe"].get("keep") != "last" else None


def another_precision(what: str, began: str | None, means: str | None) -> MismatchError:
    """What to say where ``auto`` means another precision here than where a training began."""
    return MismatchError(
        what, expected=began, received=f"{means}, which auto means on this machine",
        hint=f"set {AUTO}={began} to go on at that one, or choose another folder",
    )  # fmt: skip


def damaged(path: Path, received: object) -> InputError:
    """What to say of a record that is not as it was written."""
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
    """What to do about a request that differs: where the store alone has grown, say so."""
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
