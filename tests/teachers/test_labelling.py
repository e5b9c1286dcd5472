"""The labelling loop: everything once, under its own example, in batches of one size."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_teachers import B, N, Sums, contents, options

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.examples.views import parse_views
from joryu.teachers.labelling import LabelOrigin, label_examples

pytestmark = pytest.mark.usefixtures("spare_the_disk")


def test_every_example_is_asked_once_in_batches_of_one_size(tmp_path: Path, digits: Examples) -> None:
    teacher = Sums()
    store = label_examples(teacher, digits, tmp_path, options=options())
    assert [len(batch) for batch in teacher.asked] == [B] * (N // B) + [N % B]
    assert len(store) == N and len(store.shards) == 1
    asked = torch.cat(teacher.asked)
    assert sorted(map(bytes, asked.flatten(1).numpy())) == sorted(map(bytes, digits.inputs.flatten(1).numpy()))


def test_each_answer_stands_under_its_own_example(tmp_path: Path, digits: Examples) -> None:
    store = label_examples(Sums(), digits, tmp_path, options=options(batch_size=N))
    values = contents(store, digits) - N / 10
    assert torch.equal(values.round(), digits.inputs.float().flatten(1)[:, 10:20])  # the place adds less than 0.1


def test_views_are_asked_under_their_seeds(tmp_path: Path, digits: Examples) -> None:
    views, teacher = parse_views("shift:2"), Sums()
    store = label_examples(teacher, digits, tmp_path, views=views, n_views=2, options=options())
    assert len(store) == 3 * N
    assert (store.manifest.views, store.manifest.n_views) == ("shift:2", 2)
    for view in range(3):
        seen = views.apply(digits, torch.arange(N), torch.full((N,), view, dtype=torch.int64)).inputs
        values = store.gather(store.rows(digits.ids, view)).values
        place = values - seen.float().flatten(1)[:, 10:20]
        assert float(place.min()) > (N % B) / 10 - 1e-3 and float(place.max()) < B / 10 + 0.1


def test_views_need_a_description(tmp_path: Path, digits: Examples) -> None:
    with pytest.raises(InputError, match="views were asked for"):
        label_examples(Sums(), digits, tmp_path, n_views=1)


def test_the_order_of_the_examples_changes_nothing(tmp_path: Path, digits: Examples) -> None:
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    one = label_examples(Sums(), digits, tmp_path / "a", options=options())
    other = label_examples(Sums(), digits.select(order), tmp_path / "b", options=options())
    assert torch.equal(contents(one, digits), contents(other, digits))


def test_copies_are_asked_once(tmp_path: Path, digits: Examples) -> None:
    doubled = digits.select([*range(N), *range(30)])
    teacher = Sums()
    store = label_examples(teacher, doubled, tmp_path, options=options())
    assert sum(map(len, teacher.asked)) == N == len(store) == store.manifest.examples.count
    assert contents(store, doubled).shape == (N + 30, 10)


@pytest.mark.parametrize("begun", [False, True])
def test_views_that_do_not_fit_are_refused_before_anything_is_done(
    tmp_path: Path, digits: Examples, begun: bool
) -> None:
    if begun:
        label_examples(Sums(), digits, tmp_path / "o", options=options())
    before = {path.name: path.read_bytes() for path in tmp_path.glob("o/*")}
    teacher = Sums()
    with pytest.raises(InputError, match=r"try crop:8\+4"):
        label_examples(teacher, digits, tmp_path / "o", views=parse_views("crop:28+4"), n_views=1, options=options())
    assert teacher.asked == []
    assert before == {path.name: path.read_bytes() for path in tmp_path.glob("o/*")}
    store = label_examples(teacher, digits, tmp_path / "o", views=parse_views("crop:8+4"), n_views=1, options=options())
    assert len(store) == 2 * N and (store.manifest.views, store.manifest.n_views) == ("crop:8+4", 1)


def test_progress_ends_at_the_total_and_never_goes_back(tmp_path: Path, digits: Examples) -> None:
    told: list[tuple[int, int]] = []
    label_examples(Sums(), digits, tmp_path, options=options(progress=lambda *now: told.append(now)))
    assert told[-1] == (N, N) and told == sorted(told) and len(told) == 7
    again: list[tuple[int, int]] = []
    label_examples(Sums(), digits, tmp_path, options=options(progress=lambda *now: again.append(now)))
    assert again[-1] == (N, N)


def test_the_manifest_says_who_what_and_at_what_cost(tmp_path: Path, digits: Examples) -> None:
    origin = LabelOrigin(teacher="run:big", examples="digits", split="train", size=8, command="joryu label …")
    manifest = label_examples(Sums(), digits, tmp_path, options=options(origin=origin)).manifest
    assert (manifest.teacher.fingerprint, manifest.teacher.spec) == ("sums", "run:big")
    assert (manifest.examples.fingerprint, manifest.examples.name) == (digits.fingerprint, "digits")
    assert (manifest.examples.spec, manifest.examples.split, manifest.examples.size) == ("digits", "train", 8)
    assert manifest.provenance.command == "joryu label …"
    assert manifest.cost.requests == 7 and 0 < manifest.cost.seconds < 60


def test_two_at_once_is_refused(tmp_path: Path, digits: Examples) -> None:
    def nested(_done: int, _total: int) -> None:
        label_examples(Sums(), digits, tmp_path, options=options())

    with pytest.raises(InputError, match=f"another process.*{os.getpid()}"):
        label_examples(Sums(), digits, tmp_path, options=options(progress=nested))


def test_many_small_shards_become_one(tmp_path: Path, digits: Examples) -> None:
    counts: list[int] = []

    def look(_done: int, _total: int) -> None:
        counts.append(len(list(tmp_path.glob("shard-*"))))

    store = label_examples(Sums(), digits, tmp_path, options=options(progress=look))
    assert max(counts) >= 5 and len(store.shards) == 1
    store.verify_checksums()


def test_ids_of_the_store_are_those_of_the_examples(tmp_path: Path, digits: Examples) -> None:
    store = label_examples(Sums(), digits, tmp_path, options=options())
    ids, views = store.keys(torch.arange(store.n_rows))
    assert _as_set(ids) == _as_set(digits.ids) and not views.any()


def _as_set(ids: Iterable[np.ndarray]) -> set[tuple[int, ...]]:
    return {tuple(row.tolist()) for row in ids}
