"""An experiment at smoke size, through the command, and again without doing the work twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from joryu.cli import main
from joryu.experiments.catalogue import find_experiment


def play_small(name: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run it in ``out``; experiments in one folder share their teachers."""
    command = ["experiment", "run", name, "--smoke", "--seeds", "1", "--out", str(out)]
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 0
    result = json.loads((out / "result.json").read_text())
    experiment = find_experiment(name)
    assert result["smoke"] is True
    assert {"published", "ours", "command", "seeds", "seconds", "machine"} <= result.keys()
    shown = [row for row in experiment.rows if row.metric in result["ours"]]
    assert shown, "the table would be empty"
    assert all(row.twin in result["ours"] for row in shown if row.twin is not None)
    assert (out / "figure.svg").read_text().startswith("<?xml")
    assert "Smoke size" in (out / "table.md").read_text()
    capsys.readouterr()
    stamp = (out / "seed-0" / "measured.json").stat().st_mtime_ns
    with pytest.raises(SystemExit):
        main([*command, "--json"])
    assert json.loads(capsys.readouterr().out)["ours"] == result["ours"]
    assert (out / "seed-0" / "measured.json").stat().st_mtime_ns == stamp
