"""Reading a store: find, gather, refuse."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.errors import InputError
from joryu.examples import Ids
from joryu.questions import Question
from joryu.targets import Encoding, Manifest, SoftTargets, Space, Store, StoreWriter
from joryu.targets import store as store_module
from joryu.targets.shards import Span, list_shards, open_shard

MakeManifest = Callable[..., Manifest]
MakeIds = Callable[..., Ids]
MakeAnswers = Callable[..., SoftTargets]
Filled = tuple[Store, Ids, SoftTargets]


@pytest.fixture(params=[1, 5], ids=["one shard", "five shards"])
def filled(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_manifest: MakeManifest,
    make_ids: MakeIds,
    make_answers: MakeAnswers,
) -> Filled:
    """Fifty answers under view 0 and, moved by one, under view 7."""
    ids, answers = make_ids(50), make_answers(50)
    with StoreWriter(tmp_path, make_manifest(encoding=Encoding(dtype="float32"))) as writer:
        for part in np.array_split(np.arange(50), request.param):
            for view, moved in ((0, 0.0), (7, 1.0)):
                chosen = answers.select(torch.from_numpy(part))
                views = np.full(len(part), view, dtype=np.uint64)
                writer.add(
                    ids[part],
                    views,
                    SoftTargets(values=chosen.values + moved, space=Space.LOGITS, question=Question.one_of("abcd")),
                )
            writer.flush()
    store = Store.open(tmp_path)
    assert len(store.shards) == request.param
    return store, ids, answers


def test_answers_come_back_under_their_keys_in_any_order(filled: Filled) -> None:
    store, ids, answers = filled
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    views = np.where(np.arange(50) % 2, 7, 0)
    gathered = store.gather(store.rows(ids[order.numpy()], views))
    assert torch.equal(gathered.values, answers.values[order] + torch.from_numpy(views % 6)[:, None])
    assert len(store) == store.n_rows == 100 and store.duplicates == 0


def test_one_seed_serves_for_all(filled: Filled) -> None:
    store, ids, answers = filled
    assert torch.equal(store.gather(store.rows(ids, 7)).values, answers.values + 1)


def test_a_row_may_be_gathered_twice_or_none_at_all(filled: Filled) -> None:
    store, ids, answers = filled
    rows = store.rows(ids[[3, 3, 3]], 0)
    assert torch.equal(store.gather(rows).values, answers.values[[3, 3, 3]])
    assert store.gather(rows[:0]).values.shape == (0, 4)


def test_gathered_tensors_are_the_callers_own(filled: Filled) -> None:
    store, ids, answers = filled
    store.gather(store.rows(ids, 0)).values.zero_()
    assert torch.equal(store.gather(store.rows(ids, 0)).values, answers.values)


def test_missing_keys_are_told_and_refused(filled: Filled, make_ids: MakeIds) -> None:
    store, ids, _ = filled
    asked = np.concatenate([ids[:2], make_ids(3, seed=9)])
    assert store.missing(asked, 0).tolist() == [False, False, True, True, True]
    assert store.missing(ids, 1).all()
    with pytest.raises(InputError, match=r"3 of 5 examples have no soft targets .*received 100 answers.*joryu label"):
        store.rows(asked, 0)


def test_keys_is_the_inverse_of_rows(filled: Filled) -> None:
    store, ids, _ = filled
    found_ids, found_views = store.keys(store.rows(ids, 7))
    assert (found_ids == ids).all() and (found_views == 7).all()


@pytest.mark.parametrize("row", [-1, 100])
def test_a_row_outside_the_store_is_refused(filled: Filled, row: int) -> None:
    with pytest.raises(InputError, match=r"no such row .*0\.\.99"):
        filled[0].gather(torch.tensor([0, row]))


def test_checksums_hold(filled: Filled) -> None:
    filled[0].verify_checksums()


def test_a_store_without_answers_opens_and_says_so(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds
) -> None:
    make_manifest().write(tmp_path)
    store = Store.open(tmp_path)
    assert len(store) == 0 and store.missing(make_ids(3), 0).all() and store.failures() == []
    with pytest.raises(InputError, match="holds no answer yet"):
        store.gather(torch.tensor([], dtype=torch.int64))


def test_failures_made_good_since_are_forgotten(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    ids, views = make_ids(2), np.zeros(2, dtype=np.uint64)
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.fail(ids, views, {0: "timeout", 1: "timeout"})
        writer.add(ids[:1], views[:1], make_answers(1))
    failures = Store.open(tmp_path).failures()
    assert [failure.reason for failure in failures] == ["timeout"] and len(failures) == 1


def test_a_shard_of_another_store_is_noticed(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    for name, n_classes in (("a", 4), ("b", 5)):
        with StoreWriter(tmp_path / name, make_manifest(n_classes)) as writer:
            writer.add(make_ids(3), np.zeros(3, dtype=np.uint64), make_answers(3, n_classes))
    (tmp_path / "b" / Span(1, 1).name).rename(tmp_path / "a" / Span(2, 2).name)
    with pytest.raises(InputError, match=r"does not belong .*rows of 4 float16; received rows of 5 float16"):
        Store.open(tmp_path / "a")


def test_the_first_shard_may_come_while_the_store_is_opened(
    tmp_path: Path,
    make_manifest: MakeManifest,
    make_ids: MakeIds,
    make_answers: MakeAnswers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its manifest was read before there was any answer, and the shard was then said to have no place here."""
    with StoreWriter(tmp_path, make_manifest()) as writer:
        assert len(Store.open(tmp_path)) == 0

        def listed(folder: Path) -> object:
            if not list_shards(folder).current:
                writer.add(make_ids(3), np.zeros(3, dtype=np.uint64), make_answers(3))
                writer.close()
            return list_shards(folder)

        monkeypatch.setattr(store_module, "list_shards", listed)
        assert len(Store.open(tmp_path)) == 3


def test_shards_merged_away_while_opening_are_looked_for_again(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def vanishing(folder: Path, span: Span) -> object:
        calls.append(span)
        if len(calls) == 1:
            raise FileNotFoundError(span.name)
        return open_shard(folder, span)

    monkeypatch.setattr(store_module, "open_shard", vanishing)
    assert len(Store.open(filled[0].path)) == 100


def test_a_folder_that_never_holds_still_is_given_up(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_folder: Path, span: Span) -> object:
        raise FileNotFoundError(span.name)

    monkeypatch.setattr(store_module, "open_shard", gone)
    with pytest.raises(InputError, match="changes faster"):
        Store.open(filled[0].path)


def test_weights_that_only_some_answers_have_are_one_elsewhere(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    ids, views = make_ids(4), np.zeros(2, dtype=np.uint64)
    weighted = SoftTargets(
        values=torch.zeros(2, 4), space=Space.LOGITS, question=Question.one_of("abcd"), weight=torch.tensor([0.5, 2.0])
    )
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(ids[:2], views, make_answers(2))
        writer.flush()
        writer.add(ids[2:], views, weighted)
    store = Store.open(tmp_path)
    weight = store.gather(store.rows(ids, 0)).weight
    assert weight is not None and weight.tolist() == [1, 1, 0.5, 2]
