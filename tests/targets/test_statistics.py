"""Statistics of a store's answers, against numbers computed by hand."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.examples import Ids
from joryu.questions import PICTURE, Question
from joryu.targets import Encoding, Manifest, SoftTargets, Space, Store, StoreWriter
from joryu.targets import statistics as statistics_module
from joryu.targets.calibration import expected_calibration_error, reliability_of
from joryu.targets.correctness import class_correctness
from joryu.targets.statistics import gather_statistics

LN2 = math.log(2)
Fill = Callable[[SoftTargets], Store]


@pytest.fixture
def fill(tmp_path: Path, make_manifest: Callable[..., Manifest], make_ids: Callable[..., Ids]) -> Fill:
    def filled(answers: SoftTargets) -> Store:
        manifest = make_manifest(question=answers.question, encoding=Encoding(dtype="float32"))
        with StoreWriter(tmp_path, manifest) as writer:
            writer.add(make_ids(len(answers)), np.zeros(len(answers), dtype=np.uint64), answers)
        return Store.open(tmp_path)

    return filled


def probs(*rows: list[float]) -> SoftTargets:
    return SoftTargets(values=torch.tensor(rows), space=Space.PROBS, question=Question.one_of(len(rows[0])))


@pytest.mark.parametrize("chunk", [1, 4096])
def test_entropy_and_information_by_hand(fill: Fill, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(statistics_module, "CHUNK", chunk)
    store = fill(probs([0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]))
    statistics = gather_statistics(store, torch.arange(4), temperature=1.0)
    assert statistics.mean_entropy == pytest.approx(LN2 / 2)  # half the rows are certain, half know nothing
    assert statistics.normalised_entropy == pytest.approx(0.5)
    assert statistics.information == pytest.approx(LN2 / 2)  # H(mean) = ln 2, minus ln 2 / 2
    assert statistics.hard_share == 0.5
    assert statistics.mean_probs == pytest.approx((0.5, 0.5))
    assert sum(statistics.top_counts) == 4


def test_the_temperature_softens_two_of_the_numbers_and_no_other(fill: Fill) -> None:
    store = fill(
        SoftTargets(values=torch.tensor([[math.log(9.0), 0.0]]), space=Space.LOGITS, question=Question.one_of(2))
    )
    cold, warm = (gather_statistics(store, torch.arange(1), temperature=t) for t in (1.0, 2.0))
    assert cold.softened_top == pytest.approx(0.9)
    assert warm.softened_top == pytest.approx(0.75)  # sqrt(9) : 1
    assert warm.softened_normalised_entropy == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / LN2)
    assert (warm.mean_entropy, warm.information) == (cold.mean_entropy, cold.information)


def test_answers_already_softened_are_judged_as_they_were_raw(fill: Fill) -> None:
    store = fill(
        SoftTargets(
            values=torch.tensor([[math.log(3.0), 0.0]]),
            space=Space.LOGITS,
            question=Question.one_of(2),
            temperature=2.0,
        )
    )
    assert gather_statistics(store, torch.arange(1), temperature=1.0).softened_top == pytest.approx(0.9)


def test_tags_have_an_entropy_each(fill: Fill) -> None:
    scores = SoftTargets(values=torch.tensor([[0.5, 0.999999]]), space=Space.PROBS, question=Question.tags(2))
    statistics = gather_statistics(fill(scores), torch.arange(1), temperature=1.0)
    assert statistics.mean_entropy == pytest.approx(LN2, abs=1e-4)
    assert statistics.normalised_entropy == pytest.approx(0.5, abs=1e-4)  # of 2 ln 2


def test_members_are_averaged(fill: Fill) -> None:
    store = fill(
        SoftTargets(
            values=torch.tensor([[[1.0, 0.0], [0.5, 0.5]]]),
            space=Space.PROBS,
            question=Question.one_of(2),
            members=True,
        )
    )
    assert gather_statistics(store, torch.arange(1), temperature=1.0).mean_probs == pytest.approx((0.75, 0.25))


def test_members_that_each_name_one_class_are_hard_only_where_they_agree(fill: Fill) -> None:
    agree, differ = [[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]
    store = fill(
        SoftTargets(values=torch.tensor([agree, differ]), space=Space.PROBS, question=Question.one_of(2), members=True)
    )
    assert gather_statistics(store, torch.arange(2), temperature=1.0).hard_share == 0.5


def test_pixels_are_answers_of_their_own(fill: Fill) -> None:
    values = torch.tensor([[[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]]])
    store = fill(SoftTargets(values=values, space=Space.PROBS, question=Question.one_of(2, grid=PICTURE)))
    assert gather_statistics(store, torch.arange(1), temperature=1.0).mean_entropy == pytest.approx(LN2 / 3)


def test_agreement_by_hand(fill: Fill) -> None:
    store = fill(probs([0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.4, 0.6]))
    agreement = class_correctness(store, torch.arange(4), torch.tensor([0, 0, 1, 1]))
    assert agreement.accuracy == 0.75
    assert agreement.kappa == pytest.approx(0.5)  # chance: 3/4 · 1/2 + 1/4 · 1/2 = 1/2
    # confidence 0.8, right in 2 of 3; confidence 0.6, right in 1 of 1
    assert agreement.calibration_error == pytest.approx(0.75 * (0.8 - 2 / 3) + 0.25 * 0.4)


def test_where_everything_has_one_name_nobody_disagrees(fill: Fill) -> None:
    store = fill(probs([0.8, 0.2], [0.7, 0.3]))
    agreement = class_correctness(store, torch.arange(2), torch.tensor([0, 0]))
    assert (agreement.accuracy, agreement.kappa) == (1.0, 1.0)  # chance could do no worse, as among annotators


def test_calibration_is_zero_when_confidence_is_accuracy() -> None:
    confidence = torch.tensor([0.75] * 4 + [1.0] * 2)
    hits = torch.tensor([True, True, True, False, True, True])
    assert expected_calibration_error(reliability_of(confidence, hits)) == pytest.approx(0, abs=1e-7)
