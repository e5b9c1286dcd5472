"""The folder of a sweep: what is another sweep in it, where its trials are kept, and that it may have any name."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_up
import pytest

from joryu.errors import InputError, MismatchError
from joryu.objectives import Distillation
from joryu.search import SweepRun
from joryu.search.queue import Queue
from joryu.search.record import FILE, ScoreRule
from joryu.search.run import fingerprint
from joryu.search.storage import EMBEDDED
from joryu.training.setup import DistillationSetup

SCORE = ScoreRule(key="validation_loss", name="validation loss", lower=True)
SETUP = made_up.setup(distillation=DistillationSetup(student="mlp:8x1", objective=Distillation()))
REQUEST: dict[str, Any] = {
    "examples": "content of the parts",
    "targets": {
        "teacher": "who answered", "examples": "what was labelled", "views": 2,
        "encoding": {"dtype": "float16", "top_k": 0},
    },
    **SETUP.describe(),
}  # fmt: skip


def leaves(content: dict[str, Any], *above: str) -> Iterator[tuple[str, ...]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, *above, name)
        else:
            yield (*above, name)


def changed(path: tuple[str, ...]) -> dict[str, Any]:
    """The request with another value in one place."""
    found = copy.deepcopy(REQUEST)
    *above, last = path
    place = found
    for name in above:
        place = place[name]
    value = place[last]
    if isinstance(value, bool):
        place[last] = not value
    else:
        place[last] = value + 1 if isinstance(value, int | float) else f"not {value}"
    return found


def test_whatever_differs_makes_another_sweep_and_is_named(tmp_path: Path) -> None:
    """The views of the store once went by the name of the setup's, and its examples by that of those taught."""
    run = SweepRun(folder=tmp_path)
    run.begin(REQUEST, SCORE, 3).write(tmp_path)
    paths = list(leaves(REQUEST))
    assert len(paths) > 40
    for path in paths:
        with pytest.raises(MismatchError, match="holds another sweep") as refused:
            run.begin(changed(path), SCORE, 3)
        name = path[1].replace("_", "-") if path[0] == "space" else path[-1].replace("_", " ")
        assert name in str(refused.value)


def test_the_same_sweep_goes_on_under_another_budget_however_its_request_is_ordered(tmp_path: Path) -> None:
    run = SweepRun(folder=tmp_path, command="joryu sweep", notes={"examples": "digits"})
    first = run.begin(REQUEST, SCORE, 3)
    first.write(tmp_path)
    turned = dict(reversed(REQUEST.items()))
    again = replace(run, command="typed anew").begin(turned, SCORE, 9)
    assert again == first.model_copy(update={"budget": 9})
    assert fingerprint(turned) == fingerprint(REQUEST) != fingerprint(changed(("recipe", "seed")))


def test_what_an_older_joryu_did_not_record_is_no_difference_where_it_has_no_value(tmp_path: Path) -> None:
    run = SweepRun(folder=tmp_path)
    older = copy.deepcopy(REQUEST)
    assert older["setup"].pop("class_weights") is None
    run.begin(older, SCORE, 3).write(tmp_path)
    assert run.begin(REQUEST, SCORE, 3).request == json.loads(json.dumps(older))


def test_a_shared_sweep_stays_in_its_storage_whoever_logs_in(tmp_path: Path) -> None:
    run = SweepRun(folder=tmp_path, storage="postgresql://me:hush-1@host/sweeps?sslmode=require")
    first = run.begin(REQUEST, SCORE, 3)
    first.write(tmp_path)
    assert "hush" not in (tmp_path / FILE).read_text()
    other_password = replace(run, storage="postgresql://you:hush-2@host/sweeps")
    assert other_password.begin(REQUEST, SCORE, 3) == first
    with pytest.raises(MismatchError, match=r"in another storage .expected postgresql://host/sweeps; received") as one:
        replace(run, storage="postgresql://me:hush-1@host/others").begin(REQUEST, SCORE, 3)
    assert "hush" not in str(one.value)


@pytest.mark.parametrize(("file", "what"), [("run.json", "a run"), ("manifest.json", "soft targets")])
def test_what_is_something_else_is_left_alone(file: str, what: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text("{}")
    with pytest.raises(InputError, match=f"holds {what}"), SweepRun(folder=tmp_path).held():
        pytest.fail("it was opened")
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_one_process_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    run = SweepRun(folder=tmp_path / "deep" / "sweep")
    with run.held():
        with pytest.raises(InputError, match=r"sweep"), run.held():
            pytest.fail("it was opened twice")
        assert run.folder.is_dir()
    with run.held():
        pass


@pytest.mark.parametrize("name", ["is it?", "50%41", "mlp:{width}x2 }{", "me@home #1 双子"])
def test_the_trials_of_a_folder_of_any_name_are_kept_in_it(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with Queue.opened(SweepRun(folder=folder).url, "study", made_up.setup(), lower=True, shared=False) as queue:
        taken = queue.take(1)
    assert taken is not None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / EMBEDDED]
