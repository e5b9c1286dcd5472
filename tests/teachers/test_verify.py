"""Asking again: agreement passes, drift and damage do not."""

import json
import os
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.views import parse_views
from joryu.targets import Encoding, Kind, SoftTargets, Space, Store
from joryu.targets.shards import Span, write_shard
from joryu.teachers.labelling import LabelOptions, label_examples
from joryu.teachers.verify import NOISE, verify

N, C = 120, 10


@pytest.fixture(autouse=True)
def _spare_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # what it is for is tested in test_durable


@pytest.fixture(scope="module")
def digits() -> Examples:
    pictures, _ = load_digits(return_X_y=True)
    inputs = torch.from_numpy(pictures[:N]).to(torch.uint8).reshape(-1, 1, 8, 8)
    return Examples.of(inputs, classes=[str(i) for i in range(C)])


class Linear:
    """A linear teacher that can be made to drift without its fingerprint knowing."""

    classes = tuple(str(i) for i in range(C))
    fingerprint = "linear"

    def __init__(self, space: Space = Space.LOGITS, kind: Kind = Kind.ONE_OF_MANY, drift: float = 0.0) -> None:
        torch.manual_seed(0)
        self.layer, self.space, self.kind, self.drift = nn.Linear(64, C).requires_grad_(False), space, kind, drift

    def label(self, batch: Tensor) -> SoftTargets:
        logits = 3 * self.layer(batch.float().flatten(1) / 16)
        logits[:, 0] += self.drift
        values = {Space.LOGITS: logits, Space.PROBS: logits.softmax(-1), Space.SCORES: logits.sigmoid()}[self.space]
        return SoftTargets(values=values, space=self.space, kind=self.kind, n_classes=C)


def labelled(folder: Path, digits: Examples, teacher: Linear, encoding: str = "dense", n_views: int = 0) -> Store:
    options = LabelOptions(encoding=Encoding.parse(encoding), batch_size=32)
    views = parse_views("shift:1") if n_views else None
    return label_examples(teacher, digits, folder, views=views, n_views=n_views, options=options)


@pytest.mark.parametrize(
    ("space", "kind"),
    [
        (Space.LOGITS, Kind.ONE_OF_MANY),
        (Space.PROBS, Kind.ONE_OF_MANY),
        (Space.LOGITS, Kind.MANY_OF_MANY),
        (Space.SCORES, Kind.MANY_OF_MANY),
        (Space.LOGITS, Kind.REGRESSION),
    ],
)
@pytest.mark.parametrize("encoding", ["dense", "dense:float32", "top-3", "top-10:float32"])
def test_the_same_teacher_passes(tmp_path: Path, digits: Examples, space: Space, kind: Kind, encoding: str) -> None:
    if kind is Kind.REGRESSION and encoding.startswith("top"):
        pytest.skip("a regression has no best classes")
    teacher = Linear(space, kind)
    result = verify(labelled(tmp_path, digits, teacher, encoding, n_views=2), teacher, digits, sample=90)
    assert result.ok and result.within == 1.0 and result.asked == 90
    assert 0 <= result.mean_error <= result.max_error < (2e-3 if "32" not in encoding.partition(":")[2] else NOISE)


def test_a_teacher_that_has_drifted_is_found(tmp_path: Path, digits: Examples) -> None:
    store = labelled(tmp_path, digits, Linear())
    result = verify(store, Linear(drift=0.5), digits)
    assert not result.ok and result.within < 0.5
    assert result.asked == N  # never more than there are
    fresh = Linear(drift=0.5).label(digits.inputs).probs() - Linear().label(digits.inputs).probs()
    assert result.max_error == pytest.approx(fresh.abs().max().item(), abs=1e-3)


def test_one_wrong_answer_among_many_is_found(tmp_path: Path, digits: Examples) -> None:
    store = labelled(tmp_path, digits, Linear(), "dense:float32")
    values = store.shards[0].columns["values"].copy()
    values[17] = values[18]
    swapped = dict(store.shards[0].columns, values=values)
    write_shard(tmp_path, store.shards[0].span, swapped)
    result = verify(Store.open(tmp_path), Linear(), digits)
    assert not result.ok and result.within == pytest.approx(1 - 1 / N)


def test_a_tolerance_of_ones_own_decides(tmp_path: Path, digits: Examples) -> None:
    store = labelled(tmp_path, digits, Linear())
    assert verify(store, Linear(drift=0.5), digits, tolerance=0.2).ok
    assert not verify(store, Linear(), digits, tolerance=1e-9).ok


def test_the_sample_is_seeded_and_spread_over_views(tmp_path: Path, digits: Examples) -> None:
    teacher = Linear()
    store = labelled(tmp_path, digits, teacher, n_views=3)
    same = [verify(store, teacher, digits, sample=20, seed=1) for _ in range(2)]
    assert same[0] == same[1]
    assert verify(store, teacher, digits, sample=20, seed=2) != same[0]
    assert verify(store, teacher, digits, sample=10_000).asked == 4 * N


def test_keys_without_an_answer_are_passed_over(tmp_path: Path, digits: Examples) -> None:
    def stop(done: int, _total: int) -> None:
        if done >= 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_examples(Linear(), digits, tmp_path, options=LabelOptions(batch_size=32, progress=stop))
    assert verify(Store.open(tmp_path), Linear(), digits).asked == 64
    (tmp_path / Span(1, 1).name).unlink()
    with pytest.raises(InputError, match="no sampled example has soft targets"):
        verify(Store.open(tmp_path), Linear(), digits)


def test_another_teacher_or_other_examples_are_refused(tmp_path: Path, digits: Examples) -> None:
    store, other = labelled(tmp_path, digits, Linear()), Linear()
    with pytest.raises(MismatchError, match="other examples"):
        verify(store, Linear(), digits.select(torch.arange(5)))
    other.fingerprint = "changed"
    with pytest.raises(MismatchError, match=r"another teacher .*expected linear; received changed"):
        verify(store, other, digits)


def test_a_damaged_shard_is_named(tmp_path: Path, digits: Examples) -> None:
    store = labelled(tmp_path, digits, Linear())
    path = store.shards[0].path
    content, payload = bytearray(path.read_bytes()), store.shards[0].columns["values"].tobytes()
    content[content.find(payload) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path.name} is damaged.*checksum"):
        verify(Store.open(tmp_path), Linear(), digits)


def test_the_result_can_be_written_as_json(tmp_path: Path, digits: Examples) -> None:
    written = json.loads(json.dumps(verify(labelled(tmp_path, digits, Linear()), Linear(), digits).to_json()))
    assert written["ok"] is True and written["asked"] == N
