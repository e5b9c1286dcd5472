"""Comparisons over seeds in a result and in its table."""

from __future__ import annotations

import pytest

from joryu.experiments.pairs import PairedRow, paired, paired_table

PAIRS = [PairedRow(label="a over b", metric="a", against="b", digits=1)]


def ours(**values: list[float]) -> dict[str, dict[str, dict[str, float]]]:
    return {name: {"values": {str(seed): value for seed, value in enumerate(of)}} for name, of in values.items()}


def test_differences_are_taken_seed_by_seed() -> None:
    (found,) = paired(PAIRS, ours(a=[5.0, 7.0, 9.0], b=[4.0, 5.0, 6.0]))
    assert found["difference"] == pytest.approx(2.0)
    half = 4.302652730 / 3**0.5  # t(2, 97.5 %) · s.d. 1 / sqrt 3
    assert (found["low"], found["high"]) == pytest.approx((2 - half, 2 + half))
    assert found["p_value"] == pytest.approx(0.0741799)
    assert "| a over b          |       +2.0 |  -0.5 to +4.5 | p\u00a0=\u00a00.074 |" in paired_table(PAIRS, [found])
    assert "p\u00a0<\u00a00.0001 |" in paired_table(PAIRS, [found | {"p_value": 2e-5}])


def test_one_seed_has_no_interval() -> None:
    (found,) = paired(PAIRS, ours(a=[5.0], b=[4.0]))
    assert (found["difference"], found["low"], found["p_value"]) == (1.0, None, None)
    assert paired_table(PAIRS, [found]).count("–") == 2


def test_many_comparisons_are_said_to_be_many() -> None:
    measured = ours(a=[5.0, 7.0, 9.0], b=[4.0, 5.0, 6.0])
    for count in (1, 28):
        pairs = PAIRS * count
        text = paired_table(pairs, paired(pairs, measured))
        assert text.endswith("there being 28 of them.\n" if count == 28 else "|\n")
