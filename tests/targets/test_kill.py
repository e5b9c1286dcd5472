"""kill -9 in the middle of labelling: nothing lost, nothing doubled, and the same bits in the end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("what", "facts"), [("label", 3 * 1197), ("grow", 2 * 1197)])
def test_labelling_killed_at_random_moments_ends_in_the_same_bits(what: str, facts: int) -> None:
    """Four kills of the fifty that ``python -m benchmarks.kill --times 50`` makes."""
    command = [sys.executable, "-m", "benchmarks.kill", "--what", what, "--times", "4", "--seed", "1"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["kills"] == 4
    assert result["finished"] >= 1
    assert result["facts"] == facts
