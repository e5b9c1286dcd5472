"""``sweep.json``: everything about a sweep, for its page, for scripts and for ``joryu distill --best-of``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, ConfigDict, ValidationError

from joryu.errors import InputError
from joryu.pydantic_errors import first_fault
from joryu.search.space import End, SearchSpace
from joryu.training.checkpoint import write_json

FILE = "sweep.json"
SCHEMA = 1
TRIALS, CONFIRMATIONS = "trials", "confirm"  #: the folders of the runs
DIVERGED = "diverged"  #: the attribute of a trial whose training diverged: the error
SAME_AS = "same_as"  #: the attribute of a trial that tried what another had tried: the number of that one

State = Literal["finished", "pruned", "diverged", "running", "waiting"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScoreRule(_Record):
    """What points are compared by: its key in ``metrics.jsonl``, its name for people, and which way is better."""

    key: str
    name: str
    lower: bool

    def better(self, one: float, other: float) -> bool:
        """Whether one score is better than another."""
        return one < other if self.lower else one > other

    def order(self, score: float) -> float:
        """A number that is smaller for a better score."""
        return score if self.lower else -score


class TrialRecord(_Record):
    """One point that was tried.

    ``epoch`` is the one that was kept, of ``epochs``; ``measures`` is its validation. ``history`` is the score after
    each epoch. ``attempts`` counts the processes that began it. ``same_as`` names an earlier trial of the same point,
    whose outcome it has.
    """

    trial: int
    state: State
    values: dict[str, float]
    score: float | None = None
    epoch: int | None = None
    epochs: int = 0
    measures: dict[str, float] = {}
    seconds: float | None = None
    why: str | None = None
    attempts: int = 1
    same_as: int | None = None
    history: tuple[tuple[int, float], ...] = ()


class Spread(_Record):
    """Numbers over seeds: mean, sample standard deviation, and the t interval of the mean."""

    mean: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None


class Confirmation(_Record):
    """A point that was trained again with other seeds: a score per seed, and how much worse than the chosen one it is.

    ``behind`` is paired by seed; positive is worse. It is ``None`` for the chosen point itself.
    """

    trial: int
    seeds: tuple[int, ...]
    scores: tuple[float, ...]
    over_seeds: Spread
    behind: Spread | None = None


class Chosen(_Record):
    """The point that was chosen, by ``confirmed`` seeds or by the one score of its trial; and its student's spec."""

    trial: int
    values: dict[str, float]
    student: str
    score: float
    confirmed: bool


class Plateau(_Record):
    """The trials that one seed cannot tell from the chosen point, and the span of each setting over them.

    ``within`` is the difference of scores up to which it cannot.
    """

    within: float
    trials: tuple[int, ...]
    spans: dict[str, tuple[float, float]]


class Edge(_Record):
    """A setting whose chosen value lies at an ``end`` of what was searched; ``wider`` is what to search next."""

    name: str
    value: float
    end: End
    wider: str | None


class SweepRecord(_Record):
    """The content of ``sweep.json``. ``storage`` names no user, password or option."""

    schema_version: int = SCHEMA
    joryu: str
    machine: dict[str, str]
    started: str
    command: str
    typed_in: str
    notes: dict[str, Any]
    storage: str
    study: str
    request: dict[str, Any]
    score: ScoreRule
    budget: int
    trials: tuple[TrialRecord, ...] = ()
    chosen: Chosen | None = None
    confirmed: tuple[Confirmation, ...] = ()
    plateau: Plateau | None = None
    edges: tuple[Edge, ...] = ()
    importance: dict[str, float] | None = None

    @property
    def space(self) -> SearchSpace:
        """What is searched."""
        return SearchSpace.of_record(self.request["space"])

    def finished(self) -> list[TrialRecord]:
        """The trials with a score, the best first; of several with the same values, the first."""
        scored = [trial for trial in self.trials if trial.state == "finished" and trial.same_as is None]
        return sorted(scored, key=lambda one: (self.score.order(one.score or 0.0), one.trial))

    def write(self, folder: Path) -> None:
        """Write ``sweep.json``, whole or not at all."""
        write_json(folder / FILE, self.model_dump(mode="json"))


def read_sweep(folder: Path | str) -> SweepRecord:
    """Read ``sweep.json`` of a folder.

    Raises:
        InputError: there is none, it is of a newer Joryu, or it is damaged.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise InputError(f"{folder} is not a sweep", expected=f"a folder with {FILE}, which joryu sweep wrote")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"cannot read {path}", received=str(error), hint=MEND) from error
    found = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(found, int) and found > SCHEMA:
        raise InputError(f"{path} was written by a newer Joryu", expected=f"schema {SCHEMA}", received=found)
    try:
        record = SweepRecord.model_validate_json(json.dumps(content))
        SearchSpace.of_record(record.request["space"])
    except ValidationError as error:
        fault = first_fault(error).within(f"{path} is damaged")
        raise InputError(fault.what, expected=fault.expected, received=fault.received, hint=MEND) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged", expected="the space that was searched", hint=MEND) from error
    return record


MEND = "put the file back from a copy, or run the same joryu sweep again: it is written anew from the storage"


def trial_record(number: int, tried: list[FrozenTrial], space: SearchSpace, lasting: int) -> TrialRecord:
    """What a storage knows about one trial; ``lasting`` is the number of epochs that a trial lasts."""
    last = tried[-1]
    params = {**last.system_attrs.get("fixed_params", {}), **last.params}
    attributes = last.user_attrs
    state: State = _STATES[last.state]
    why = attributes.get(DIVERGED)
    history = tuple(sorted((step, value) for step, value in last.intermediate_values.items() if math.isfinite(value)))
    return TrialRecord(
        trial=number, state="diverged" if why else state,
        values=space.rounded(params) if params.keys() >= space.parts.keys() else {},
        score=last.value if state == "finished" else None, epoch=attributes.get("epoch"),
        epochs=attributes.get("epochs", len(history)), measures=attributes.get("measures", {}),
        seconds=attributes.get("seconds"), attempts=len(tried), same_as=attributes.get(SAME_AS), history=history,
        why=why or (f"worse than the median after epoch {len(history)} of {lasting}" if state == "pruned" else None),
    )  # fmt: skip


_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting", TrialState.FAIL: "waiting",
}  # fmt: skip
