"""What follows from a sweep for ``joryu distill``: its options, and the command that needs no sweep."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import made_up
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command

from joryu.cli import app
from joryu.cli.recipe_options import RECIPE_OPTIONS
from joryu.errors import InputError
from joryu.objectives import Distillation
from joryu.search import SearchSpace, SweepRecord, SweepSetup
from joryu.search.best_of import best_of
from joryu.search.command import explicit_command
from joryu.search.record import FILE, Chosen
from joryu.search.words import best_of_command, in_words
from joryu.training import Recipe
from joryu.training.setup import DistillationSetup

UNUSUAL = Recipe(
    epochs=7, batch_size=33, optimiser="sgd", momentum=0.5, learning_rate=0.03, weight_decay=1e-4, schedule="one-cycle",
    warmup=0.1, final_rate=0.05, clip=1.0, max_norm=2.5, ema=0.99, patience=3, keep="last", precision="32-true",
    compile=True, seed=11,
)  # fmt: skip
SETUP = DistillationSetup(
    student="mlp:{width}x1", objective=Distillation(temperature=9.0, hard_weight=0.5, divergence="kl-reverse"),
    validation=0.25, test=0.2, labelled=0.5, views="shift:3,flip", class_weights="1,2.5", signal_weight=0.2,
    allow_dead_teacher=True,
)  # fmt: skip


def chosen(setup: SweepSetup, **values: float) -> SweepRecord:
    """The record of a sweep with this setup, whose sixth trial tried these values and was chosen."""
    record = made_up.record(again={})
    point = Chosen(trial=6, values=values, student="", score=0.29, confirmed=False)
    request = json.loads(json.dumps({**record.request, **setup.describe()}))
    return record.model_copy(update={"request": request, "chosen": point, "edges": (), "plateau": None})


def read(line: str) -> dict[str, Any]:
    """What the command line reads of a command, by parameter."""
    joryu, distill, *words = shlex.split(line)
    assert (joryu, distill) == ("joryu", "distill")
    root = get_command(app)
    command = root.get_command(typer.Context(root), "distill")  # type: ignore[attr-defined]
    found: dict[str, Any] = command.make_context("distill", words).params
    return found


def test_the_command_says_everything_that_the_sweep_held_fixed_and_the_point_it_chose() -> None:
    space = SearchSpace.parse(["width=4..16", "hard-weight=0..1"])
    setup = SweepSetup(distillation=SETUP, recipe=UNUSUAL, space=space)
    notes = {"examples": "folder:my pictures", "split": "train", "size": 32, "targets": "my 'targets'"}
    found = read(explicit_command(chosen(setup, width=8, hard_weight=0.0).model_copy(update={"notes": notes})))
    assert Recipe.of(**{name: found[name] for name in RECIPE_OPTIONS}) == UNUSUAL
    assert (found["student"], found["temperature"], found["hard_weight"]) == ("mlp:8x1", 9.0, 0.0)
    assert found["divergence"] == "kl-reverse"
    held = ("validation", "test", "labelled", "views", "class_weights", "signal_weight", "allow_dead_teacher")
    assert {name: found[name] for name in held} == {name: getattr(SETUP, name) for name in held}
    assert (found["examples"], found["split"], found["size"]) == ("folder:my pictures", "train", 32)
    assert (Path(found["targets"]), found["twin"]) == (Path("my 'targets'"), True)


@settings(deadline=None, max_examples=15)
@given(
    temperature=st.floats(1e-3, 1e6), weight=st.floats(0, 1), rate=st.floats(1e-9, 1e3), seed=st.integers(0, 2**32 - 1)
)
def test_numbers_of_the_command_are_read_as_the_same_numbers(
    temperature: float, weight: float, rate: float, seed: int
) -> None:
    space = SearchSpace.parse(["temperature=1..20", "learning-rate=1e-4..1e-2:log", "hard-weight=0..1"])
    setup = made_up.setup(space=space, recipe=Recipe(seed=seed, weight_decay=rate / 7))
    found = read(explicit_command(chosen(setup, temperature=temperature, learning_rate=rate, hard_weight=weight)))
    assert (found["temperature"], found["learning_rate"], found["hard_weight"]) == (temperature, rate, weight)
    assert (found["seed"], found["weight_decay"]) == (seed, rate / 7)


def test_where_nothing_was_chosen_there_is_no_command(tmp_path: Path) -> None:
    record = made_up.record(again={}).model_copy(update={"chosen": None})
    assert explicit_command(record) == ""
    record.write(tmp_path)
    with pytest.raises(InputError, match=r"no trial of .* has finished .expected a point to take.; run its joryu"):
        best_of(tmp_path, {})


def test_the_options_are_the_chosen_point_and_what_was_held_fixed(tmp_path: Path) -> None:
    made_up.record().write(tmp_path)
    found = best_of(tmp_path, {})
    assert (found.options["temperature"], found.options["hard_weight"]) == (3.0, 0.1)
    assert (found.options["student"], found.options["epochs"], found.options["split"]) == ("mlp:8x1", 4, "train")
    assert found.options["targets"] == Path("targets")
    assert found.split_seed == 0
    assert found.remarks == ("from trial 6 of the sweep: temperature 3, hard weight 0.1",)
    assert found.note["score"]["seeds"] == made_up.record().confirmed[0].over_seeds.model_dump()
    assert (found.note["trial"], found.note["tried"]) == (6, 6)


def test_what_is_typed_takes_its_place_and_is_told_but_for_the_seed(tmp_path: Path) -> None:
    made_up.record(again={}).write(tmp_path)
    typed = {"temperature": 2.0, "epochs": 4, "seed": 5, "student": "mlp:8x1"}
    found = best_of(tmp_path, typed)
    assert {name: found.options[name] for name in typed} == typed
    assert found.remarks[1:] == ("as typed, temperature is 2.0, and not 1.0, which the sweep had",)
    assert found.note["score"]["seeds"] is None
    assert found.split_seed == 0


@pytest.mark.parametrize(("name", "value"), [("examples", "digits:test"), ("split", "test"), ("test", 0.3)])
def test_judges_that_the_sweep_may_have_seen_are_warned_of(name: str, value: Any, tmp_path: Path) -> None:
    made_up.record().write(tmp_path)
    assert any("may have been seen by the sweep" in line for line in best_of(tmp_path, {name: value}).remarks)
    same = best_of(tmp_path, {}).options[name]
    assert len(best_of(tmp_path, {name: same}).remarks) == 1


def test_what_it_gives_and_takes_are_parameters_of_the_command(tmp_path: Path) -> None:
    """Another teacher went by a name that the command had no longer, and its answers into the old store."""
    made_up.record().write(tmp_path)
    known = read("joryu distill --out run --teacher run:other")
    assert best_of(tmp_path, {}).options.keys() <= known.keys()
    typed = {name: value for name, value in known.items() if value == ["run:other"]}
    assert len(typed) == 1
    assert best_of(tmp_path, typed).options["targets"] is None


def test_places_are_found_from_elsewhere_as_they_were_typed(tmp_path: Path) -> None:
    for name in ("pictures", "the targets", "sweeps/first"):
        (tmp_path / name).mkdir(parents=True)
    folder = tmp_path / "sweeps" / "first"
    notes = {"examples": "folder:pictures", "split": None, "size": None, "targets": "the targets"}
    made_up.record(notes=notes, typed_in="../..").write(folder)
    found = best_of(folder, {}).options
    assert (found["examples"], found["targets"]) == (f"folder:{tmp_path / 'pictures'}", tmp_path / "the targets")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("setup",), {}), (("setup",), []), (("setup", "objective"), "soft"), (("setup", "student"), 7),
        (("setup", "colour"), "red"), (("recipe",), None), (("recipe", "epochs"), 0), (("sampler",), "grid"),
        (("setup", "validation"), "a tenth"),
    ],
)  # fmt: skip
def test_a_setup_that_is_damaged_is_an_error_of_one_line(place: tuple[str, ...], value: Any, tmp_path: Path) -> None:
    made_up.record().write(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    at = content["request"]
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(InputError) as refused:
        best_of(tmp_path, {})
    assert "\n" not in str(refused.value)


def test_what_to_type_next_can_be_typed_whatever_the_folder_is_called() -> None:
    folder = Path("my sweeps") / "it's (1)"
    assert shlex.split(best_of_command(folder))[2:4] == ["--best-of", str(folder)]
    assert in_words(made_up.record(), folder).endswith(best_of_command(folder))
