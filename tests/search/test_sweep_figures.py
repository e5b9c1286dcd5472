"""A sweep's figures where it is small, narrow, or all alike, and its words at the ends of what was searched."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import made_up
import pytest

from joryu.search import SearchSpace, SweepRecord
from joryu.search.figures import BOTTOM, LEFT, RIGHT, TOP, Axis, parallel, settings_map, tooltip, whiskers
from joryu.search.findings import edges_of, spread_of
from joryu.search.page import render_sweep
from joryu.search.record import Chosen, Confirmation, TrialRecord
from joryu.search.words import edge_in_words, headline, in_words, notes


def swept(*search: str, points: list[dict[str, float]], scores: list[float | None]) -> SweepRecord:
    """A sweep of another space; ``None`` diverged."""
    record = made_up.record(again={})
    trials = tuple(
        TrialRecord(
            trial=at, state="diverged" if score is None else "finished", values=values, score=score, epochs=4,
            epoch=None if score is None else 4, why="the loss is not finite" if score is None else None,
        )
        for at, (values, score) in enumerate(zip(points, scores, strict=True), 1)
    )  # fmt: skip
    request = {**json.loads(json.dumps(record.request)), "space": SearchSpace.parse(search).describe()}
    found = record.model_copy(update={"request": request, "trials": trials, "plateau": None, "edges": ()})
    best = found.finished()[:1]
    chosen = [Chosen(trial=one.trial, values=one.values, student="", score=0.1, confirmed=False) for one in best]
    found = found.model_copy(update={"chosen": chosen[0] if chosen else None})
    return found.model_copy(update={"edges": edges_of(found)})


@pytest.mark.parametrize(
    "text",
    ["temperature=2.1..4.9:log", "temperature=3..3.1:log", "temperature=1..20", "learning-rate=1e-5..1e-1:log",
     "width=4..5", "width=5..9:log", "width=3,7", "hard-weight=0,0.1,1"],
)  # fmt: skip
def test_an_axis_has_numbers_at_different_places_inside_it(text: str) -> None:
    """A narrow logarithmic axis once had none."""
    ((name, part),) = SearchSpace.parse([text]).parts.items()
    ticks = Axis(name, name, part, LEFT, RIGHT).ticks
    assert len(ticks) >= 2
    places = [tick.at for tick in ticks]
    assert all(LEFT <= at <= RIGHT for at in places)
    assert all(one < other for one, other in itertools.pairwise(places))
    assert len({tick.text for tick in ticks}) == len(ticks)


def test_choices_stand_at_equal_distances_and_what_diverged_is_drawn_without_a_score() -> None:
    points = [{"width": width, "temperature": 2.0} for width in (4, 8, 64)]
    found = settings_map(swept("width=4,8,64", "temperature=1..3", points=points, scores=[0.5, None, 0.2]))
    assert found is not None and found.box is None
    by_trial = {int(re.findall(r"\d+", point.text)[0]): point for point in found.points}
    assert [by_trial[at].x for at in (1, 2, 3)] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    assert {point.y for point in found.points} == {(TOP + BOTTOM) / 2}
    assert by_trial[2].kind == "diverged"
    assert by_trial[2].text == "trial 2: width 8, temperature 2: the loss is not finite"
    assert (by_trial[1].strength, by_trial[2].strength, by_trial[3].strength) == (0, 0, 100)
    assert [at for at, point in by_trial.items() if point.chosen] == [3]
    assert found.description == "3 trials over width and temperature"


def test_where_temperature_and_hard_weight_are_searched_the_map_is_of_them() -> None:
    points = [{"learning_rate": 0.01, "hard_weight": 0.5, "temperature": 4.0}]
    search = ("learning-rate=0.001..0.1:log", "hard-weight=0..1", "temperature=1..20")
    found = settings_map(swept(*search, points=points, scores=[0.5]))
    assert found is not None
    assert (found.across.name, found.up.name) == ("temperature", "hard_weight")


def test_equal_scores_and_a_single_one_are_drawn_too() -> None:
    points = [{"temperature": value, "hard_weight": 0.5} for value in (2.0, 4.0, 8.0)]
    search = ("temperature=1..20", "hard-weight=0..1")
    equal = parallel(swept(*search, points=points, scores=[0.25] * 3))
    assert equal is not None
    assert len({line.path.split()[-1] for line in equal.lines}) == 1
    assert len(equal.axes[-1][2]) == 1  # one score, one number beside its axis
    assert parallel(swept(*search, points=points, scores=[0.25, None, None])) is None
    page = render_sweep(swept(*search, points=points[:1], scores=[0.25]), Path("sweep"))
    assert "Temperature 2, hard weight 0.5" in page


def test_a_repeated_point_is_drawn_once() -> None:
    points = [{"temperature": 2.0, "hard_weight": 0.5}] * 2 + [{"temperature": 3.0, "hard_weight": 0.1}]
    record = swept("temperature=1..20", "hard-weight=0..1", points=points, scores=[0.25, 0.25, 0.5])
    trials = (record.trials[0], record.trials[1].model_copy(update={"same_as": 1}), record.trials[2])
    record = record.model_copy(update={"trials": trials})
    drawn, threads = settings_map(record), parallel(record)
    assert drawn is not None and threads is not None
    assert len(drawn.points) == len(threads.lines) == 2
    assert "as trial 1" in render_sweep(record, Path("sweep"))


@pytest.mark.parametrize("scores", [(0.3, 0.3, 0.3), (0.0, 0.0), (-1.5, -0.5), (1e-9, 2e-9)])
def test_a_whisker_lies_inside_its_axis_with_its_dots_between(scores: tuple[float, ...]) -> None:
    one = Confirmation(trial=1, seeds=tuple(range(len(scores))), scores=scores, over_seeds=spread_of(scores))
    (drawn,), ticks = whiskers(made_up.record(again={}).model_copy(update={"confirmed": (one,)}))
    assert 16 <= drawn.low <= drawn.mean <= drawn.high <= RIGHT
    assert len(drawn.dots) == len(scores) and min(drawn.dots) <= drawn.mean <= max(drawn.dots)
    assert len({tick.at for tick in ticks}) == len(ticks) >= 2


def test_without_a_confirmation_there_are_no_whiskers() -> None:
    assert whiskers(made_up.record(again={})) == ([], [])


def test_a_trial_is_told_by_what_came_of_it() -> None:
    record = made_up.record(again={})
    assert tooltip(record.trials[0], record) == "trial 1: temperature 2, hard weight 0.2: validation loss 0.3"
    waiting = TrialRecord(trial=9, state="waiting", values={})
    assert tooltip(waiting, record).endswith("waiting")


def test_an_end_beyond_which_there_is_nothing_is_said_to_be_one() -> None:
    points = [{"temperature": 4.0, "hard_weight": 1.0}]
    record = swept("temperature=1..20", "hard-weight=0..1", points=points, scores=[0.25])
    (edge,) = record.edges
    assert edge.wider is None
    assert edge_in_words(edge, record) == "hard weight 1 lies at the high end of 0..1, beyond which there is nothing"
    assert edge_in_words(edge, record) in notes(record)


def test_a_sweep_of_which_nothing_finished_says_where_to_look() -> None:
    points = [{"temperature": 4.0, "hard_weight": 1.0}]
    record = swept("temperature=1..20", "hard-weight=0..1", points=points, scores=[None])
    assert headline(record) == "no trial of 1 has finished"
    assert in_words(record, Path("a sweep")) == "a sweep: no trial of 1 has finished\nsee why in a sweep/sweep.json"
    assert "Nothing has finished yet" in render_sweep(record, Path("a sweep"))
