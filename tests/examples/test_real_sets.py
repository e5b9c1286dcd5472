"""The loaders on real data sets, where JORYU_DATA points at them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.annotations import picture_key
from joryu.errors import InputError
from joryu.examples import Examples, load_examples, locate
from joryu.targets.failures import id_to_hex


def load(spec: str, root: Path, split: str = "train", size: int | None = None) -> Examples:
    try:
        locate(spec, data_root=root)
    except InputError as absent:
        pytest.skip(str(absent))
    return load_examples(spec, split=split, size=size, data_root=root)


@pytest.mark.slow
def test_mnist(real_data: Path) -> None:
    test = load("mnist", real_data, "test")
    assert test.inputs.shape == (10_000, 1, 28, 28)
    assert test.labels is not None
    assert torch.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]  # the published order
    train = load("mnist", real_data)
    assert len(train) == 60_000
    assert train.inputs.float().div(255).mean().item() == pytest.approx(0.1307, abs=1e-4)  # the constants all use
    assert train.inputs.float().div(255).std().item() == pytest.approx(0.3081, abs=1e-4)


@pytest.mark.slow
def test_cifar10_as_jpeg(real_data: Path) -> None:
    test = load("cifar10", real_data, "test")
    assert test.inputs.shape == (10_000, 3, 32, 32)
    assert test.classes[:4] == ("airplane", "automobile", "bird", "cat")
    assert test.labels is not None
    assert torch.bincount(test.labels).tolist() == [1000] * 10
    assert test.labels[:5].tolist() == [3, 8, 8, 0, 6]  # the original order
    means = test.inputs.float().div(255).mean((0, 2, 3))
    assert means.tolist() == pytest.approx([0.494, 0.485, 0.450], abs=0.01)
    assert test.rejected == ()
    small = load("cifar10", real_data, "test", size=16)
    assert np.array_equal(small.ids, test.ids)
    assert id_to_hex(test.ids[7]) == hashlib.sha256(small.encoded([7])[0]).hexdigest()[:32]


def test_leaves_in_class_folders(real_data: Path, tmp_path: Path) -> None:
    for source in (real_data / "leaves" / "apple_cedar_rust", real_data / "leaves" / "cherry_healthy"):
        if not source.is_dir():
            pytest.skip("leaves is not under JORYU_DATA")
        for path in sorted(source.iterdir())[:20]:  # a few: all 7,379 take seconds
            target = tmp_path / source.name / path.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    leaves = load_examples(f"folder:{tmp_path}")
    assert leaves.inputs.shape == (40, 3, 96, 96)
    assert leaves.classes == ("apple_cedar_rust", "cherry_healthy")
    assert leaves.rejected == ()
    assert leaves.sources is not None
    assert [id_to_hex(one) for one in leaves.ids] == [picture_key(tmp_path / path)[:32] for path in leaves.sources]
    green = leaves.inputs.float().mean((0, 2, 3))
    assert green.argmax() == 1  # leaves are green


def test_photographs_of_two_shapes_need_a_size(real_data: Path) -> None:
    photographs = load("folder:google_vision", real_data, size=64)
    assert photographs.inputs.shape == (12, 3, 64, 64)
    assert {reason for _, reason in photographs.rejected} == {"beside the folder of the pictures, not in it"}
