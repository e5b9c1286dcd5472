"""The bundled digits: the scale is honest, the splits are apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import datasets

from joryu.errors import InputError
from joryu.examples import load_examples


def test_dots_become_bytes_without_loss() -> None:
    digits = load_examples("digits", split="all")
    dots = datasets.load_digits().images
    assert digits.inputs.dtype == torch.uint8
    assert digits.inputs.shape == (1797, 1, 8, 8)
    assert (int(digits.inputs.min()), int(digits.inputs.max())) == (0, 255)
    assert np.array_equal(np.rint(digits.inputs[:, 0].numpy() * (16 / 255)), dots)
    assert int(digits.inputs[0, 0, 0, 2]) == round(255 * 5 / 16) == 80  # the first digit's first five dots


def test_labels_are_the_digits() -> None:
    digits = load_examples("digits", split="all")
    assert digits.labels is not None
    assert digits.labels.tolist() == datasets.load_digits().target.tolist()
    assert digits.classes == tuple("0123456789")


def test_train_and_test_share_no_digit() -> None:
    train, test, everyone = (load_examples("digits", split=split) for split in ("train", "test", "all"))
    assert (len(train), len(test)) == (1197, 600)
    assert not {tuple(i) for i in train.ids.tolist()} & {tuple(i) for i in test.ids.tolist()}
    assert np.array_equal(np.concatenate((train.ids, test.ids)), everyone.ids)
    for part in (train, test):
        assert part.labels is not None
        counts = torch.bincount(part.labels)
        assert counts.min() > 0.9 * counts.max()


def test_digits_can_be_enlarged_and_have_no_other_split() -> None:
    assert load_examples("digits", size=16).inputs.shape == (1197, 1, 16, 16)
    with pytest.raises(InputError, match=r"digits has no split 'validation' \(expected train or test or all\)"):
        load_examples("digits", split="validation")
