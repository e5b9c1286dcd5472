"""The ledger: settings are kept, one process writes, answers stay as they came."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from joryu.errors import InputError, JoryuError, MismatchError
from joryu.remote.ledger import FILE, Ledger, LedgerFailure, Settled

SETTINGS = {"name": "tags", "max_results": 50}
ONE, TWO = bytes(16), bytes([1] * 16)


def test_answers_are_kept_byte_for_byte(tmp_path: Path) -> None:
    raw = '{"a":  1.50, "b": "猫\\u00e9"}'.encode()
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        ledger.settle(ledger.intend([ONE], units=1), Settled("200", 1, {ONE: raw}))
        ledger.settle(ledger.intend([ONE], units=1), Settled("200", 1, {ONE: b"another"}))
        assert ledger.raw([ONE, TWO]) == {ONE: raw}, "the first answer stays"
        assert list(ledger.every_answer()) == [(ONE, raw)]


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    Ledger.write(tmp_path, SETTINGS).close()
    with pytest.raises(MismatchError, match=r"another max results \(expected 50; received 10\)"):
        Ledger.write(tmp_path, SETTINGS | {"max_results": 10})
    Ledger.write(tmp_path, SETTINGS).close()  # the refusal has let go of the lock


def test_two_processes_cannot_ask_at_once_but_anybody_may_read(tmp_path: Path) -> None:
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        with pytest.raises(InputError, match="being written by another process"):
            Ledger.write(tmp_path, SETTINGS)
        ledger.together([lambda one: one.settle(one.intend([ONE], units=1), Settled("200", 1, {ONE: b"{}"}))])
        with Ledger.read(tmp_path) as read:
            assert read.raw([ONE]) == {ONE: b"{}"} and read.settings == SETTINGS


def test_a_request_that_never_ended_counts_as_paid(tmp_path: Path) -> None:
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        ledger.intend([ONE, TWO], units=2)
        assert ledger.spent() == (1, 2, 1)
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        assert ledger.spent() == (1, 2, 0) and ledger.statuses() == {"lost": 1}
        assert ledger.missing([ONE, TWO, ONE]) == [ONE, TWO]


def test_failures_give_way_to_answers_and_final_ones_are_not_missing(tmp_path: Path) -> None:
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        ledger.fail(LedgerFailure(ONE, "no answer", False))
        ledger.fail(LedgerFailure(TWO, "bad image", True))
        assert ledger.missing([ONE, TWO]) == [ONE]
        ledger.settle(ledger.intend([ONE], units=1), Settled("200", 1, {ONE: b"{}"}))
        assert ledger.failures() == [LedgerFailure(TWO, "bad image", True)] == ledger.failures([ONE, TWO])


def test_a_change_that_fails_takes_its_transaction_with_it(tmp_path: Path) -> None:
    def breaks(_: Ledger) -> None:
        raise JoryuError("no space")

    with Ledger.write(tmp_path, SETTINGS) as ledger:
        with pytest.raises(JoryuError, match="no space"):
            ledger.together([lambda one: one.intend([ONE], units=1), breaks])
        assert ledger.spent().requests == 0


def test_what_is_no_ledger_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no ledger at"):
        Ledger.read(tmp_path / "none")
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(JoryuError, match="cannot be read or written"):
        Ledger.read(tmp_path)
    with pytest.raises(JoryuError, match="cannot be read or written"):
        Ledger.write(tmp_path, SETTINGS)


def test_only_this_user_may_read_it(tmp_path: Path) -> None:
    Ledger.write(tmp_path, SETTINGS).close()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*-wal")), "the log is merged when it is closed"


def test_many_examples_are_looked_up_at_once(tmp_path: Path) -> None:
    many = [at.to_bytes(16) for at in range(1300)]
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        came = Settled("200", 1, dict.fromkeys(many[:1200], b"{}"))
        ledger.together([lambda one: one.settle(one.intend(many[:1200], units=1), came)])
        assert ledger.missing(many) == many[1200:]
        assert len(ledger.answered(many)) == len(list(ledger.every_answer())) == ledger.n_answers() == 1200
