"""The page of a sweep: one file, and on it what was found."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import made_up
import pytest

from joryu.search import SweepRecord
from joryu.search.figures import parallel, settings_map, whiskers
from joryu.search.page import FILE, render_sweep, write_sweep_page
from joryu.search.record import TrialRecord


@pytest.fixture(scope="module")
def page() -> str:
    return render_sweep(made_up.record(importance={"temperature": 0.7, "hard_weight": 0.3}), Path("sweep"))


def test_it_is_one_file_that_runs_and_loads_nothing(page: str, tmp_path: Path) -> None:
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)
    assert write_sweep_page(made_up.record(), tmp_path) == tmp_path / FILE


def test_it_says_what_was_chosen_over_which_seeds_and_on_what_condition(page: str) -> None:
    assert "<h1>Temperature 3, hard weight 0.1</h1>" in page
    assert "Validation loss 0.36 (0.294 to 0.426) over 3 seeds" in page
    assert "It is conditional on the parts of the examples" in page
    assert "judge the student by the test part" in page


def test_every_trial_is_in_the_table_with_how_it_ended(page: str) -> None:
    body = page.partition('id="trials"')[2].partition("</table>")[0]
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">(\d+)</th>.*?<td class=\"words\">(.*?)</td></tr>", body, re.DOTALL)
    assert [number for number, _ in rows] == ["1", "2", "3", "4", "5", "6"]
    ended = dict(rows)
    assert ended["6"] == "finished, chosen"
    assert ended["3"] == "finished, not told from the chosen one"
    assert ended["5"] == "pruned: worse than the median after epoch 2 of 4"


def test_importance_and_commands_are_on_it(page: str) -> None:
    assert "PED-ANOVA" in page and "70" in page
    assert "joryu distill --best-of sweep --out run --twin" in page
    assert "--temperature 3 --hard-weight 0.1" in page
    downloaded = re.search(r"data:application/json;base64,([\w+/=]+)", page)
    assert downloaded is not None
    assert SweepRecord.model_validate_json(base64.b64decode(downloaded[1])) == made_up.record(
        importance={"temperature": 0.7, "hard_weight": 0.3}
    )


def test_points_stand_where_their_values_are() -> None:
    found = settings_map(made_up.record())
    assert found is not None
    places = {point.text.split(":")[0]: point for point in found.points}
    assert len(places) == 6
    assert (places["trial 3"].x, places["trial 4"].x) == (58, 404)  # T = 1 and T = 20, the ends
    assert places["trial 4"].y < places["trial 2"].y < places["trial 6"].y  # a larger weight is higher up
    assert [point.kind for point in found.points].count("pruned") == 1
    assert [name for name, point in places.items() if point.chosen] == ["trial 6"]
    assert {name for name, point in places.items() if point.alike} == {"trial 1", "trial 3", "trial 6"}
    assert places["trial 3"].strength == 100 and places["trial 4"].strength == 0
    assert found.box is not None


def test_lines_go_through_every_axis_and_the_best_score_is_up() -> None:
    found = parallel(made_up.record())
    assert found is not None
    assert [title for title, _, _ in found.axes] == ["temperature", "hard weight", "validation loss"]
    assert len(found.lines) == 5
    assert found.lines[-1].chosen  # drawn over the others
    ends = {line.text.split(":")[0]: float(line.path.split()[-1]) for line in found.lines}
    assert min(ends, key=ends.__getitem__) == "trial 3"
    higher = parallel(made_up.record(lower=False))
    assert higher is not None
    ends = {line.text.split(":")[0]: float(line.path.split()[-1]) for line in higher.lines}
    assert min(ends, key=ends.__getitem__) == "trial 3"


def test_intervals_are_drawn_in_the_order_of_their_means() -> None:
    drawn, ticks = whiskers(made_up.record())
    assert [one.label for one in drawn] == ["trial 6", "trial 1", "trial 3"]
    assert drawn[0].chosen and drawn[0].low < drawn[0].mean < drawn[0].high
    assert len(ticks) > 2


def test_what_is_not_there_is_left_out() -> None:
    page = render_sweep(made_up.record(again={}), Path("sweep"))
    assert 'id="confirmed"' not in page and "by one seed" in page
    assert "Nothing is said about importance" in page
    stopped: dict[str, Any] = {"trials": made_up.record().trials[4:5], "chosen": None, "edges": (), "plateau": None}
    page = render_sweep(made_up.record(again={}, **stopped), Path("sweep"))
    assert "Nothing has finished yet" in page


def test_what_somebody_typed_is_text_and_no_markup() -> None:
    found = made_up.record(again={}, command="joryu sweep --out '<b>'")
    assert "&lt;b&gt;" in render_sweep(found, Path("<i>")) and "<i>" not in render_sweep(found, Path("<i>"))


def test_one_setting_has_no_map() -> None:
    found = made_up.record(again={})
    request = json.loads(json.dumps(found.request))
    del request["space"]["hard_weight"]
    trials = tuple(
        TrialRecord(**{**one.model_dump(), "values": {"temperature": one.values["temperature"]}})
        for one in found.trials
    )
    assert found.chosen is not None
    chosen = found.chosen.model_copy(update={"values": {"temperature": 1.0}})
    single = found.model_copy(update={"request": request, "trials": trials, "chosen": chosen, "edges": ()})
    assert settings_map(single) is None
    page = render_sweep(single, Path("sweep"))
    assert "Parallel coordinates" in page
