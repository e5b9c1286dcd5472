"""The experiments on a cloned API: what is asked over the address, what students are told, and how they are judged."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from joryu.examples import Examples, load_examples
from joryu.experiments import api_budget, cloned_api, screening, vision_clone
from joryu.experiments.api_budget import part_of, power_law
from joryu.experiments.cloned_api import FLOOR, MOST, Truth, ask, cloned_parts, cut_at, untruncated
from joryu.experiments.cloned_students import api_answers, hard_tags, quality, spread
from joryu.experiments.experiment import Experiment, Folders, Setting, Size, run_experiment
from joryu.experiments.planted_source import PLANTED, SITES, rastered, sites
from joryu.experiments.screening import constant_tag, screened_out, without
from joryu.objectives.partial_tags import zero_filled_cross_entropy
from joryu.remote import Ledger
from joryu.remote.api import Api
from joryu.targets.screening import screen, sources_of
from joryu.teachers.recorded import keys_of


@contextmanager
def unwatched(title: str):
    del title
    yield lambda progress, steps, epochs: None


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    place = tmp_path_factory.mktemp("cloned")
    return Setting(seed=0, smoke=True, folder=place / "seed-0", shared=place / "shared", watching=unwatched)


@pytest.fixture(scope="module")
def ledger(setting: Setting) -> Ledger:
    return ask(setting, cloned_parts(setting).learn)


def ids(examples: Examples) -> set[bytes]:
    return {words.tobytes() for words in examples.ids}


def test_nobody_learns_from_a_picture_that_chooses_or_judges(setting: Setting) -> None:
    learn, choose, judge = cloned_parts(setting)
    assert ids(learn) and not ids(learn) & (ids(choose) | ids(judge)) and not ids(choose) & ids(judge)
    assert all(part.labels is None and part.question is None for part in (learn, choose, judge))
    again = cloned_parts(replace(setting, seed=1))
    assert np.array_equal(again.judge.ids, judge.ids), "the seed draws no parts"


def test_the_api_is_asked_over_its_address_once_about_each_picture(setting: Setting, ledger: Ledger) -> None:
    learn, choose, _ = cloned_parts(setting)
    spent = ledger.spent()
    assert (spent.units, spent.in_flight) == (len(learn), 0)
    assert Api.from_settings(ledger.settings).endpoint.startswith("http://127.0.0.1:")
    assert ask(setting, learn).spent() == spent, "what is known is not asked again"
    both = ask(setting, choose)  # another session, of a server at the same address
    assert both.n_answers() == len(learn) + len(choose)


def test_answers_are_cut_to_ten_tags_from_the_floor_on(setting: Setting, ledger: Ledger) -> None:
    learn = cloned_parts(setting).learn
    truth = untruncated(setting, learn)
    said = ledger.raw(keys_of(learn.ids))
    for row, key in enumerate(keys_of(learn.ids)):
        tags = {tag["description"]: tag["score"] for tag in json.loads(said[key]).get("labelAnnotations", [])}
        expected = {name for name, prob in zip(truth.names, truth.probs[row].tolist(), strict=True) if prob >= FLOOR}
        assert set(tags) == expected and len(tags) <= MOST
        assert all(abs(score - truth.probs[row, truth.names.index(name)]) < 1e-3 for name, score in tags.items())


def test_the_same_answers_from_a_higher_floor(setting: Setting, ledger: Ledger) -> None:
    high = cut_at(ledger, 0.5)
    assert high.n_answers() == ledger.n_answers()
    assert Api.from_settings(high.settings).answer.floor == 0.5
    for key, raw in ledger.every_answer():
        kept = json.loads(high.raw([key])[key]).get("labelAnnotations", [])
        assert kept == [tag for tag in json.loads(raw).get("labelAnnotations", []) if tag["score"] >= 0.5]
    before = high.spent()
    assert cut_at(ledger, 0.5).spent() == before, "once"


def test_the_twin_is_told_what_was_returned_and_no_score(setting: Setting, ledger: Ledger) -> None:
    learn = cloned_parts(setting).learn
    lesson = api_answers(setting, ledger, learn, "answers")
    labels = hard_tags(lesson).labels
    assert labels is not None and set(labels.unique().tolist()) == {0, 1}
    for row in range(5):
        raw = ledger.raw(keys_of(learn.ids[row : row + 1])).popitem()[1]
        returned = {tag["description"] for tag in json.loads(raw)["labelAnnotations"]}
        assert returned == {lesson.examples.classes[at] for at in labels[row].nonzero().flatten().tolist()}


def truth_of(probs: list[list[float]]) -> Truth:
    return Truth(torch.tensor(probs), tuple("abc")[: len(probs[0])])


def test_a_student_that_is_the_network_has_every_number_at_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloned_api, "JUDGED", 1)
    truth = truth_of([[0.9, 0.1, 0.0], [0.01, 0.39, 0.6], [0.5, 0.01, 0.49]])
    found = quality("s", truth.probs.double(), truth)
    assert found["s_macro"] == found["s_micro"] == found["s_held"] == found["s_p1"] == 100
    assert found["s_gap"] == pytest.approx(0, abs=1e-7)
    assert found["s_kl"] == pytest.approx(0, abs=1e-4)
    assert found["s_mass"] == pytest.approx(1)


def test_quality_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloned_api, "JUDGED", 1)
    truth = truth_of([[0.9, 0.0], [0.0, 0.1]])
    found = quality("s", torch.tensor([[0.5, 0.4], [0.8, 0.2]], dtype=torch.float64), truth)
    # tag a: its one relevant picture is second; tag b: likewise; all pairs: 0.8, 0.5 relevant, 0.4, 0.2 relevant
    assert found["s_macro"] == pytest.approx(50)
    assert found["s_micro"] == pytest.approx(100 * (1 / 2 + 2 / 4) / 2)
    assert found["s_held"] == pytest.approx(50)
    assert found["s_p1"] == pytest.approx(50)
    assert found["s_mass"] == pytest.approx(0.95)
    # picture 1: 0.9 against 0.5, and 0 against 0.4; picture 2: 0 against 0.8, and 0.1 against 0.2
    by_hand = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5) - np.log(0.6)
    by_hand += -np.log(0.2) + 0.1 * np.log(0.1 / 0.2) + 0.9 * np.log(0.9 / 0.8)
    assert found["s_kl"] == pytest.approx(by_hand / 2, rel=1e-6)


def test_a_tag_without_an_output_is_ranked_last() -> None:
    probs = spread(torch.tensor([[0.3], [0.2]]), ("b",), ("a", "b"))
    assert probs.argmax(1).tolist() == [1, 1] and (probs[:, 0] < 1e-5).all()


def test_a_bound_of_the_published_floor_says_little_more_than_zero() -> None:
    """Why BCE and bounded lie so close at 0.02: below the bound the one has no gradient and the other hardly any."""
    unreturned, bound = torch.zeros(1, 1, dtype=torch.bool), torch.logit(torch.tensor([[FLOOR]]))
    logits = bound.clone().requires_grad_()
    zero_filled_cross_entropy(logits, bound, coverage=unreturned).sum().backward()
    assert logits.grad is not None and logits.grad.item() == pytest.approx(FLOOR, rel=1e-4)


def test_a_curve_is_found_again_and_is_never_less_than_its_limit() -> None:
    law = power_law({n: 55 + 400 * n**-0.4 for n in (500.0, 1000.0, 2000.0, 4000.0, 8000.0)})
    assert (law.b, law.c) == (pytest.approx(0.4, abs=0.011), pytest.approx(55, abs=1))
    assert law.at(16000) == pytest.approx(55 + 400 * 16000**-0.4, rel=1e-3)
    flat = power_law({1.0: 7.0, 2.0: 7.0, 4.0: 7.0})
    assert flat.at(1e6) == pytest.approx(7) and min(law.c, flat.c, flat.a) >= 0


def test_each_budget_holds_the_smaller_ones(setting: Setting) -> None:
    learn = cloned_parts(setting).learn
    drawn = np.random.default_rng(0).permutation(len(learn))
    small, large = (part_of(learn, drawn, size) for size in (20, 60))
    assert len(small) == 20 and ids(small) < ids(large) < ids(learn)


def test_curves_hold_the_largest_budget_out() -> None:
    sizes = (100, 200, 400, 800)
    measured = {
        f"{name}_{size}_{score}": 100 - (40 + 300 * size**-0.5) for name in ("prior", "hard")
        for score in ("macro", "micro") for size in sizes
    }  # fmt: skip
    measured["prior_800_macro"] = 99.0  # what no curve expects
    found = api_budget.curves(measured, sizes)
    assert found["prior_macro_measured"] == 99
    assert found["prior_macro_expected"] == pytest.approx(60 - 300 * 800**-0.5, abs=0.5)
    assert found["hard_macro_exponent"] == pytest.approx(0.5, abs=0.06)


def picture(side: int = 64) -> bytes:
    kept = io.BytesIO()
    noise = np.random.default_rng(0).integers(90, 166, (side // 8, side // 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).save(kept, "PNG")
    return kept.getvalue()


def test_the_raster_is_plain_to_the_api_and_hardly_shows_to_the_student() -> None:
    def grey(content: bytes, side: int, how: Image.Resampling) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(content)).convert("L").resize((side, side), how), dtype=float)

    plain, printed = picture(), rastered(picture())
    large = grey(printed, 256, Image.Resampling.BOX) - grey(plain, 256, Image.Resampling.NEAREST)
    small = grey(printed, 64, Image.Resampling.BILINEAR) - grey(plain, 64, Image.Resampling.BILINEAR)
    assert large.std() > 35
    assert np.abs(small).mean() < 8 and abs(small.mean()) < 3


def test_screening_finds_the_planted_site_and_nothing_else(setting: Setting) -> None:
    learn = cloned_parts(setting).learn
    pictures = sites(setting, learn)
    assert len(ids(pictures) & ids(learn)) == len(learn) - len(learn) // SITES, "the others are the original files"
    lesson = api_answers(setting, ask(setting, pictures), pictures, "site-answers")
    found = screen(lesson.store, lesson.examples, sources_of(lesson.examples))
    measured = screened_out(found, lesson.examples)
    assert [source.name for source in found.suspicious if source.name.endswith(PLANTED)]
    assert measured["left_out_planted"] == measured["planted"] == len(learn) // SITES
    assert measured["suspicious"] == 1
    left = without(lesson.examples, found)
    assert ids(left) <= ids(learn) and len(left) == len(pictures) - measured["left_out"]
    assert constant_tag(found) in lesson.examples.classes


@pytest.mark.slow
@pytest.mark.parametrize("experiment", [vision_clone.EXPERIMENT, api_budget.EXPERIMENT, screening.EXPERIMENT])
def test_smoke(experiment: Experiment, setting: Setting) -> None:
    out = setting.shared.parent / experiment.name
    result = run_experiment(experiment, [0, 1], place=Folders(out), size=Size.SMOKE, watching=unwatched)
    shown = [row for row in experiment.rows if row.metric in result["ours"]]
    assert shown and all(row.twin in result["ours"] for row in shown if row.twin is not None)
    assert set(experiment.headline) <= experiment.metrics
    assert result["paired"] and "Smoke size" in (out / "table.md").read_text()
    stamp = (out / "seed-0" / "measured.json").stat().st_mtime_ns
    again = run_experiment(experiment, [0, 1], place=Folders(out), size=Size.SMOKE, watching=unwatched)
    assert again["ours"] == result["ours"]
    assert (out / "seed-0" / "measured.json").stat().st_mtime_ns == stamp


def test_absent_data_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: Setting) -> None:
    from joryu.errors import InputError

    monkeypatch.setenv("JORYU_DATA", str(tmp_path))
    with pytest.raises(InputError, match="tiny_imagenet"):
        cloned_parts(replace(setting, smoke=False))
    with pytest.raises(InputError, match="mobilenet"):
        cloned_api.network_behind(replace(setting, smoke=False))


@pytest.mark.slow
def test_the_network_behind_the_real_api(in_real_data, setting: Setting) -> None:
    in_real_data("tflite_imagenet")
    in_real_data("tiny_imagenet")
    few = load_examples("tiny_imagenet", split="validation", size=64).select(torch.arange(12))
    real = replace(setting, smoke=False, shared=setting.shared.with_name("real"))
    truth = untruncated(real, cloned_api.unlabelled(few))
    assert truth.probs.shape == (12, 1001) and truth.names[0] == "background"
    lesson = api_answers(real, ask(real, cloned_api.unlabelled(few)), cloned_api.unlabelled(few), "few")
    said = lesson.store.gather(lesson.store.rows(few.ids, 0))
    best = [lesson.examples.classes[at] for at in said.indices[:, 0].tolist()]
    same = sum(name == truth.names[at] for name, at in zip(best, truth.probs.argmax(1).tolist(), strict=True))
    assert same >= 9, "what was returned is the rounded form of what judges"
