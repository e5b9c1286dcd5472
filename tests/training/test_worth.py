"""What more answers are worth: nested parts, one budget, judges that teach nobody, a refusal where nothing is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scenes import digits, ids_of, label, recipe

from joryu.errors import InputError
from joryu.evaluation import Better, Measure
from joryu.examples import Examples
from joryu.questions import PICTURE, Question
from joryu.report.worth import draw_worth, worth_in_words
from joryu.targets import Manifest, SoftTargets, Space, Store, StoreWriter
from joryu.targets.manifest import Cost, ExamplesRecord, TeacherRecord
from joryu.training import Run, worth
from joryu.training.run import read_run
from joryu.training.setup import DistillationSetup
from joryu.training.worth import Worth, WorthSetup, error_of, keep, nested, sizes_of
from joryu.training.worth import worth as find

SIZES = (20, 40, 80, 160)
SETUP = WorthSetup(distillation=DistillationSetup(student="mlp:16x1", test=0.2), sizes=SIZES)


def shown_worth(store: Store, folder: Path, **more: Any) -> Worth:
    setup = more.pop("setup", SETUP)
    return find(digits(), store, setup=setup, recipe=recipe(epochs=4, batch_size=16, **more), run=Run(folder))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return label(tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module")
def whole(store: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Worth, Path, list[Examples]]:
    """What was found, its folder, and what each training was given."""
    folder, given = tmp_path_factory.mktemp("worth"), []
    distill = worth.distill

    def noted(examples: Examples, *rest: Any, **named: Any) -> Any:
        given.append(examples)
        return distill(examples, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worth, "distill", noted)
        found = shown_worth(store, folder)
    return found, folder, given


def test_parts_of_a_draw_lie_in_one_another_and_those_of_another_draw_are_others() -> None:
    pool = digits()
    one, other = (nested(pool, (20, 320, 80), seed=seed) for seed in (0, 1))
    assert [len(part) for part in one.values()] == [320, 80, 20]
    assert ids_of(one[20]) < ids_of(one[80]) < ids_of(one[320]) == ids_of(pool)
    assert ids_of(one[80]) != ids_of(other[80])
    counts = torch.bincount(one[80].labels_or_empty.long(), minlength=10)
    assert counts.min() >= 6, "stratified by label"


def test_what_judges_teaches_nobody(whole: tuple[Worth, Path, list[Examples]]) -> None:
    found, _, given = whole
    assert len(given) == len(SIZES) * 3
    taught = set[bytes]().union(*map(ids_of, given))
    assert found.judged == 64
    assert len(taught) + found.judged <= len(digits())
    assert {len(part) for part in given} == set(SIZES)


def test_every_size_has_the_same_number_of_steps(whole: tuple[Worth, Path, list[Examples]]) -> None:
    found, folder, _ = whole
    taken = {}
    for size in SIZES:
        request = read_run(folder / f"{size:07d}-draw1")["request"]
        shown = request["examples"]["n"]
        taken[size] = request["recipe"]["epochs"] * (shown // min(16, shown))
        assert request["recipe"]["seed"] == 1
    assert taken[160] == found.steps == 36
    assert all(abs(steps - found.steps) <= 2 for steps in taken.values()), taken


def test_errors_fall_and_are_those_of_the_first_measure(whole: tuple[Worth, Path, list[Examples]]) -> None:
    found, _, _ = whole
    assert found.measure == "accuracy" and not found.by_teacher
    assert list(found.errors) == list(SIZES)
    means = [np.mean(row) for row in found.errors.values()]
    assert all(len(row) == 3 for row in found.errors.values())
    assert means[-1] < means[0]
    assert {"loss", "accuracy", "negative_log_likelihood"} & set(found.others) >= {"loss", "accuracy"}


def test_it_goes_on_where_it_was_killed_and_trains_nothing_twice(
    whole: tuple[Worth, Path, list[Examples]], store: Store, tmp_path: Path
) -> None:
    calls = 0

    def stop(done: int, total: int, note: str) -> None:
        nonlocal calls
        calls += done == 5
        if calls == 3:
            raise KeyboardInterrupt

    given = recipe(epochs=4, batch_size=16)
    with pytest.raises(KeyboardInterrupt):
        find(digits(), store, setup=SETUP, recipe=given, run=Run(tmp_path), watch=stop)
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/student.safetensors")}
    assert len(finished) == 5
    found = shown_worth(store, tmp_path)
    assert found.errors == whole[0].errors
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


def test_more_draws_train_only_what_is_new(
    whole: tuple[Worth, Path, list[Examples]], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, folder, _ = whole
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/student.safetensors")}
    more = shown_worth(store, folder, setup=replace(SETUP, draws=4))
    assert {size: row[:3] for size, row in more.errors.items()} == found.errors
    assert {path: path.stat().st_mtime_ns for path in before} == before


def made(errors: dict[int, list[float]], price: float = 0.0) -> Worth:
    curve, untold = worth._curve(errors)
    return Worth(
        measure="accuracy", errors=errors, curve=curve, untold=untold, price=price, judged=50, by_teacher=False, steps=9
    )


def test_what_the_next_answers_bring_and_cost(tmp_path: Path) -> None:
    found = made({n: [3 * n**-0.5 + 0.1 + e for e in (-0.002, 0.0, 0.002)] for n in (100, 200, 400, 800, 1600)}, 0.0015)
    keep(found, tmp_path, 1000)
    said = json.loads((tmp_path / "worth.json").read_text())["next"]
    expected = 3 * 1600**-0.5 - 3 * 2600**-0.5
    assert said["gain"]["value"] == pytest.approx(expected, rel=0.1)
    assert said["gain"]["low"] <= expected <= said["gain"]["high"]
    assert (said["answers"], said["cost"]) == (1000, 1.5)
    words = worth_in_words(found, 1000)
    assert "the next 1,000 answers: the error falls by" in words and "they cost 1.50" in words
    assert draw_worth(found, tmp_path / "worth.svg").read_text().startswith("<?xml")
    with pytest.raises(InputError, match="ten times the largest"):
        worth_in_words(found, 100_000)


def test_a_flat_curve_gives_no_number(tmp_path: Path) -> None:
    found = made({n: [0.3, 0.31, 0.29] for n in (100, 200, 400, 800)}, 0.0015)
    content = found.to_json(1000)
    assert content["next"] is None and content["curve"] is None
    assert "flat line" in content["untold"]
    last = worth_in_words(found, 1000).splitlines()[-1]
    assert last.startswith("nothing is said of 1,000 more answers: the errors cannot be told from a flat line")
    assert draw_worth(found, tmp_path / "worth.svg").is_file()


def answered(
    examples: Examples, values: torch.Tensor, folder: Path, question: Question, *, n: int | None = None
) -> Store:
    """A store of these answers, about the first ``n`` examples."""
    manifest = Manifest(
        question=question, teacher=TeacherRecord(fingerprint="0", description="made up"), batch_size=32,
        examples=ExamplesRecord(fingerprint=examples.fingerprint, name="made up", count=len(examples)),
        cost=Cost(money=3.0),
    )  # fmt: skip
    space = Space.LOGITS if question.link.has_probs else Space.NUMBERS
    with StoreWriter(folder, manifest) as writer:
        writer.add(examples.ids[:n], np.zeros(len(examples), dtype=np.uint64)[:n], SoftTargets(
            values=values[:n], space=space, question=question))  # fmt: skip
    return Store.open(folder)


def tags(examples: Examples) -> tuple[Question, torch.Tensor]:
    flat = examples.inputs.flatten(1).float() / 255
    return Question.tags(4), (flat[:, 20:24] - 0.4) * 8


def numbers(examples: Examples) -> tuple[Question, torch.Tensor]:
    flat = examples.inputs.flatten(1).float()
    return Question.numbers(["left", "right"]), torch.stack([flat[:, :32].mean(1), 100 * flat[:, 32:].mean(1)], 1)


def masks(examples: Examples) -> tuple[Question, torch.Tensor]:
    return Question.tags(["ink"], grid=PICTURE), (examples.inputs.float().movedim(1, -1) - 128) / 20


@pytest.mark.parametrize(
    ("make", "student", "by", "measure"),
    [
        (tags, "mlp:4x1", "macro_average_precision", "macro average precision"),
        (numbers, "mlp:4x1", None, None),
        (numbers, "mlp:4x1", "standardised_rmse_to_the_teacher", "standardised RMSE to the teacher"),
        (masks, "unet:2x1", "loss", "loss"),
    ],
)
def test_any_question_and_a_store_that_is_answered_in_part_without_labels(
    make: Callable[[Examples], tuple[Question, torch.Tensor]],
    student: str,
    by: str | None,
    measure: str | None,
    tmp_path: Path,
) -> None:
    shown = replace(digits(), labels=None, question=None)
    question, values = make(shown)
    store = answered(shown, values, tmp_path / "targets", question, n=200)
    setup = WorthSetup(distillation=DistillationSetup(student=student, test=0.2), sizes=(20, 40, 80, 150), by=by)
    found = find(shown, store, setup=setup, recipe=recipe(epochs=1), run=Run(tmp_path / "worth"))
    assert found.by_teacher and found.judged == 40
    assert measure is None or found.measure == measure
    assert all(np.isfinite(row).all() and len(row) == 3 for row in found.errors.values())
    assert found.price == 3.0 / 200
    assert "judged by their teacher's answers" in worth_in_words(found, 100)


def test_what_cannot_be_meant_is_refused(store: Store, tmp_path: Path) -> None:
    for changes in ({"sizes": (20, 40, 80)}, {"sizes": (1, 40, 80, 160)}, {"draws": 2}):
        with pytest.raises(InputError, match="is not usable"):
            replace(SETUP, **changes)
    with pytest.raises(InputError, match="twin"):
        WorthSetup(distillation=DistillationSetup(test=0.2, twin=True))
    with pytest.raises(InputError, match="share that judges"):
        WorthSetup(distillation=DistillationSetup())
    with pytest.raises(InputError, match=r"sizes is more than there is .*at most 256"):
        shown_worth(store, tmp_path, setup=replace(SETUP, sizes=(20, 40, 80, 257)))
    with pytest.raises(InputError, match=r"no measure 'acuracy'.* did you mean accuracy"):
        shown_worth(store, tmp_path / "misspelt", setup=replace(SETUP, by="acuracy"))
    assert not (tmp_path / "misspelt").exists(), "nothing was trained before it was refused"
    with pytest.raises(InputError, match="numbers such as"):
        sizes_of("20,many")
    few = digits(60)
    with pytest.raises(InputError, match="too few answers for a curve"):
        of_few, place = label(tmp_path / "few", examples=few), Run(tmp_path / "run")
        find(few, of_few, setup=replace(SETUP, sizes=()), recipe=recipe(), run=place)


class Evaluated:
    """As far as `error_of` looks."""

    loss = 0.25
    measures = (Measure("R²", 0.9), Measure("RMSE", 2.0, Better.LOWER), Measure("AP", None, unit="share"))


def test_what_is_no_error_is_not_followed() -> None:
    assert error_of(Evaluated(), "rmse") == ("RMSE", 2.0)  # type: ignore[arg-type]
    assert error_of(Evaluated(), "loss") == ("loss", 0.25)  # type: ignore[arg-type]
    for by in (None, "r2", "ap"):
        with pytest.raises(InputError, match="gives no error to follow"):
            error_of(Evaluated(), by)  # type: ignore[arg-type]
