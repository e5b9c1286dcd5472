"""What `leaf-phone` trains on what, and the numbers it writes down, from cases worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from smoke import play_small

from joryu.evaluation import predict_logits
from joryu.experiments.experiment import Measured, Setting
from joryu.experiments.leaf_phone import EXPERIMENT, LABELLED, N_VIEWS, against_twin, draw, measure, quality, teach_all
from joryu.experiments.leaves import leaf_parts
from joryu.students import load_student
from joryu.targets import Store
from joryu.training import read_run
from joryu.training.run import Watch

LABELS = torch.tensor([0, 1, 1, 0, 1])
pytestmark = pytest.mark.slow


def answers(*classes: int) -> torch.Tensor:
    return torch.eye(2)[list(classes)] * 2


def test_quality_by_hand() -> None:
    found = quality("twin", answers(0, 1, 1, 0, 0), LABELS, ["healthy", "scab"])
    sure = math.log(1 + math.exp(-2))
    assert found["twin_accuracy"] == pytest.approx(80)
    assert found["twin_errors"] == 1
    assert found["twin_accuracy_by_class"] == {"healthy": 100, "scab": pytest.approx(66.67)}
    assert found["twin_nll"] == pytest.approx((4 * sure + (2 + sure)) / 5, abs=1e-6)
    assert found["twin_ece"] == pytest.approx(abs(math.exp(-sure) - 0.8), abs=1e-6)


def test_errors_are_compared_picture_by_picture() -> None:
    found = against_twin(answers(0, 1, 1, 0, 0), answers(1, 0, 0, 0, 1), LABELS)
    assert found["removed"] == 2  # three errors of the twin's, one of the student's, none in common
    assert found["p_value"] == pytest.approx(2 * (1 + 4) / 16)
    assert found["removed_low"] < 2 < found["removed_high"]


@contextmanager
def unwatched(_: str) -> Iterator[Watch | None]:
    yield None


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """The seed that `test_smoke` runs: its trainings serve all tests of this file."""
    folder = tmp_path_factory.mktemp("experiments")
    return Setting(
        seed=0, smoke=True, folder=folder / "leaf-phone" / "seed-0", shared=folder / "shared-smoke", watching=unwatched
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def measured(setting: Setting) -> Measured:
    return measure(setting)


def test_smoke(setting: Setting, capsys: pytest.CaptureFixture[str]) -> None:
    play_small("leaf-phone", setting.folder.parent, capsys)


def request(setting: Setting, name: str) -> dict[str, object]:
    found: dict[str, object] = read_run(setting.folder / name)["request"]
    return found


def test_teacher_and_twin_see_the_same_labels_and_the_student_sees_none(setting: Setting, measured: Measured) -> None:
    del measured
    parts = leaf_parts(seed=0, labelled=LABELLED, smoke=True)
    labelled = len(parts.transfer.labelled())
    assert labelled == round(LABELLED * len(parts.transfer))
    assert request(setting, "teacher")["examples"] == request(setting, "twin")["examples"]
    assert request(setting, "teacher")["examples"]["n"] == labelled  # type: ignore[index]
    assert request(setting, "student")["examples"]["n"] == len(parts.transfer)  # type: ignore[index]
    assert request(setting, "student")["objective"]["hard_weight"] == 0  # type: ignore[index]


def test_student_and_twin_have_one_budget(setting: Setting, measured: Measured) -> None:
    del measured
    parts = leaf_parts(seed=0, labelled=LABELLED, smoke=True)
    asked = {name: request(setting, name) for name in ("student", "twin")}
    for name, one in asked.items():
        assert one["student"] == asked["student"]["student"], name  # architecture and normalisation
        assert one["recipe"] == asked["student"]["recipe"], name
        assert one["views"] == asked["student"]["views"], name
        assert one.get("examples_per_epoch", one["examples"]["n"]) == len(parts.transfer), name  # type: ignore[index]


def test_the_student_is_told_what_its_teacher_answered_about_every_photograph(
    setting: Setting, measured: Measured
) -> None:
    del measured
    store = Store.open(setting.folder / "targets")
    teacher, _ = load_student(setting.folder / "teacher")
    parts = leaf_parts(seed=0, labelled=LABELLED, smoke=True)
    told = store.gather(store.rows(parts.transfer.ids, 0)).probs()
    assert torch.allclose(told, predict_logits(teacher, parts.transfer).softmax(-1), atol=2e-3)  # stored as float16
    assert len(store) == len(parts.transfer) * (1 + N_VIEWS)
    assert request(setting, "student")["targets"]["teacher"] == store.manifest.teacher.fingerprint  # type: ignore[index]


def test_every_row_has_its_number(measured: Measured) -> None:
    named = {row.metric for row in EXPERIMENT.rows} | {row.twin for row in EXPERIMENT.rows if row.twin}
    named |= {name for pair in EXPERIMENT.pairs for name in (pair.metric, pair.against)}
    assert named <= measured.keys()
    assert measured["student_parameters"] == measured["twin_parameters"] < measured["teacher_parameters"]
    assert measured["mb_ratio"] == pytest.approx(measured["teacher_mb"] / measured["student_mb"])
    assert measured["ms_ratio"] == pytest.approx(measured["teacher_ms"] / measured["student_ms"])
    assert measured["removed"] == measured["twin_errors"] - measured["student_errors"]


def test_the_numbers_are_those_of_the_test_part(setting: Setting, measured: Measured) -> None:
    parts = leaf_parts(seed=0, labelled=LABELLED, smoke=True)
    trained = teach_all(setting, parts)  # read from the folder: nothing is trained twice
    with torch.inference_mode():
        wrong = trained["student"].module(parts.test.inputs).argmax(-1) != parts.test.labels_or_empty
    assert int(wrong.sum()) == measured["student_errors"]


def test_the_figure_shows_accuracy_against_both_costs(measured: Measured) -> None:
    size, latency = draw([measured, measured]).axes
    drawn = {line.get_label(): line for line in size.lines}
    assert np.asarray(drawn["twin"].get_ydata()).tolist() == [measured["twin_accuracy"]] * 2
    assert np.asarray(drawn["teacher"].get_xdata()).tolist() == [measured["teacher_mb"]] * 2
    assert latency.get_xlabel() == "one picture on one CPU thread, ms"


def test_the_twin_is_not_beside_the_teacher() -> None:
    assert all(row.twin is None for row in EXPERIMENT.rows if row.metric.startswith("teacher"))
