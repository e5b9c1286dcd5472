"""A sweep that nobody ran: its scores are made up, so that what follows from them is known."""

from __future__ import annotations

from typing import Any

from joryu.search import SweepRecord
from joryu.search.findings import chosen_point, compared, edges_of, plateau_of, spread_of
from joryu.search.record import Confirmation, ScoreRule, TrialRecord
from joryu.search.setup import SweepSetup
from joryu.search.space import SearchSpace
from joryu.training import Recipe
from joryu.training.setup import DistillationSetup

#: temperature, hard weight and score of each trial; ``None`` was stopped
POINTS = ((2.0, 0.2, 0.30), (4.0, 0.5, 0.34), (1.0, 0.3, 0.28), (20.0, 0.9, 0.60), (10.0, 0.8, None), (3.0, 0.1, 0.29))

#: the scores of trials with three other seeds
AGAIN = {3: (0.36, 0.40, 0.38), 6: (0.33, 0.37, 0.38), 1: (0.35, 0.37, 0.39)}


def setup(**more: Any) -> SweepSetup:
    space = SearchSpace.parse(["temperature=1..20:log", "hard-weight=0..1"])
    given = {"distillation": DistillationSetup(student="mlp:8x1"), "recipe": Recipe(epochs=4), "space": space}
    return SweepSetup(**{**given, **more})


def record(*, again: dict[int, tuple[float, ...]] = AGAIN, lower: bool = True, **more: Any) -> SweepRecord:
    trials = tuple(
        TrialRecord(
            trial=number, state="pruned" if score is None else "finished",
            values={"temperature": temperature, "hard_weight": weight},
            score=score if score is None or lower else -score, epoch=None if score is None else 4, epochs=4,
            measures={} if score is None else {"validation_loss": score}, seconds=1.5,
            why="worse than the median after epoch 2 of 4" if score is None else None,
        )
        for number, (temperature, weight, score) in enumerate(POINTS, 1)
    )  # fmt: skip
    found = SweepRecord(
        joryu="0", machine={}, started="2026-01-01T00:00:00+00:00", command="joryu sweep --out sweep", typed_in=".",
        notes={"examples": "digits", "split": "train", "size": None, "targets": "targets"}, storage="embedded",
        study="joryu-0", request={"examples": "0", "targets": {}, **setup().describe()},
        score=ScoreRule(key="validation_loss", name="validation loss", lower=lower), budget=6, trials=trials,
    )  # fmt: skip
    confirmed = [
        Confirmation(trial=number, seeds=(1, 2, 3), scores=scores, over_seeds=spread_of(scores))
        for number, scores in again.items()
    ]
    found = found.model_copy(update={"confirmed": compared(confirmed, found) if confirmed else ()})
    found = found.model_copy(update={"chosen": chosen_point(found, setup())})
    return found.model_copy(update={"plateau": plateau_of(found), "edges": edges_of(found), **more})
