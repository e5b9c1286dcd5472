"""A small store that sweeps learn from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sqlalchemy import event
from sqlalchemy.engine import Engine
from torch import nn

from joryu.examples import Examples, load_examples
from joryu.targets import Store
from joryu.teachers import Network
from joryu.teachers.labelling import label_examples


@pytest.fixture(scope="package", autouse=True)
def unhurried_disk() -> Iterator[None]:
    """Nobody waits for the disk here: a process that is killed loses nothing by it, and power is not lost."""

    def unsafe(connection: Any, _: object) -> None:
        connection.execute("pragma synchronous = off")

    event.listen(Engine, "connect", unsafe)
    with pytest.MonkeyPatch.context() as always:
        always.setattr(os, "fsync", lambda _descriptor: None)
        yield
    event.remove(Engine, "connect", unsafe)


@pytest.fixture(scope="package")
def digits() -> Examples:
    """The first of scikit-learn's training digits."""
    return load_examples("digits").select(range(200))


@pytest.fixture(scope="package")
def targets(digits: Examples, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The answers of the nearest mean of a class."""
    flat = digits.inputs[:].flatten(1).float() / 255
    means = torch.stack([flat[digits.labels_or_empty == label].mean(0) for label in range(10)])
    layer = nn.Linear(flat.shape[1], 10)
    with torch.no_grad():
        layer.weight.copy_(2 * means)
        layer.bias.copy_(-means.square().sum(1))
    teacher = Network(nn.Sequential(nn.Flatten(), _Share(), layer), digits.classes)
    return label_examples(teacher, digits, tmp_path_factory.mktemp("search") / "targets")


class _Share(nn.Module):
    """Bytes as numbers from 0 to 1."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float() / 255
