"""Logits in one byte each: the code by hand, its bound, and rows that are packed one by one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.questions import PICTURE, Link, Question
from joryu.targets import Encoding, Flush, Manifest, SoftTargets, Space, Store, StoreWriter
from joryu.targets.compact import (
    EDGE,
    SLOPE,
    decoded_logits,
    encoded_logits,
    half_steps,
    packed,
    squeezed,
    stretched,
    unpacked,
)
from joryu.targets.manifest import ExamplesRecord, TeacherRecord
from joryu.targets.rounding import MOST_MOVED, measure, usual_encoding

MASK = Question.tags(["salt"], grid=PICTURE)
CLASSES = Question.one_of(["sky", "road", "tree"], grid=PICTURE)


def test_the_edge_is_where_a_softened_probability_moves_most() -> None:
    assert EDGE * math.tanh(EDGE / 2) == pytest.approx(1, abs=1e-12)
    softened = np.linspace(1, 40, 100_001)
    for size in (0.5, 1.5, 3.0, 12.0):
        u = size / softened
        most = (1 / ((1 + np.exp(-u)) * (1 + np.exp(u))) / softened).max()
        step = 1e-4
        slope = (
            squeezed(torch.tensor([size + step], dtype=torch.float64))
            - squeezed(torch.tensor([size], dtype=torch.float64))
        ) / step
        assert slope.item() == pytest.approx(most, rel=1e-3)


def test_squeezing_is_undone_by_stretching() -> None:
    sizes = torch.cat((torch.linspace(0, 5, 100, dtype=torch.float64), torch.logspace(1, 4, 20, dtype=torch.float64)))
    assert torch.allclose(stretched(squeezed(sizes)), sizes, rtol=1e-9)
    # By hand, beyond the edge: f(2u) = f(u) + u σ'(u) ln 2.
    twice = squeezed(torch.tensor([EDGE, 2 * EDGE], dtype=torch.float64)).diff().item()
    assert twice == pytest.approx(SLOPE * math.log(2))


def test_codes_by_hand() -> None:
    """Signed: 0 is 127, the row's largest is 254 or 0. Of classes the best is 0, the farthest 255."""
    codes, scale = encoded_logits(torch.tensor([[0.0, 3.0, -3.0], [0.0, 0.0, 0.0]]), Link.SIGMOID)
    assert codes.tolist() == [[127, 254, 0], [127, 127, 127]]
    assert scale.tolist() == [3, 0]
    codes, scale = encoded_logits(torch.tensor([[5.0, 3.0, 1.0]]), Link.SOFTMAX)
    assert (codes[0, 0].item(), codes[0, 2].item(), scale.tolist()) == (0, 255, [4])
    assert decoded_logits(codes.numpy(), scale.numpy(), Link.SOFTMAX)[0, ::2].tolist() == [0, -4]


@example(values=[0.0, 2.5482160825614155e-33], link=Link.SIGMOID, temperature=1.0)
@given(
    values=st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=40),
    link=st.sampled_from([Link.SIGMOID, Link.SOFTMAX]),
    temperature=st.floats(1, 50),
)
def test_no_probability_moves_by_more_than_a_grey_level(values: list[float], link: Link, temperature: float) -> None:
    logits = torch.tensor([values])
    codes, scale = encoded_logits(logits, link)
    kept = decoded_logits(codes.numpy(), scale.numpy(), link)
    assert (link.probs(logits, temperature) - link.probs(kept, temperature)).abs().max() <= (
        MOST_MOVED if link is Link.SIGMOID else 2 * MOST_MOVED
    )
    again, same = encoded_logits(kept, link)
    assert torch.equal(again, codes)
    assert torch.equal(same, scale)
    shifted = logits if link is Link.SIGMOID else logits - logits.max()
    assert ((kept - shifted).abs() <= 1.05 * half_steps(shifted, link) + 1e-4).all()


@given(
    rows=st.integers(0, 4), height=st.integers(1, 5), width=st.integers(1, 6), classes=st.integers(1, 3),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_rows_are_unpacked_as_they_were(rows: int, height: int, width: int, classes: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 256, (rows, height * width * classes), dtype=np.uint8)
    before = codes.copy()
    found = packed(codes, classes)
    assert np.array_equal(codes, before)
    assert np.array_equal(unpacked(found, codes.shape[1], classes), codes)


def test_a_damaged_row_is_one_line() -> None:
    (row,) = packed(np.arange(200, dtype=np.uint8)[None], 1)
    broken = np.array([row[:-3] + b"xyz", b""], dtype=object)
    for one in broken:
        with pytest.raises(InputError, match="a compressed answer of the store is damaged") as caught:
            unpacked(np.array([one], dtype=object), 200, 1)
        assert "\n" not in str(caught.value)


def smooth(n: int, question: Question, side: int = 24, most: float = 12.0, seed: int = 0) -> SoftTargets:
    """Blobs, as a network answers about masks."""
    coarse = torch.randn(n, len(question), 4, 4, generator=torch.Generator().manual_seed(seed))
    values = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear").movedim(1, -1)
    return SoftTargets(values=values / values.abs().max() * most, space=Space.LOGITS, question=question)


@pytest.mark.parametrize("question", [MASK, CLASSES], ids=["mask", "classes"])
def test_answers_about_pixels_are_kept_in_one_byte_where_that_changes_little(question: Question) -> None:
    encoding, rounding = usual_encoding(smooth(4, question))
    assert str(encoding) == "dense:uint8"
    assert rounding is not None
    assert 0 < rounding.probability <= MOST_MOVED
    assert rounding.n == 4
    # One logit of -30,000 makes the steps of its row so coarse that the others suffer.
    values = smooth(4, question).values
    values[0, 0, 0, 0] = -3e4
    wild = SoftTargets(values=values, space=Space.LOGITS, question=question)
    assert not measure(wild, Encoding(dtype="uint8")).small
    assert str(usual_encoding(wild)[0]) == "dense:float16"
    assert usual_encoding(wild)[1] is None
    whole = SoftTargets(values=torch.randn(4, 3), space=Space.LOGITS, question=Question.one_of(3))
    assert str(usual_encoding(whole)[0]) == "dense:float16"


def test_the_soft_loss_that_is_lost_is_the_divergence_of_what_is_kept() -> None:
    """By hand, with one pixel: KL(p ‖ q) of two Bernoullis at the temperature where it is largest."""
    answers = SoftTargets(values=torch.tensor([[[[0.7], [9.0]]]]), space=Space.LOGITS, question=MASK)
    found = measure(answers, Encoding(dtype="uint8"))
    codes, scale = encoded_logits(answers.values, Link.SIGMOID)
    kept = decoded_logits(codes.numpy(), scale.numpy(), Link.SIGMOID).double().flatten()
    by_hand, moved = [], []
    for temperature in (1.0, 2.0, 4.0, 8.0):
        p, q = (torch.sigmoid(part / temperature) for part in (answers.values.double().flatten(), kept))
        by_hand.append(float((p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()))
        moved.append(float((p - q).abs().max()))
    assert found.divergence == pytest.approx(max(by_hand), abs=1e-6)
    assert found.probability == pytest.approx(max(moved), abs=1e-6)


def manifest(question: Question, encoding: str | None) -> Manifest:
    return Manifest(
        question=question, teacher=TeacherRecord(fingerprint="t", description="t"),
        examples=ExamplesRecord(fingerprint="e", name="e", count=12), batch_size=4,
        encoding=None if encoding is None else Encoding.parse(encoding),
    )  # fmt: skip


def write(folder: Path, answers: SoftTargets, encoding: str | None, rows: int = 4) -> Store:
    ids = np.arange(2 * len(answers), dtype=np.uint64).reshape(-1, 2)
    with StoreWriter(folder, manifest(answers.question, encoding), flush=Flush(rows=rows)) as writer:
        for start in range(0, len(answers), 4):
            part = torch.arange(start, start + 4)
            writer.add(ids[start : start + 4], np.zeros(4, dtype=np.uint64), answers.select(part))
            writer.flush_if_due()
    return Store.open(folder)


@pytest.mark.parametrize("encoding", ["dense:uint8", "dense:uint8+zstd"])
@pytest.mark.parametrize("question", [MASK, CLASSES], ids=["mask", "classes"])
def test_a_store_gives_back_any_rows_in_any_order(tmp_path: Path, encoding: str, question: Question) -> None:
    answers = smooth(12, question)
    store = write(tmp_path / "store", answers, encoding)
    assert len(store.shards) == 3
    rows = torch.tensor([11, 0, 5, 5])
    found = store.gather(rows).values
    link = question.link
    assert (link.probs(found) - link.probs(answers.values[rows])).abs().max() <= MOST_MOVED
    store.verify_checksums()
    with StoreWriter(tmp_path / "store", manifest(question, None)) as writer:
        merged = writer.compact()
    assert len(merged.shards) == 1
    merged.verify_checksums()
    assert torch.equal(merged.gather(rows).values, found)


def test_packing_changes_the_size_and_nothing_else(tmp_path: Path) -> None:
    answers = smooth(12, MASK, side=64)
    plain, zipped = (write(tmp_path / name, answers, f"dense:{name}") for name in ("uint8", "uint8+zstd"))
    rows = torch.arange(12)
    assert torch.equal(plain.gather(rows).values, zipped.gather(rows).values)
    sizes = [sum(path.stat().st_size for path in store.path.glob("*.arrow")) for store in (plain, zipped)]
    exact = answers.values.numel() * 4
    assert sizes[0] <= exact / 4 * 1.1
    assert sizes[1] <= exact / 8


def test_the_manifest_says_what_was_chosen_and_by_what(tmp_path: Path) -> None:
    store = write(tmp_path / "store", smooth(12, MASK), None)
    assert str(store.manifest.encoding) == "dense:uint8"
    rounding = Manifest.read(tmp_path / "store").rounding
    assert rounding is not None
    assert (rounding.n, rounding.small) == (4, True)
    assert str(rounding).startswith("no probability of the first 4 answers moved by more than 0.00")
    named = write(tmp_path / "named", smooth(12, MASK), "dense:float16")
    assert named.manifest.rounding is None


def test_a_row_of_a_packed_store_that_is_no_longer_what_was_written_is_noticed(tmp_path: Path) -> None:
    store = write(tmp_path / "store", smooth(12, MASK), "dense:uint8+zstd", rows=12)
    path = store.shards[0].path
    content = bytearray(path.read_bytes())
    at = content.find(b"\x28\xb5\x2f\xfd") + 12  # the frame of Zstandard's first row
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="is damaged"):
        Store.open(tmp_path / "store").verify_checksums()
