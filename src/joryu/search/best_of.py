"""Distil with what a sweep chose: its values and everything else that it held fixed, unless something was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joryu.errors import InputError
from joryu.examples.places import from_here
from joryu.search.record import SweepRecord, read_sweep
from joryu.search.setup import SweepSetup
from joryu.search.space import spoken

OWN_SEED = "seed"  #: another seed changes weights and order, and never the parts

_OF_SETUP = (
    "student", "validation", "test", "labelled", "views", "class_weights", "signal_weight", "allow_dead_teacher",
)  # fmt: skip
_OF_OBJECTIVE = ("temperature", "hard_weight", "divergence", "factor", "hard_loss")


@dataclass(frozen=True)
class BestOf:
    """What a sweep says about a distillation.

    ``options`` are by the names that ``joryu distill`` knows them by, ``note`` is for the run's record, and ``remarks``
    are what whoever typed the command should know. ``split_seed`` cuts the parts as the sweep cut them.
    """

    options: Mapping[str, Any]
    split_seed: int
    note: Mapping[str, Any]
    remarks: tuple[str, ...]


def best_of(folder: Path, typed: Mapping[str, Any]) -> BestOf:
    """The options of a sweep's best point. What was ``typed``, by the same names, takes their place and is told.

    Raises:
        InputError: the folder holds no sweep, a damaged one, or one of which no trial has finished.
    """
    record = read_sweep(folder)
    chosen = record.chosen
    if chosen is None:
        raise InputError(
            f"no trial of {folder} has finished", expected="a point to take", hint="run its joryu sweep again"
        )
    sweep = SweepSetup.of_record(record.request)
    setup, recipe = sweep.applied(chosen.values)
    objective = setup.objective
    found: dict[str, Any] = {name: getattr(setup, name) for name in _OF_SETUP} | recipe.model_dump()
    if objective is not None:
        found |= {name: getattr(objective, name) for name in _OF_OBJECTIVE}
    for name in ("examples", "targets"):
        found[name] = from_here(record.notes[name], folder, record.typed_in) if record.notes.get(name) else None
    found |= {name: record.notes.get(name) for name in ("split", "size")}
    found["targets"] = None if "teachers" in typed or found["targets"] is None else Path(found["targets"])
    return BestOf(
        options={**found, **typed}, split_seed=recipe.seed, note=_note(record, folder),
        remarks=tuple(_remarks(record, found, typed)),
    )  # fmt: skip


def _note(record: SweepRecord, folder: Path) -> dict[str, Any]:
    """Which sweep, and which point of it, for the record of the run."""
    chosen = record.chosen
    if chosen is None:
        return {}
    confirmed = record.confirmed[0].over_seeds.model_dump() if record.confirmed else None
    return {
        "sweep": str(folder), "study": record.study, "trial": chosen.trial, "values": chosen.values,
        "tried": len(record.trials), "score": {"name": record.score.name, "value": chosen.score, "seeds": confirmed},
    }  # fmt: skip


def _remarks(record: SweepRecord, found: Mapping[str, Any], typed: Mapping[str, Any]) -> list[str]:
    chosen, lines = record.chosen, []
    if chosen is not None:
        point = ", ".join(f"{spoken(name)} {value:g}" for name, value in chosen.values.items())
        lines.append(f"from trial {chosen.trial} of the sweep: {point}")
    for name, value in typed.items():
        if name in found and found[name] != value and name != OWN_SEED:
            lines.append(f"as typed, {spoken(name)} is {value}, and not {found[name]}, which the sweep had")
    if any(name in typed and typed[name] != found[name] for name in ("examples", "split", "test")):
        lines.append("warning: what judges this run may have been seen by the sweep, which had other parts")
    return lines
