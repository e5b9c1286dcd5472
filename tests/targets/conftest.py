"""Makers of small manifests, keys and answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from joryu.examples import Ids
from joryu.questions import Question
from joryu.targets import Manifest, SoftTargets, Space
from joryu.targets.manifest import ExamplesRecord, TeacherRecord


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    def make(n_classes: int = 4, **changes: Any) -> Manifest:
        return Manifest(
            **{
                "question": Question.one_of("abcdefghijklmnopqrstuvwxyz"[:n_classes]),
                "teacher": TeacherRecord(fingerprint="teacher-1", description="a teacher", spec="run:teacher"),
                "examples": ExamplesRecord(fingerprint="examples-1", name="examples", count=12),
                "batch_size": 4,
            }
            | changes
        )

    return make


@pytest.fixture
def make_ids() -> Callable[..., Ids]:
    def make(n: int, seed: int = 0) -> Ids:
        return np.random.default_rng(seed).integers(0, 2**64, (n, 2), dtype=np.uint64)

    return make


@pytest.fixture
def make_answers() -> Callable[..., SoftTargets]:
    def make(n: int, n_classes: int = 4, seed: int = 0) -> SoftTargets:
        values = torch.randn(n, n_classes, generator=torch.Generator().manual_seed(seed))
        return SoftTargets(
            values=values, space=Space.LOGITS, question=Question.one_of("abcdefghijklmnopqrstuvwxyz"[:n_classes])
        )

    return make
