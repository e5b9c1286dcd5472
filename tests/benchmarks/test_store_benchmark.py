"""The made-up answers of a tagging API, and the page about their store."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import store, store_page

LAYOUT = "top-32 of 5000 tags"


def test_made_up_answers_have_empty_places_and_scores_above_their_bound() -> None:
    (ids, answers), *_ = store.batches(100, LAYOUT)
    assert len(ids) == len(answers) == 100 and answers.indices is not None
    kept = answers.indices >= 0
    assert (kept.sum(1) >= store.FEWEST).all() and not kept.all()
    assert (answers.values[kept] >= 0.5).all()
    assert torch.equal(answers.indices, next(store.batches(100, LAYOUT))[1].indices), "the same in every process"


def test_what_is_written_is_read_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    found = store.write(folder, 3000, LAYOUT, shard_rows=1000) | store.read(folder, 3000, LAYOUT)
    assert found["bytes_per_row"] == pytest.approx(156, rel=0.5)
    machine = dict.fromkeys(("cpu", "cores", "threads", "system", "python", "torch"), "x")
    slow = {**found, "bytes_per_row": 156.0, "gather_rows_per_second": 10.0}
    report = {"machine": machine, "command": "python -m benchmarks.store", "rows": 3000, "results": {LAYOUT: slow}}
    store_page.write(report, tmp_path)
    page = (tmp_path / "tag-store.md").read_text()
    assert "156.0 bytes a row, at most 160: met" in page
    assert "10 rows a second gathered, at least 1,000,000: missed" in page
