"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from joryu.examples import Examples


@pytest.fixture(scope="session", autouse=True)
def decoding_here() -> Iterator[None]:
    """Pictures are decoded in the process of the tests, which look into it; `test_decoders.py` has decoders."""
    with pytest.MonkeyPatch.context() as always:
        always.setenv("JORYU_DECODERS", "0")
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, or a skip that says what to set."""
    root = os.environ.get("JORYU_DATA")
    if not root:
        pytest.skip("JORYU_DATA is not set: no real data sets to read")
    return Path(root)


@pytest.fixture(scope="session")
def in_real_data(real_data: Path) -> Callable[[str], Path]:
    """The place of a file or folder among the real data sets, or a skip that says what is not there."""

    def find(name: str) -> Path:
        if not (real_data / name).exists():
            pytest.skip(f"{name} is not in JORYU_DATA")
        return real_data / name

    return find


@pytest.fixture
def spare_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for the disk, where that is not what is tested (``test_durable`` does)."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture(scope="session")
def first_digits() -> Callable[[int], Examples]:
    """The first so many of scikit-learn's digits, in the library's own order and range, 0 to 16."""
    pictures, labels = load_digits(return_X_y=True)
    inputs = torch.from_numpy(pictures).to(torch.uint8).reshape(-1, 1, 8, 8)

    def take(n: int) -> Examples:
        return Examples.of(inputs[:n], torch.from_numpy(labels[:n]), classes=list("0123456789"), name="digits")

    return take
