"""The ledger: settings are kept, one process writes, answers stay as they came."""

from __future__ import annotations

import shutil
import sqlite3
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


@pytest.mark.parametrize("name", ["a b?c=d&e#f", "50 % & 猫", 'quote\'s "two"', "mode=ro;x"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    with Ledger.write(tmp_path / name, SETTINGS) as ledger:
        ledger.settle(ledger.intend([ONE], units=1), Settled("200", 1, {ONE: b"{}"}))
    with Ledger.read(tmp_path / name) as read:
        assert read.raw([ONE]) == {ONE: b"{}"}
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_where_nothing_can_be_written_it_is_read_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        ledger.settle(ledger.intend([ONE], units=1), Settled("200", 1, {ONE: b"{}"}))
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr("joryu.remote.ledger.os.access", lambda *_: False)
    with Ledger.read(tmp_path) as read:
        assert read.raw([ONE]) == {ONE: b"{}"} and read.spent() == (1, 1, 0)
        assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_what_a_killed_process_left_in_its_log_is_read_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger.write(tmp_path / "open", SETTINGS).close()
    with Ledger.write(tmp_path / "open", SETTINGS) as ledger:
        ledger.settle(ledger.intend([ONE], units=1), Settled("200", 1, {ONE: b"{}"}))
        shutil.copytree(tmp_path / "open", tmp_path / "killed")  # as kill -9 leaves it
    monkeypatch.setattr("joryu.remote.ledger.os.access", lambda *_: False)
    with Ledger.read(tmp_path / "killed") as read:
        assert read.raw([ONE]) == {ONE: b"{}"} and read.spent() == (1, 1, 0)


def test_a_setting_that_is_not_there_is_one_that_is_none(tmp_path: Path) -> None:
    Ledger.write(tmp_path, SETTINGS).close()
    Ledger.write(tmp_path, SETTINGS | {"longest_side": None}).close()  # as a later version may write it
    with pytest.raises(MismatchError, match=r"another longest side \(received 640\)"):
        Ledger.write(tmp_path, SETTINGS | {"longest_side": 640})


def test_the_last_price_counts_and_none_is_nothing(tmp_path: Path) -> None:
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        assert ledger.price == 0.0
        for price in (1.5, 0.1):
            ledger.keep_price(price)
    with Ledger.read(tmp_path) as read:
        assert read.price == 0.1


def test_answers_come_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    order = [(at * 7919 % 1201).to_bytes(16) for at in range(1201)]
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        for part in (order[:600], order[600:]):
            came = Settled("200", 1, {one: one.hex().encode() for one in part})
            ledger.together([lambda one, came=came: one.settle(one.intend([], units=1), came)])  # type: ignore[misc]
        assert list(ledger.every_answer()) == [(one, one.hex().encode()) for one in order]


def test_another_schema_is_refused_and_lets_go_of_the_lock(tmp_path: Path) -> None:
    Ledger.write(tmp_path, SETTINGS).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    for _ in range(2):
        with pytest.raises(MismatchError, match=r"expected schema 1; received schema 9\); upgrade"):
            Ledger.write(tmp_path, SETTINGS)
    with pytest.raises(MismatchError, match="received schema 9"):
        Ledger.read(tmp_path)


def test_statuses_are_counted_with_those_in_flight(tmp_path: Path) -> None:
    with Ledger.write(tmp_path, SETTINGS) as ledger:
        for status in ("200", "200", "503"):
            ledger.settle(ledger.intend([ONE], units=3), Settled(status, 2, {}))
        ledger.intend([TWO], units=1)
        assert ledger.statuses() == {"200": 2, "503": 1, "in flight": 1}
        assert ledger.spent() == (4, 7, 1), "what a request cost takes the place of what it might have"
