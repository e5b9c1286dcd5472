from __future__ import annotations

from collections.abc import Callable

import pytest

from joryu.evaluation import Comparison
from joryu.report import ReportData, find
from joryu.report.facts import facts
from joryu.report.headline import headline


def words(text: str) -> str:
    return text.replace("\u00a0", " ")


def comparison(twin: int, student: int, low: float, high: float, p: float, n: int = 1797) -> Comparison:
    return Comparison(
        n=n,
        student_errors=student,
        twin_errors=twin,
        both_wrong=0,
        only_twin_wrong=twin,
        only_student_wrong=student,
        difference=(twin - student) / n,
        difference_low=low / n,
        difference_high=high / n,
        confidence=0.95,
        p_value=p,
    )


def test_distilling_helped() -> None:
    found = headline(comparison(74, 43, 17.6, 44.4, 1e-5), 43, 1797)
    assert words(found.title) == "Distilling removed 31 of 74 errors (42 %)"
    assert "On 1,797 examples the student makes 43 errors; its twin" in found.detail
    assert "95 % confidence interval: 18 to 44 errors removed; exact McNemar test p < 0.0001" in words(found.detail)
    assert found.tone == "good"


def test_distilling_hurt() -> None:
    found = headline(comparison(43, 74, -44.4, -17.6, 0.0003), 74, 1797)
    assert found.title == "Distilling hurt: 31 errors more than without a teacher"
    assert "18 to 44 errors added; exact McNemar test p = 0.0003" in words(found.detail)
    assert found.tone == "bad"


def test_no_difference_is_said_with_its_reach() -> None:
    found = headline(comparison(74, 71, -6.2, 12.4, 0.64), 71, 1797)
    assert found.title == "No difference shown between the student and its twin"
    assert "between 6.2 more and 12 fewer errors" in found.detail
    assert found.tone == "open"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.9, 20.1, "between 0.9 and 20 fewer errors"), (-20.1, -0.9, "between 0.9 and 20 more errors")],
)
def test_an_interval_beside_an_undecided_test_keeps_its_direction(low: float, high: float, expected: str) -> None:
    twin, student = (22, 12) if low > 0 else (12, 22)
    assert expected in headline(comparison(twin, student, low, high, 0.052, n=161), student, 161).detail


def test_without_a_twin_nothing_is_claimed() -> None:
    found = headline(None, 1, 700)
    assert found.title == "The student makes 1 error on 700 examples"
    assert "cannot be said" in found.detail
    assert found.tone == "open"


def test_facts_by_hand(make_run: Callable[..., ReportData]) -> None:
    """Twin 40 errors, teacher 4, student 10: 30 of 36 closed; half the epochs; ten times smaller and faster."""
    run = make_run()
    values = [words(fact.value) for fact in facts(run, find(run))]
    # the student differs from the teacher in the 6 rows where only the student is wrong
    assert values == ["83 %", "14 epochs", "10×", "10×", "97.0 %"]


def test_no_gap_is_called_closed_when_no_difference_is_shown(make_run: Callable[..., ReportData]) -> None:
    run = make_run(student=range(9), twin=range(10))
    assert not any("gap" in fact.caption for fact in facts(run, find(run)))


def test_no_teacher_and_no_twin_no_facts(make_run: Callable[..., ReportData]) -> None:
    run = make_run(teacher=None, twin=None)
    assert facts(run, find(run)) == []
