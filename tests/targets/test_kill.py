"""kill -9 in the middle of labelling: nothing lost, nothing doubled, and the same bits in the end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: what is killed, and how many answers it makes
FACTS = {"label": 3 * 1197, "grow": 2 * 1197}


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_labelling_killed_at_random_moments_ends_in_the_same_bits() -> None:
    """Four kills of each of the fifty that ``python -m benchmarks.kill --times 50`` makes."""
    command = [sys.executable, "-m", "benchmarks.kill", "--what", *FACTS, "--times", "4", "--seed", "1"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert {result["what"]: result["facts"] for result in results} == FACTS
    for result in results:
        assert result["kills"] == 4
        assert result["finished"] >= 1
