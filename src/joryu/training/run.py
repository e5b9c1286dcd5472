"""`Run`: the folder of one training, what it was asked for and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joryu.errors import InputError, MismatchError
from joryu.targets.provenance import joryu_version, machine, now
from joryu.training.checkpoint import Progress, write_json

Watch = Callable[[Progress, int, int], None]
"""Called after every step with the progress, the number of steps in an epoch and the number of epochs."""


@dataclass(frozen=True)
class Run:
    """A run folder.

    Args:
        folder: created if absent. Running again in the same folder with the same request goes on where it stopped.
        command: the command line that made it, for provenance.
        watch: called after every step.
        checkpoint_seconds: how much work an interruption may cost at most.
        notes: what else the record should hold (how to find the examples and the store again).
    """

    folder: Path
    command: str = ""
    watch: Watch | None = None
    checkpoint_seconds: float = 30.0
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def record(self) -> Path:
        return self.folder / "run.json"

    def open(self, request: dict[str, Any]) -> None:
        """Begin, or go on with, what ``request`` asks for.

        Raises:
            MismatchError: the folder holds a run that asked for something else.
            InputError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write the run folder {self.folder}", received=str(error)) from error
        if self.record.is_file():
            self._same_request(request)
            return
        write_json(
            self.record,
            {
                "request": request,
                "command": self.command,
                "notes": self.notes,
                "started": now(),
                "joryu": joryu_version(),
                "machine": machine(),
            },
        )

    def _same_request(self, request: dict[str, Any]) -> None:
        earlier = read_run(self.folder)["request"]
        wanted = json.loads(json.dumps(request))
        for key in sorted(earlier.keys() | wanted.keys()):
            if earlier.get(key) != wanted.get(key):
                raise MismatchError(
                    f"{self.folder} holds a run with another {key}",
                    expected=_difference(earlier.get(key), wanted.get(key)),
                    received=_difference(wanted.get(key), earlier.get(key)),
                    hint="choose another folder, or delete this one to begin again",
                )

    def finish(self, outcome: dict[str, Any]) -> None:
        """Record the outcome; from now on the run is finished and is never trained again."""
        write_json(self.record, read_run(self.folder) | {"finished": now()} | outcome)


def read_run(folder: Path) -> dict[str, Any]:
    """The content of ``run.json``.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(f"{folder} is not a run", expected="a folder that joryu distill wrote (it holds run.json)")
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise InputError(f"cannot read {path}", received=str(error)) from error
    return content


def _difference(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {k: v for k, v in one.items() if other.get(k) != v} or one
    return one
