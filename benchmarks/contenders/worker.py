"""The contender's end of the conversation: one JSON line each way.

The driver sends the work as an argument, then ``epoch`` per line; the contender answers ``{"ready": …}`` once, then
``{"seconds": …, "cpu_seconds": …}`` per epoch. What the frameworks print goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from benchmarks.contenders.work import Work

TRIAL_STEPS = {"mlp": 16, "cnn": 4}
ABSENT, READY = "absent", "ready"


class Spent(NamedTuple):
    """Seconds on the wall, and of this process's processor time (all its threads; a loader's workers are not in it)."""

    seconds: float
    cpu_seconds: float

    @classmethod
    def now(cls) -> Self:
        return cls(time.perf_counter(), time.process_time())

    @classmethod
    def since(cls, start: Spent) -> Spent:
        end = Spent.now()
        return Spent(end.seconds - start.seconds, end.cpu_seconds - start.cpu_seconds)


@dataclass
class Contender:
    """Something that can train an epoch and say what it spent.

    ``first_loss`` is its loss on the first batch with the weights of `Work.weights`, by which the driver sees that all
    contenders do the same work; ``None`` where there is nothing to compare (hard labels alone).
    """

    epoch: Callable[[], Spent]
    first_loss: float | None
    facts: dict[str, Any] = field(default_factory=dict)


def serve(build: Callable[[Work], Contender]) -> None:
    """Build the contender and run an epoch for each line read, until there are no more."""
    work = Work.from_json(sys.argv[1])
    if sys.platform == "linux":  # the one setting that every framework heeds
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: work.threads])
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        try:
            contender = build(work)
        except ModuleNotFoundError as error:
            answers.write(json.dumps({ABSENT: str(error)}) + "\n")
            return
        answers.write(json.dumps({READY: contender.facts, "first_loss": contender.first_loss}) + "\n")
        for _ in sys.stdin:
            answers.write(json.dumps(contender.epoch()._asdict()) + "\n")


def fastest(work: Work, variants: dict[str, Callable[[Work], Contender]]) -> Contender:
    """The variant that trains a short epoch fastest: everyone gets the best of what it offers.

    A variant that fails (no compiler, say) is left out.

    Raises:
        RuntimeError: all of them failed.
    """
    tried: dict[str, float] = {}
    if len(variants) > 1:
        short = Work(**{**vars(work), "rows": min(work.rows, TRIAL_STEPS[work.network] * work.batch)})
        for name, build in variants.items():
            try:
                trial = build(short)
                trial.epoch()
                tried[name] = min(trial.epoch().seconds for _ in range(2))
            except ModuleNotFoundError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it is said and the others still count
                sys.stderr.write(f"{name}: {error}\n")
        if not tried:
            raise RuntimeError(f"none of {', '.join(variants)} works")
    best = min(tried, key=lambda name: tried[name]) if tried else next(iter(variants))
    contender = variants[best](work)
    contender.facts |= {"variant": best, "tried": {name: round(seconds, 4) for name, seconds in tried.items()}}
    return contender
