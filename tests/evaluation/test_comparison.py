"""The paired test and interval against published numbers, scipy, and their own symmetries."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from joryu.errors import InputError, MismatchError
from joryu.evaluation import Verdict, as_json, compare, compare_correct, mcnemar_exact, tango_interval

counts = st.integers(0, 60)


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int]:
    b, c = draw(counts), draw(counts)
    return b, c, draw(st.integers(max(b + c, 1), 400))


def models(b: int, c: int, both_wrong: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which of ``n`` examples student and twin got right, with the given counts."""
    student, twin = torch.ones(n, dtype=torch.bool), torch.ones(n, dtype=torch.bool)
    student[:both_wrong] = twin[:both_wrong] = False
    twin[both_wrong : both_wrong + b] = False
    student[both_wrong + b : both_wrong + b + c] = False
    return student, twin


def test_tango_on_a_published_table() -> None:
    """Cavo et al. 2012 as analysed in Fagerland, Lydersen & Laake, *Statistical Analysis of Contingency Tables* (2017),
    chapter 8: 6 and 16 discordant of 161, difference -0.0621, Tango's interval -0.1240 to -0.0054."""
    low, high = tango_interval(6, 16, 161)
    assert (round(low, 4), round(high, 4)) == (-0.1240, -0.0054)


def test_mcnemar_on_the_same_published_table() -> None:
    """The exact conditional test there: P = 0.052479."""
    assert mcnemar_exact(6, 16) == pytest.approx(0.052479, abs=5e-7)


def test_the_interval_s_ends_solve_the_score_equation() -> None:
    """At an end the score statistic, with the constrained estimate found by brute force, equals z."""
    b, c, n, z = 40, 20, 160, 1.959964
    for end, sign in zip(tango_interval(b, c, n), (1, -1), strict=True):
        q = maximum_likelihood(b, c, n, end)
        statistic = (b - c - n * end) / math.sqrt(n * (2 * q + end * (1 - end)))
        assert statistic == pytest.approx(sign * z, abs=1e-3)


def maximum_likelihood(b: int, c: int, n: int, d: float) -> float:
    """The second discordant probability that maximises b log(q + d) + c log q + (n - b - c) log(1 - 2 q - d)."""
    low, high = max(0.0, -d), (1 - d) / 2
    q = torch.linspace(low, high, 2_000_001, dtype=torch.float64)[1:-1]
    likelihood = b * (q + d).log() + c * q.log() + (n - b - c) * (1 - 2 * q - d).log()
    return q[likelihood.argmax()].item()


def test_no_discordant_pair_still_has_an_interval() -> None:
    """With b = c = 0 and d > 0 the estimate q is 0, and T² = z² reduces to n d / (1 - d) = z²."""
    z2 = 1.959963984540054**2
    low, high = tango_interval(0, 0, 50)
    assert high == pytest.approx(z2 / (50 + z2), abs=1e-9)
    assert low == pytest.approx(-high, abs=1e-9)


def test_every_pair_discordant_one_way_reaches_the_edge() -> None:
    assert tango_interval(10, 0, 10)[1] == 1.0
    assert tango_interval(0, 10, 10)[0] == -1.0


@given(tables())
def test_the_interval_holds_the_estimate_and_mirrors(table: tuple[int, int, int]) -> None:
    b, c, n = table
    low, high = tango_interval(b, c, n)
    mirrored = tango_interval(c, b, n)
    assert -1 <= low <= (b - c) / n <= high <= 1
    assert mirrored == pytest.approx((-high, -low), abs=1e-8)


@given(tables())
def test_a_higher_confidence_is_a_wider_interval(table: tuple[int, int, int]) -> None:
    narrow, wide = tango_interval(*table, confidence=0.8), tango_interval(*table, confidence=0.99)
    assert wide[0] <= narrow[0] + 1e-9
    assert narrow[1] <= wide[1] + 1e-9


@given(counts, counts)
def test_mcnemar_is_symmetric_and_is_scipy_s_binomial_test(b: int, c: int) -> None:
    assert mcnemar_exact(b, c) == mcnemar_exact(c, b)
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-9)


def test_coverage_of_the_interval_is_near_its_level() -> None:
    """2,000 paired test sets of 200 with true difference 0.05: the 95 % interval holds it in 95 % ± 1.5 %."""
    generator = torch.Generator().manual_seed(0)
    chances = torch.tensor([0.10, 0.05, 0.85]).expand(2000, -1)
    draws = torch.multinomial(chances, 200, replacement=True, generator=generator)
    pairs = [((row == 0).sum().item(), (row == 1).sum().item()) for row in draws]
    ends = [tango_interval(int(b), int(c), 200) for b, c in pairs]
    covered = sum(low <= 0.05 <= high for low, high in ends) / len(ends)
    assert covered == pytest.approx(0.95, abs=0.015)


def test_compare_by_hand() -> None:
    student, twin = models(b=40, c=9, both_wrong=34, n=1797)
    found = compare_correct(student, twin)
    assert (found.student_errors, found.twin_errors) == (43, 74)
    assert (found.both_wrong, found.only_twin_wrong, found.only_student_wrong) == (34, 40, 9)
    assert found.removed == 31
    assert found.removed_share == pytest.approx(31 / 74)
    assert found.difference == pytest.approx(31 / 1797)
    assert found.removed_low == pytest.approx(1797 * found.difference_low)
    assert found.removed_low < 31 < found.removed_high
    assert found.p_value == pytest.approx(binomtest(9, 49).pvalue)
    assert found.verdict is Verdict.FEWER_ERRORS
    assert compare_correct(twin, student).verdict is Verdict.MORE_ERRORS
    assert as_json(found)["twin_errors"] == 74


def test_a_borderline_table_is_not_called_a_difference() -> None:
    """Cavo's table again: the interval leaves out zero, the exact test stays at 0.052."""
    found = compare_correct(*models(b=16, c=6, both_wrong=59, n=161))
    assert found.difference_low > 0
    assert found.p_value > 0.05
    assert found.verdict is Verdict.NOT_SHOWN


def test_identical_models_differ_by_nothing() -> None:
    logits = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    found = compare(logits, logits, torch.zeros(20, dtype=torch.int64))
    assert (found.removed, found.p_value, found.verdict) == (0, 1.0, Verdict.NOT_SHOWN)


def test_a_twin_without_errors_has_no_share() -> None:
    right = torch.ones(5, dtype=torch.bool)
    assert compare_correct(right, right).removed_share is None


@pytest.mark.parametrize("twin", [torch.zeros(3, 2), torch.zeros(4, 3), torch.zeros(4)])
def test_other_shapes_are_refused(twin: torch.Tensor) -> None:
    with pytest.raises(MismatchError):
        compare(torch.zeros(4, 2), twin, torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize("table", [(3, 3, 5), (-1, 0, 5), (0, 0, 0)])
def test_impossible_counts_are_refused(table: tuple[int, int, int]) -> None:
    with pytest.raises(InputError):
        tango_interval(*table)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(InputError):
        tango_interval(1, 2, 10, confidence=confidence)
