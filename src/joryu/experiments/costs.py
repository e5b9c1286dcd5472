"""What networks of an experiment cost: parameters, megabytes, milliseconds for one picture, and seconds of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from joryu.evaluation import count_parameters, measure_latency, state_bytes
from joryu.examples import Examples
from joryu.experiments.experiment import Measured
from joryu.training import Trained, read_run


def costs(trained: Mapping[str, Trained], examples: Examples) -> Measured:
    """Parameters, megabytes of weights, milliseconds for one picture on one thread, and teacher-to-student ratios."""
    modules = {name: one.module for name, one in trained.items()}
    latency = measure_latency(modules, examples.inputs[:1], repeats=101, threads=1)
    found: Measured = {}
    for name, module in modules.items():
        found |= {
            f"{name}_parameters": count_parameters(module),
            f"{name}_mb": state_bytes(module) / 1e6,
            f"{name}_ms": latency[name].milliseconds,
        }
    for what in ("mb", "ms"):
        found[f"{what}_ratio"] = found[f"teacher_{what}"] / found[f"student_{what}"]
    return found


def training_seconds(folder: Path) -> float:
    """The seconds of all trainings below a folder, however often they were interrupted."""
    return sum(float(read_run(record.parent).get("seconds", 0.0)) for record in folder.rglob("run.json"))
