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
