"""The audit on teachers that are dead, hard, confused, and good."""

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from joryu.errors import DeadTeacherError, InputError
from joryu.examples import UNLABELLED, Examples
from joryu.questions import Question
from joryu.targets import Audit, Manifest, Severity, SoftTargets, Space, Store, StoreWriter, audit
from joryu.targets.manifest import ExamplesRecord
from joryu.targets.shards import write_shard

audit_module = sys.modules["joryu.targets.audit"]  # the package exports the function under the same name

N, C = 400, 10
Label = Callable[..., Store]


@pytest.fixture(scope="module")
def digits(first_digits: Callable[[int], Examples]) -> Examples:
    return first_digits(N)


@pytest.fixture(scope="module")
def good(digits: Examples) -> torch.Tensor:
    """Logits of a classifier that has learned the digits."""
    flat = digits.inputs.flatten(1).numpy() / 16
    assert digits.labels is not None
    model = LogisticRegression(C=30.0, max_iter=500).fit(flat, digits.labels.numpy())
    return torch.from_numpy(model.decision_function(flat)).float()


@pytest.fixture
def label(tmp_path: Path, make_manifest: Callable[..., Manifest], digits: Examples) -> Label:
    def labelled(values: torch.Tensor, *, keep: int = N, **parts: object) -> Store:
        fields = {"space": Space.LOGITS, "question": digits.question} | parts
        record = ExamplesRecord(fingerprint=digits.fingerprint, name="digits", count=N)
        with StoreWriter(tmp_path, make_manifest(question=fields["question"], examples=record)) as writer:
            writer.add(digits.ids[:keep], np.zeros(keep, dtype=np.uint64), SoftTargets(values=values[:keep], **fields))
        return Store.open(tmp_path)

    return labelled


def named(store: Store, spec: str) -> Store:
    """The store as if another teacher had answered."""
    teacher = store.manifest.teacher.model_copy(update={"spec": spec})
    store.manifest = store.manifest.model_copy(update={"teacher": teacher})
    return store


def codes(report: Audit, severity: Severity | None = None) -> list[str]:
    return [finding.code for finding in report.findings if severity in (None, finding.severity)]


def test_a_good_teacher_has_nothing_against_it(label: Label, good: torch.Tensor, digits: Examples) -> None:
    report = audit(label(good), digits, temperature=2.0)
    assert codes(report) == [] and not report.fatal
    assert report.agreement is not None and report.statistics is not None
    assert report.agreement.accuracy > 0.98 and report.agreement.labelled == N
    assert report.statistics.information > 1.5
    assert (report.answered, report.missing, report.duplicates, report.failures) == (N, 0, 0, 0)
    report.refuse_if_fatal()


def test_a_good_teacher_needs_no_labels_and_no_examples(label: Label, good: torch.Tensor, digits: Examples) -> None:
    store = label(good)
    assert codes(audit(store)) == []
    hidden = digits.hide_labels(torch.arange(N))
    assert audit(store, hidden).agreement is None
    few = audit(store, replace(digits, labels=torch.where(torch.arange(N) < 30, digits.labels, UNLABELLED)))
    assert few.agreement is not None and few.agreement.labelled == 30


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_uniform_teacher_is_dead(label: Label, digits: Examples, noise: float) -> None:
    values = noise * torch.randn(N, C, generator=torch.Generator().manual_seed(0))
    report = audit(label(values), digits)
    assert report.fatal and "uniform" in codes(report, Severity.FATAL)
    with pytest.raises(DeadTeacherError, match=r"uniform.*--allow-dead-teacher"):
        report.refuse_if_fatal()


@pytest.mark.parametrize("gap", [0.5, 3.0, 12.0, 60.0])
def test_a_teacher_with_one_answer_is_dead_however_sure_it_is(label: Label, digits: Examples, gap: float) -> None:
    values = 0.01 * torch.randn(N, C, generator=torch.Generator().manual_seed(0))
    values[:, 3] += gap
    report = audit(label(values), digits.hide_labels(torch.arange(N)))
    assert codes(report, Severity.FATAL) == ["constant"]
    with pytest.raises(DeadTeacherError, match=r"same whatever it is shown.*'3'.*--allow-dead-teacher"):
        report.refuse_if_fatal()


def test_a_perfect_teacher_of_a_rare_class_is_alive(label: Label, digits: Examples) -> None:
    values = torch.zeros(N, C)
    values[:, 0] = 20.0
    values[0, 1] = 40.0  # one example in four hundred
    report = audit(label(values), digits.hide_labels(torch.arange(N)))
    assert not report.fatal
    assert report.statistics is not None
    p = 1 / N
    expected = -(p * math.log(p) + (1 - p) * math.log(1 - p))
    assert report.statistics.information == pytest.approx(expected, rel=1e-3)
    assert {"dead-classes", "near-one-hot"} <= set(codes(report, Severity.WARNING))


def test_classes_in_another_order_are_fatal_where_labels_show_it(
    label: Label, good: torch.Tensor, digits: Examples
) -> None:
    store = label(good.roll(1, dims=1))
    report = audit(store, digits)
    assert codes(report, Severity.FATAL) == ["exchanged"]
    assert report.agreement is not None and report.agreement.kappa < 0
    assert report.teacher_order == (*"9012345678",)
    with pytest.raises(DeadTeacherError, match=r"'0' is answered '1' \(4. of 4. .*--classes 9,0,1,2,3,4,5,6,7"):
        report.refuse_if_fatal()
    few = replace(digits, labels=torch.where(torch.arange(N) < 20, digits.labels, UNLABELLED))
    assert not audit(store, few).fatal  # too few to conclude from


def test_half_of_the_classes_in_another_order_too(label: Label, good: torch.Tensor, digits: Examples) -> None:
    order = [0, 1, 2, 3, 4, 9, 5, 6, 7, 8]
    report = audit(label(good[:, order]), digits)
    assert codes(report, Severity.FATAL) == ["exchanged"]
    assert report.agreement is not None and report.agreement.accuracy > 0.45  # far from chance: half of it is right
    assert report.teacher_order == tuple(str(at) for at in order)
    assert json.loads(json.dumps(report.to_json()))["teacher_order"] == [str(at) for at in order]


def test_answers_without_any_order_disagree(label: Label, good: torch.Tensor, digits: Examples) -> None:
    shuffled = good[torch.randperm(N, generator=torch.Generator().manual_seed(0))]
    report = audit(named(label(shuffled), "module:pkg.mod:factory"), digits)
    assert codes(report, Severity.FATAL) == ["disagrees"]
    assert "(it is shown uint8 [B, 1, 8, 8], values 0 to 255, and must scale them itself)" in report.findings[0].hint


@pytest.mark.parametrize(
    ("spec", "says"), [("run:teacher", "joryu evaluate"), ("human:hands", "who answered"), ("timm:resnet18", "weights")]
)
def test_who_scales_pictures_alone_is_told_what_it_is_shown(
    label: Label, good: torch.Tensor, digits: Examples, spec: str, says: str
) -> None:
    store = label(good[torch.randperm(N, generator=torch.Generator().manual_seed(0))])
    hint = audit(named(store, spec), digits).findings[0].hint
    assert says in hint and "is shown" not in hint


@pytest.mark.parametrize("encoding", [torch.float16, torch.float32])
def test_probabilities_taken_for_logits_are_fatal(
    label: Label, good: torch.Tensor, digits: Examples, encoding: torch.dtype
) -> None:
    report = audit(label(good.softmax(-1).to(encoding)), digits)
    assert "probabilities-as-logits" in codes(report, Severity.FATAL)
    with pytest.raises(DeadTeacherError, match=r"these logits are probabilities.*,output=probs"):
        report.refuse_if_fatal()


@pytest.mark.parametrize("encoding", [torch.float16, torch.float32])
def test_percentages_taken_for_logits_are_fatal(
    label: Label, good: torch.Tensor, digits: Examples, encoding: torch.dtype
) -> None:
    report = audit(label((100 * good.softmax(-1)).to(encoding)), digits)
    assert codes(report, Severity.FATAL) == ["percentages-as-logits"]
    with pytest.raises(DeadTeacherError, match=r"percentages.*divide them by 100.*,output=probs"):
        report.refuse_if_fatal()


def test_percentages_among_probabilities_are_neither(label: Label, good: torch.Tensor, digits: Examples) -> None:
    mixed = torch.cat([100 * good[:200].softmax(-1), good[200:].softmax(-1)])
    assert codes(audit(label(mixed), digits), Severity.FATAL) == []


@pytest.mark.parametrize("values", ["softmax", "sigmoid"])
def test_nothing_is_said_of_the_calibration_of_what_is_no_logits(
    label: Label, good: torch.Tensor, digits: Examples, values: str
) -> None:
    report = audit(label(good.softmax(-1) if values == "softmax" else good.sigmoid()), digits)
    assert report.agreement is not None and report.agreement.calibration_error > 0.1
    assert "miscalibrated" not in codes(report)


def test_a_known_order_is_mended_and_not_overridden(label: Label, good: torch.Tensor, digits: Examples) -> None:
    assert "--allow-dead-teacher" not in audit(label(good.roll(1, dims=1)), digits).findings[0].hint


def test_probabilities_that_are_called_so_are_fine(label: Label, good: torch.Tensor, digits: Examples) -> None:
    assert codes(audit(label(good.softmax(-1), space=Space.PROBS), digits, temperature=2.0)) == []


def test_log_probabilities_are_logits(label: Label, good: torch.Tensor, digits: Examples) -> None:
    assert codes(audit(label(good.log_softmax(-1)), digits, temperature=2.0)) == []


@pytest.mark.parametrize("ask", [Question.one_of, Question.tags])
def test_what_comes_out_of_a_sigmoid_is_warned_of(
    label: Label, good: torch.Tensor, digits: Examples, ask: Callable[..., Question]
) -> None:
    assert "sigmoids-as-logits" in codes(
        audit(label(good.sigmoid(), question=ask(digits.classes)), digits), Severity.WARNING
    )


def test_temperature_decides_what_is_near_one_hot_and_near_uniform(
    label: Label, good: torch.Tensor, digits: Examples
) -> None:
    store = label(20 * good)
    assert codes(audit(store, digits, temperature=1.0)) == ["near-one-hot"]
    assert codes(audit(store, digits, temperature=40.0)) == []
    assert codes(audit(store, digits, temperature=20000.0)) == ["near-uniform"]


def test_hard_answers_are_told_from_confident_ones(label: Label, digits: Examples) -> None:
    assert digits.labels is not None
    store = label(torch.nn.functional.one_hot(digits.labels, C).float(), space=Space.PROBS)
    report = audit(store, digits, temperature=20.0)
    assert codes(report) == ["hard-answers"]


def test_a_class_never_named_is_told_by_name(label: Label, good: torch.Tensor, digits: Examples) -> None:
    values = good.clone()
    values[:, [4, 7]] = -60
    report = audit(label(values), digits)
    (finding,) = (finding for finding in report.findings if finding.code == "dead-classes")
    assert (
        finding.severity is Severity.WARNING
        and "2 of 10 classes are never the answer and have hardly any probability: 4, 7" in finding.message
    )


def test_one_class_on_top_but_alive_is_a_warning(label: Label, good: torch.Tensor, digits: Examples) -> None:
    values = good - good.amax(1, keepdim=True)
    values[:, 0] = 1.0
    assert "one-class" in codes(audit(label(values), digits.hide_labels(torch.arange(N))), Severity.WARNING)


def test_an_overconfident_teacher_gets_a_note(label: Label, digits: Examples) -> None:
    generator = torch.Generator().manual_seed(0)
    assert digits.labels is not None
    wrong = torch.rand(N, generator=generator) < 0.4
    shown = torch.where(wrong, (digits.labels + 1) % C, digits.labels)
    report = audit(label(8.0 * torch.nn.functional.one_hot(shown, C)), digits, temperature=4.0)
    assert codes(report) == ["miscalibrated"]
    assert report.agreement is not None and report.agreement.calibration_error == pytest.approx(0.4, abs=0.06)


def test_missing_answers_warn_and_no_answer_is_fatal(label: Label, good: torch.Tensor, digits: Examples) -> None:
    store = label(good, keep=300)
    for examples in (digits, None):
        report = audit(store, examples)
        assert report.missing == 100 and codes(report, Severity.WARNING) == ["missing"]
    others = Examples.of(digits.inputs + 1, digits.labels, classes=digits.classes)
    report = audit(store, others)
    assert "no-answers" in codes(report, Severity.FATAL)
    with pytest.raises(DeadTeacherError, match="none of 400"):
        report.refuse_if_fatal()


def test_copies_duplicates_and_failures_are_counted(
    label: Label, good: torch.Tensor, digits: Examples, tmp_path: Path
) -> None:
    store = label(good, keep=398)
    with StoreWriter(tmp_path, store.manifest) as writer:
        again = SoftTargets(values=good[:5], space=Space.LOGITS, question=Question.one_of(C))
        writer.add(digits.ids[:5], np.zeros(5, dtype=np.uint64), again)
        writer.fail(digits.ids[398:], np.zeros(2, dtype=np.uint64), {0: "timeout", 1: "timeout"})
    doubled = digits.select([*range(N), 0, 1, 2])
    report = audit(Store.open(tmp_path), doubled)
    assert (report.duplicates, report.failures, report.missing) == (5, 2, 2)
    assert codes(report, Severity.WARNING) == ["missing", "failures"]
    assert codes(report, Severity.NOTE) == ["copies", "duplicates"]
    assert "failed on 2; most often (2): timeout" in " ".join(finding.message for finding in report.findings)


def test_answers_that_are_not_finite_are_fatal(label: Label, good: torch.Tensor, digits: Examples) -> None:
    """The writer never stores one, so this is a store from elsewhere, with a checksum of its own."""
    store = label(good)
    broken = store.shards[0].columns["values"].copy()
    broken[7, 2] = np.nan
    write_shard(store.path, store.shards[0].span, dict(store.shards[0].columns, values=broken))
    report = audit(Store.open(store.path), digits)
    assert codes(report, Severity.FATAL) == ["not-finite"]
    assert report.statistics is None and report.agreement is None
    assert "1 answers are not finite" in report.findings[0].message


def test_a_shard_that_has_changed_since_is_refused(label: Label, good: torch.Tensor, digits: Examples) -> None:
    store = label(good)
    shard = store.shards[0]
    content = bytearray(shard.path.read_bytes())
    content[content.find(shard.columns["id"].tobytes())] ^= 1
    shard.path.write_bytes(content)
    with pytest.raises(InputError, match=f"{shard.path.name} is damaged"):
        audit(Store.open(store.path), digits)


def test_labels_about_other_classes_are_not_compared(label: Label, good: torch.Tensor, digits: Examples) -> None:
    report = audit(label(good), replace(digits, question=Question.one_of("abcdefghij")))
    assert report.agreement is None and codes(report) == ["other-classes"]


def test_views_are_counted_as_missing_too(
    tmp_path: Path, make_manifest: Callable[..., Manifest], good: torch.Tensor, digits: Examples
) -> None:
    manifest = make_manifest(question=digits.question, views="shift:1", n_views=2)
    with StoreWriter(tmp_path, manifest) as writer:
        for view in (0, 2):
            answers = SoftTargets(values=good, space=Space.LOGITS, question=Question.one_of(C))
            writer.add(digits.ids, np.full(N, view, dtype=np.uint64), answers)
    report = audit(Store.open(tmp_path), digits)
    assert report.missing == N
    assert report.statistics is not None and report.statistics.rows == N  # view 2 is not judged


def test_of_a_large_store_some_are_looked_at(
    label: Label, good: torch.Tensor, digits: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "ENOUGH_ROWS", 150)
    report = audit(label(good), digits, temperature=2.0)
    assert report.statistics is not None and report.agreement is not None
    assert (report.statistics.rows, report.agreement.labelled, report.answered) == (150, 150, N)
    assert codes(report) == [] and report.agreement.accuracy > 0.95


def test_it_can_be_written_as_json(label: Label, good: torch.Tensor, digits: Examples) -> None:
    written = json.loads(json.dumps(audit(label(good, keep=300), digits).to_json()))
    assert written["fatal"] is False and written["missing"] == 100
    assert written["findings"][0]["severity"] == "warning" and written["findings"][0]["code"] == "missing"
    assert written["agreement"]["labelled"] == 300


@pytest.mark.parametrize("temperature", [0.0, -4.0, math.nan, math.inf])
def test_a_temperature_that_is_none_is_refused(
    label: Label, good: torch.Tensor, digits: Examples, temperature: float
) -> None:
    with pytest.raises(InputError, match="temperature is not usable"):
        audit(label(good), digits, temperature=temperature)


def test_a_store_without_answers_has_none_and_no_flag_mends_that(
    tmp_path: Path, make_manifest: Callable[..., Manifest]
) -> None:
    StoreWriter(tmp_path, make_manifest()).close()
    report = audit(Store.open(tmp_path))
    assert codes(report, Severity.FATAL) == ["no-answers"]
    with pytest.raises(DeadTeacherError) as refused:
        report.refuse_if_fatal()
    assert "--allow-dead-teacher" not in str(refused.value)
