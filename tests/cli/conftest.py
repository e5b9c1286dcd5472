"""A whole job, which tests of several commands look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from joryu.cli import main


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher, its soft targets, a student with its twin: made once by the commands themselves."""
    root = tmp_path_factory.mktemp("job")
    commands = (
        f"train --network mlp:64x1 --examples digits --epochs 20 --batch-size 64 --learning-rate 0.005 "
        f"--out {root}/teacher",
        f"label --teacher run:{root}/teacher --examples digits --views shift:1 --n-views 1 --out {root}/targets",
        f"distill --student mlp:24x1 --examples digits --targets {root}/targets --out {root}/run --twin --labelled 0.1 "
        "--epochs 10 --batch-size 64 --learning-rate 0.005",
    )
    for command in commands:
        with pytest.raises(SystemExit) as stopped:
            main(command.split())
        assert stopped.value.code == 0, command
    return root
