"""Each photograph once, no photograph in two parts, and a test part that no seed can choose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.errors import InputError
from joryu.examples import UNLABELLED, Examples, load_examples
from joryu.experiments.leaves import leaf_parts, without_copies


def photographs(n: int, *, side: int = 64) -> torch.Tensor:
    """Pictures that are as unlike one another as photographs of different leaves, uint8 ``[n, 3, side, side]``."""
    blocks = torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 255
    return torch.nn.functional.interpolate(blocks, size=side, mode="bilinear").to(torch.uint8)


def positions(picture: torch.Tensor) -> list[torch.Tensor]:
    return [side.rot90(k, (1, 2)) for side in (picture, picture.flip(2)) for k in range(4)]


def test_the_first_of_every_group_of_copies_is_kept_in_its_place() -> None:
    first, second, third = photographs(3)
    for copy in positions(first):
        inputs = torch.stack([second, first, third, copy])
        kept = without_copies(Examples.of(inputs, torch.zeros(4, dtype=torch.long), classes=["leaf"]))
        assert torch.equal(kept.inputs, inputs[:3])


def test_a_copy_saved_anew_is_still_a_copy_and_a_changed_leaf_is_not() -> None:
    leaf = photographs(1)[0]
    noise = torch.randint(-4, 5, leaf.shape, generator=torch.Generator().manual_seed(1))
    saved = (leaf.flip(2).int() + noise).clamp(0, 255).to(torch.uint8)
    spotted = leaf.clone()
    spotted[:, 10:30, 10:30] = 90
    inputs = torch.stack([leaf, saved, spotted])
    kept = without_copies(Examples.of(inputs, torch.zeros(3, dtype=torch.long), classes=["leaf"]))
    assert torch.equal(kept.inputs, inputs[[0, 2]])


def test_pictures_of_two_classes_are_never_called_copies() -> None:
    leaf = photographs(1)[0]
    kept = without_copies(Examples.of(torch.stack([leaf, leaf.flip(2)]), torch.tensor([0, 1]), classes=["a", "b"]))
    assert len(kept) == 2


def ids(examples: Examples) -> set[bytes]:
    return {words.tobytes() for words in examples.ids}


def test_seeds_draw_the_labels_and_nothing_else() -> None:
    parts, again, other = (leaf_parts(seed=seed, labelled=0.1, smoke=True) for seed in (0, 0, 1))
    for name in ("all_labels", "validation", "test"):
        assert np.array_equal(getattr(parts, name).ids, getattr(other, name).ids), name
    assert torch.equal(parts.transfer.labels_or_empty, again.transfer.labels_or_empty)
    assert not torch.equal(parts.transfer.labels_or_empty, other.transfer.labels_or_empty)
    assert ids(parts.transfer) == ids(parts.all_labels)
    assert not ids(parts.test) & ids(parts.transfer)
    assert not ids(parts.validation) & (ids(parts.transfer) | ids(parts.test))


def test_one_label_in_ten_is_left_and_is_the_right_one() -> None:
    parts = leaf_parts(seed=0, labelled=0.1, smoke=True)
    kept, told = parts.transfer.labels_or_empty, parts.all_labels.labels_or_empty
    shown = kept != UNLABELLED
    assert int(shown.sum()) == round(0.1 * len(kept))
    assert torch.equal(kept[shown], told[shown])
    assert set(kept[shown].tolist()) == set(range(10))
    assert (told != UNLABELLED).all()


@pytest.mark.slow
def test_real_leaves_once_each(in_real_data: Callable[[str], Path]) -> None:
    leaves = load_examples("leaves", data_root=in_real_data("leaves").parent, size=64)
    kept = without_copies(leaves)
    # The cherry classes hold most photographs twice or more, mirrored or turned; the apple classes hardly any.
    assert leaves.labels_or_empty.bincount().tolist() == [621, 275, 1645, 630, 2104, 2104]
    assert kept.labels_or_empty.bincount().tolist() == [621, 275, 1638, 630, 795, 1052]
    # The copies lie far from everything else: the threshold decides nothing.
    assert len(without_copies(leaves, same=0.999)) == len(kept) == 5011


def test_absent_pictures_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JORYU_DATA", str(tmp_path))
    with pytest.raises(InputError, match="leaves"):
        leaf_parts(seed=0, labelled=0.1)
