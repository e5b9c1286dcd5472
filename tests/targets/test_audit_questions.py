"""The audit on teachers of tags, numbers and pixels: dead ones are found, good ones have nothing against them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, r2_score
from torch import Tensor

from joryu.examples import Examples
from joryu.questions import LabelKind, Question
from joryu.targets import Audit, Manifest, Severity, SoftTargets, Space, Store, StoreWriter, audit
from joryu.targets.audit import glance
from joryu.targets.correctness import PixelCorrectness, TagCorrectness
from joryu.targets.manifest import ExamplesRecord
from joryu.targets.numbers import NumberAgreement, NumberStatistics
from joryu.targets.shards import write_shard

N = 200
TAGS = Question.tags(["red", "round", "wet"])
NUMBERS = Question.numbers(["weight", "height"])
MASKS = Question.tags(["leaf", "stem"], grid=("height", "width"))
AREAS = Question.one_of(["sky", "sea", "land"], grid=("height", "width"))

Put = Callable[..., tuple[Store, Examples]]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def put(tmp_path: Path, make_manifest: Callable[..., Manifest]) -> Put:
    """A store of these answers, and examples with these labels."""

    def stored(
        question: Question, values: Tensor, labels: Tensor | None = None, **parts: Any
    ) -> tuple[Store, Examples]:
        inputs = torch.arange(len(values), dtype=torch.float32)[:, None]
        examples = Examples.of(inputs, labels, question=question)
        record = ExamplesRecord(fingerprint=examples.fingerprint, name="made up", count=len(values))
        space = Space.LOGITS if question.link.has_probs else Space.NUMBERS
        answers = SoftTargets(values=values, space=space, question=question.answer, **parts)
        with StoreWriter(tmp_path, make_manifest(question=question.answer, examples=record)) as writer:
            writer.add(examples.ids, np.zeros(len(values), dtype=np.uint64), answers)
        return Store.open(tmp_path), examples

    return stored


def codes(report: Audit, severity: Severity | None = None) -> list[str]:
    return [finding.code for finding in report.findings if severity in (None, finding.severity)]


def said(report: Audit, code: str) -> str:
    return next(f"{finding.message}; {finding.hint}" for finding in report.findings if finding.code == code)


# --- tags -----------------------------------------------------------------------------------------------------------


def tagged(quality: float, rare: float = 0.3) -> tuple[Tensor, Tensor]:
    """Logits, and the tags they were drawn around."""
    labels = (torch.rand(N, 3, generator=torch.Generator().manual_seed(1)) < rare).to(torch.int8)
    return quality * (2.0 * labels - 1) + drawn(N, 3), labels


def test_tags_are_judged_by_their_ranking(put: Put) -> None:
    values, labels = tagged(2.0)
    labels[:50, 1] = -1
    report = audit(*put(TAGS, values, labels))
    assert codes(report) == [] and isinstance(report.agreement, TagCorrectness)
    known = [labels[:, at] >= 0 for at in range(3)]
    kept = values.half().float()  # as they are stored
    expected = np.mean([average_precision_score(labels[k, at], kept[k, at]) for at, k in enumerate(known)])
    assert report.agreement.macro_ap == pytest.approx(expected, abs=1e-6)
    assert (report.agreement.tags, report.agreement.labelled) == (3, N)
    assert report.agreement.by_chance == pytest.approx(0.32, abs=0.06)
    assert "macro average precision" in report.agreement.words()


@pytest.mark.parametrize("rare", [0.3, 0.02])  # a rare tag ranks well above its share by chance alone
def test_tags_that_have_nothing_to_do_with_the_labels_are_fatal(put: Put, rare: float) -> None:
    values, labels = tagged(0.0, rare)
    store, examples = put(TAGS, values - 1.0, labels)
    report = audit(store, examples)
    if rare == 0.3:
        assert codes(report, Severity.FATAL) == ["disagrees"] and "by chance" in said(report, "disagrees")
    assert isinstance(report.agreement, TagCorrectness)
    assert report.agreement.macro_ap == pytest.approx(report.agreement.by_chance, abs=0.06)
    few = replace(examples, labels=torch.where(torch.arange(N)[:, None] < 90, labels, -1))
    assert not audit(store, few).fatal  # too few to conclude from
    assert audit(store, examples.hide_labels(torch.arange(N))).agreement is None


def test_a_tag_that_is_never_said_is_named(put: Put) -> None:
    values, labels = tagged(2.0)
    values[:, 2] = -30.0
    report = audit(*put(TAGS, values, labels))
    assert "1 of 3 tags is never the answer and has hardly any probability: wet" in said(report, "dead-classes")
    assert report.statistics is not None
    assert "at T = 2 the likeliest tag has" in report.statistics.words(2.0, TAGS)
    assert "the likeliest class has" in report.statistics.words(2.0, AREAS)


# --- numbers --------------------------------------------------------------------------------------------------------


def measured(error: float) -> tuple[Tensor, Tensor]:
    labels = torch.stack([150 + 70 * drawn(N), 1.7 + 0.1 * drawn(N, seed=1)], dim=1)
    return labels + error * torch.tensor([70.0, 0.1]) * drawn(N, 2, seed=2), labels


def test_numbers_that_fit_their_labels(put: Put) -> None:
    values, labels = measured(0.3)
    store, examples = put(NUMBERS, values, labels, variance=torch.tensor([21.0, 0.03]).square().expand(N, 2).clone())
    report = audit(store, examples)
    assert codes(report) == [] and isinstance(report.agreement, NumberAgreement)
    for at, output in enumerate(report.agreement.outputs):
        assert output.r2 == pytest.approx(r2_score(labels[:, at], values[:, at]), abs=1e-4)
    assert report.agreement.coverage == pytest.approx(0.9, abs=0.05)
    assert isinstance(report.statistics, NumberStatistics) and report.statistics.means[0] == pytest.approx(150, abs=15)
    assert "R² 0.9" in report.agreement.words() and "within the 90 % interval" in report.agreement.words()
    assert json.loads(json.dumps(report.to_json()))["agreement"]["outputs"][0]["name"] == "weight"
    assert glance(store, examples) == ([], report.agreement)


def test_numbers_that_are_always_the_same_are_fatal(put: Put) -> None:
    _, labels = measured(0.0)
    report = audit(*put(NUMBERS, torch.tensor([150.0, 1.7]).expand(N, 2).clone(), labels))
    assert codes(report, Severity.FATAL) == ["constant"]
    assert "the same whatever it is shown: 150; look at" in said(report, "constant")


def test_one_number_that_is_always_the_same_is_named(put: Put) -> None:
    values, labels = measured(0.3)
    values[:, 1] = 1.7
    report = audit(*put(NUMBERS, values, labels))
    assert not report.fatal and "1 of 2 outputs never change: height" in said(report, "constant-outputs")


def test_numbers_in_another_unit_are_named(put: Put) -> None:
    values, labels = measured(0.3)
    standardised = (values - values.mean(0)) / values.std(0)
    report = audit(*put(NUMBERS, standardised, labels))
    assert codes(report, Severity.FATAL) == ["another-unit"]
    message = said(report, "another-unit")
    assert "weight goes with the labels (correlation 0.9" in message and "standardised?" in message


def test_one_number_in_another_unit_is_a_warning(put: Put) -> None:
    values, labels = measured(0.3)
    half = torch.stack([values[:, 0], 100 * values[:, 1]], dim=1)  # in centimetres
    report = audit(*put(NUMBERS, half, labels))
    assert not report.fatal and codes(report, Severity.WARNING) == ["another-unit"]
    assert "height goes with" in said(report, "another-unit")


def test_numbers_without_anything_in_common_with_their_labels_are_fatal(put: Put) -> None:
    values, labels = measured(0.3)
    store, examples = put(NUMBERS, values.flip(0), labels)
    report = audit(store, examples)
    assert codes(report, Severity.FATAL) == ["disagrees"]
    assert "of weight; R²" in said(report, "disagrees")
    with_few = replace(examples, labels=torch.where(torch.arange(N)[:, None] < 90, labels, torch.nan))
    assert not audit(store, with_few).fatal


def test_numbers_worse_than_the_mean_are_warned_of(put: Put) -> None:
    values, labels = measured(3.0)
    report = audit(*put(NUMBERS, values, labels))
    assert not report.fatal and codes(report) == ["worse-than-the-mean"]


def test_variances_that_are_far_too_small_get_a_note(put: Put) -> None:
    values, labels = measured(0.3)
    report = audit(*put(NUMBERS, values, labels, variance=torch.full((N, 2), 1e-6)))
    assert codes(report) == ["miscalibrated"]


def test_numbers_and_variances_that_are_not_finite_are_fatal(put: Put) -> None:
    values, labels = measured(0.3)
    store, examples = put(NUMBERS, values, labels, variance=torch.ones(N, 2))
    for name, bad in (("values", np.nan), ("variance", 0.0)):
        broken = {column: part.copy() for column, part in store.shards[0].columns.items()}
        broken[name][7] = bad
        write_shard(store.path, store.shards[0].span, broken)
        assert codes(audit(Store.open(store.path), examples), Severity.FATAL) == ["not-finite"]


# --- pixels ---------------------------------------------------------------------------------------------------------


def masks(question: Question, quality: float, n: int = 40) -> tuple[Tensor, Tensor]:
    """Logits of 6 × 5 pixels, and the masks they were drawn around."""
    c = len(question)
    if question is AREAS:
        labels = torch.randint(0, c, (n, 6, 5), generator=torch.Generator().manual_seed(1))
        hot = torch.nn.functional.one_hot(labels, c).float()
        labels[0, 0] = -1
    else:
        hot = (torch.rand(n, 6, 5, c, generator=torch.Generator().manual_seed(1)) < 0.3).float()
        labels = hot.to(torch.int8)
        labels[0, 0] = -1
    return quality * (2 * hot - 1) + drawn(n, 6, 5, c), labels


@pytest.mark.parametrize("question", [MASKS, AREAS])
def test_masks_are_judged_by_what_they_cover(put: Put, question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["joryu.targets.statistics"], "CELLS", 300)  # a few masks at a time
    values, labels = masks(question, 2.0)
    store, examples = put(question, values, labels)
    report = audit(store, examples, temperature=2.0)
    assert codes(report) == [] and isinstance(report.agreement, PixelCorrectness)
    values = store.gather(store.rows(examples.ids, 0)).values  # in one byte what is nearly 0 is 0
    known = labels != -1
    if question is AREAS:
        best = values.argmax(-1)
        pairs = [(best == c, labels == c) for c in range(3)]
    else:
        pairs = [(values[..., c] > 0, labels[..., c] == 1) for c in range(2)]
        known = known[..., 0]
    iou = np.mean([float((a & b & known).sum() / ((a | b) & known).sum()) for a, b in pairs])
    assert report.agreement.mean_iou == pytest.approx(iou)
    assert 0.6 < report.agreement.kappa < 1 and report.agreement.labelled == 40


def test_a_share_of_one_half_is_not_known_and_an_answer_of_one_half_holds_nothing(put: Put) -> None:
    """As the evaluation and the drawn masks have it: an audit must not count otherwise than a report."""
    logits, labels = torch.full((2, 1, 4, 1), 8.0), torch.ones(2, 1, 4, 1)
    logits[1] = -8.0
    labels[1] = 0.0
    labels[:, 0, 0] = 0.5  # half a pixel: whatever is said of it counts for nothing
    logits[0, 0, 1] = 0.0
    found = audit(*put(Question.tags(["leaf"], grid=("height", "width")), logits, labels)).agreement
    assert isinstance(found, PixelCorrectness)
    assert found.mean_iou == pytest.approx(2 / 3)


@pytest.mark.parametrize("question", [MASKS, AREAS])
def test_a_mask_that_never_changes_is_fatal(put: Put, question: Question) -> None:
    values, labels = masks(question, 2.0)
    report = audit(*put(question, values[:1].expand(40, -1, -1, -1).clone(), labels))
    assert "constant" in codes(report, Severity.FATAL)  # though within the mask the answers differ
    assert "the same whatever it is shown" in said(report, "constant")


@pytest.mark.parametrize("question", [MASKS, AREAS])
def test_masks_of_other_pictures_are_fatal(put: Put, question: Question) -> None:
    values, labels = masks(question, 2.0, 400)
    report = audit(*put(question, values.roll(1, 0), labels))
    assert codes(report, Severity.FATAL) == ["disagrees"]
    assert "check that masks and pictures belong together" in said(report, "disagrees")


def test_masks_of_another_size_are_not_compared(put: Put) -> None:
    values, labels = masks(MASKS, 2.0)
    store, examples = put(MASKS, values, labels)
    report = audit(store, replace(examples, labels=labels[:, :4]))
    assert report.agreement is None and "--size" in said(report, "other-shape")


# --- labels of other kinds -----------------------------------------------------------------------------------------


def test_graded_labels_are_compared_by_their_best_class(put: Put) -> None:
    labels = torch.nn.functional.one_hot(torch.arange(N) % 3, 3).float() * 0.6 + 0.4 / 3
    question = replace(Question.one_of("abc"), labels=LabelKind.DISTRIBUTION)
    report = audit(*put(question, 3 * labels + 0.1 * drawn(N, 3), labels), temperature=0.5)
    assert report.agreement is not None and report.agreement.score == 1.0 and report.agreement.labelled == N


def test_labels_of_another_question_are_not_compared(put: Put) -> None:
    values, labels = tagged(2.0)
    store, examples = put(TAGS, values, labels)
    others = replace(examples, question=Question.one_of(TAGS.names), labels=torch.zeros(N, dtype=torch.int64))
    report = audit(store, others)
    assert report.agreement is None and codes(report) == ["other-classes"]
