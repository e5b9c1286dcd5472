"""The ledger of failures."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from joryu.errors import InputError
from joryu.examples import Ids
from joryu.targets.failures import FailureLedger, id_from_hex, id_to_hex, read_failures

MakeIds = Callable[..., Ids]
VIEWS = np.array([0, 3], dtype=np.uint64)


def test_attempts_add_up_over_runs_and_the_last_reason_counts(tmp_path: Path, make_ids: MakeIds) -> None:
    ids = make_ids(2)
    FailureLedger(tmp_path).append(ids, VIEWS, {0: "timeout", 1: "broken file"})
    FailureLedger(tmp_path).append(ids, VIEWS, {0: "not found"})
    first, second = read_failures(tmp_path)
    assert (first.id, first.view, first.reason, first.attempts) == (id_to_hex(ids[0]), 0, "not found", 2)
    assert (second.id, second.view, second.reason, second.attempts) == (id_to_hex(ids[1]), 3, "broken file", 1)


def test_a_torn_last_line_is_passed_over_and_cut_off_by_the_next_writer(tmp_path: Path, make_ids: MakeIds) -> None:
    ids = make_ids(2)
    FailureLedger(tmp_path).append(ids, VIEWS, {0: "a", 1: "b"})
    path = tmp_path / "failures.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    assert [failure.reason for failure in read_failures(tmp_path)] == ["a"]
    FailureLedger(tmp_path).append(ids, VIEWS, {1: "c"})
    assert [failure.reason for failure in read_failures(tmp_path)] == ["a", "c"]
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    "line", [b'{"id": 3}', b"\xff\xfe", b'{"id": "zz", "view": 0, "reason": "", "attempts": 1, "time": ""}']
)
def test_a_line_that_is_no_failure_is_named(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "failures.jsonl").write_bytes(line + b"\n")
    with pytest.raises(InputError, match=r"failures.jsonl has a line that cannot be read"):
        read_failures(tmp_path)


def test_hexadecimal_ids_go_both_ways(make_ids: MakeIds) -> None:
    for example_id in make_ids(5):
        assert (id_from_hex(id_to_hex(example_id)) == example_id).all()


WHOLE = {"id": "01" * 16, "view": 0, "reason": "timeout", "attempts": 1, "time": "2026-01-01T00:00:00+00:00"}


@pytest.mark.parametrize(
    "wrong",
    [{"id": "01" * 8}, {"id": "01" * 24}, {"id": ""}, {"view": "0"}, {"view": -1}, {"view": 2**64}, {"view": 1.5},
     {"view": None}, {"view": True}, {"attempts": "1"}, {"attempts": None}, {"reason": None}, {"reason": 3}],
    ids=str,
)  # fmt: skip
def test_a_line_whose_values_cannot_be_is_named_before_anything_is_made_of_it(
    tmp_path: Path, wrong: dict[str, object], make_ids: MakeIds
) -> None:
    FailureLedger(tmp_path).append(make_ids(2), VIEWS, {0: "a", 1: "b"})
    with (tmp_path / "failures.jsonl").open("a") as file:
        file.write(json.dumps(WHOLE | wrong) + "\n")
    with pytest.raises(InputError, match=r"failures.jsonl has a line that cannot be read .*mend or delete that line"):
        read_failures(tmp_path)


def test_the_largest_seed_and_a_reason_of_any_text_come_back(tmp_path: Path, make_ids: MakeIds) -> None:
    ids, reason = make_ids(1), "one\nline \u2028 or \ud83d two\r\n"
    FailureLedger(tmp_path).append(ids, np.array([2**64 - 1], dtype=np.uint64), {0: reason})
    (failure,) = read_failures(tmp_path)
    assert (failure.id, failure.view, failure.reason) == (id_to_hex(ids[0]), 2**64 - 1, reason)
