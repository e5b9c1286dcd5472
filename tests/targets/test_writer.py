"""Writing a store: one writer, one teacher, nothing torn, everything kept."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples import Ids
from joryu.questions import Question
from joryu.targets import Encoding, Flush, Manifest, SoftTargets, Space, Store, StoreWriter
from joryu.targets import writer as writer_module
from joryu.targets.shards import Span, list_shards

MakeManifest = Callable[..., Manifest]
MakeIds = Callable[..., Ids]
MakeAnswers = Callable[..., SoftTargets]
ZEROS = np.zeros(100, dtype=np.uint64)


def n_shards(folder: Path) -> int:
    return len(list_shards(folder).current)


def test_leaving_by_an_error_or_ctrl_c_keeps_what_was_added(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    with pytest.raises(KeyboardInterrupt), StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(make_ids(3), ZEROS[:3], make_answers(3))
        raise KeyboardInterrupt
    assert len(Store.open(tmp_path)) == 3


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path, make_manifest: MakeManifest) -> None:
    with (
        StoreWriter(tmp_path, make_manifest()),
        pytest.raises(InputError, match="being written by another process"),
    ):
        StoreWriter(tmp_path, make_manifest())
    StoreWriter(tmp_path, make_manifest()).close()


def test_a_refused_manifest_lets_go_of_the_lock(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(make_ids(1), ZEROS[:1], make_answers(1))
    with pytest.raises(MismatchError, match="another question"):
        StoreWriter(tmp_path, make_manifest(3))
    StoreWriter(tmp_path, make_manifest()).close()


def test_a_store_that_nothing_was_ever_put_into_gives_way(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds
) -> None:
    StoreWriter(tmp_path, make_manifest(encoding=Encoding.parse("top-9"), views="crop:9+2", n_views=1)).close()
    with StoreWriter(tmp_path, make_manifest(encoding=Encoding.parse("top-2"))) as writer:
        writer.fail(make_ids(1), ZEROS[:1], {0: "no answer"})
    assert str(Manifest.read(tmp_path).encoding) == "top-2:float16"
    with pytest.raises(MismatchError, match="another encoding"):  # a failure is something, too
        StoreWriter(tmp_path, make_manifest(encoding=Encoding.parse("top-3")))


def test_a_place_that_cannot_be_a_store_is_refused(tmp_path: Path, make_manifest: MakeManifest) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    for place in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="cannot write the store"):
            StoreWriter(place, make_manifest())
    with pytest.raises(InputError, match="holds a run"):
        StoreWriter(tmp_path / "run", make_manifest())
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]


def test_opening_clears_what_a_killed_writer_left(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(make_ids(3), ZEROS[:3], make_answers(3))
    one = tmp_path / Span(1, 1).name
    (tmp_path / Span(1, 4).name).write_bytes(one.read_bytes())  # merged, but the parts not yet deleted
    (tmp_path / f".{Span(5, 5).name}.partial").write_bytes(b"half")
    assert len(Store.open(tmp_path)) == 3
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(make_ids(2, seed=1), ZEROS[:2], make_answers(2))
    names = {path.name for path in tmp_path.iterdir() if "shard" in path.name}
    assert names == {Span(1, 4).name, Span(5, 5).name}
    assert len(Store.open(tmp_path)) == 5


@pytest.mark.parametrize("limit", [Flush(rows=6), Flush(bytes=6 * (24 + 8)), Flush(seconds=0.0)])
def test_the_open_shard_is_written_when_due(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers, limit: Flush
) -> None:
    with StoreWriter(tmp_path, make_manifest(), flush=limit) as writer:
        writer.flush_if_due()
        for part in range(4):
            writer.add(make_ids(3, seed=part), ZEROS[:3], make_answers(3))
            writer.flush_if_due()
    assert n_shards(tmp_path) == (4 if limit.seconds == 0 else 2)


def test_nothing_is_written_before_it_is_due(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(make_ids(3), ZEROS[:3], make_answers(3))
        writer.flush_if_due()
        assert n_shards(tmp_path) == 0


def test_rows_that_are_not_finite_become_failures(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds
) -> None:
    values = torch.tensor([[1.0, 0, 0, 0], [float("nan"), 0, 0, 0], [0, 1.0, 0, 0]])
    ids = make_ids(3)
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(ids, ZEROS[:3], SoftTargets(values=values, space=Space.LOGITS, question=Question.one_of("abcd")))
    store = Store.open(tmp_path)
    assert store.missing(ids, 0).tolist() == [False, True, False]
    assert torch.equal(store.gather(store.rows(ids[[0, 2]], 0)).values.float(), values[[0, 2]])
    assert [failure.reason for failure in store.failures()] == ["the answer is not finite"]


@pytest.mark.parametrize(
    "other",
    [
        SoftTargets(values=torch.ones(1, 4), space=Space.VOTES, question=Question.one_of("abcd")),
        SoftTargets(values=torch.ones(1, 4), space=Space.LOGITS, question=Question.one_of("abcd"), temperature=2.0),
        SoftTargets(values=torch.ones(1, 2, 4), space=Space.LOGITS, question=Question.one_of("abcd"), members=True),
    ],
    ids=["space", "temperature", "shape"],
)
def test_answers_of_another_form_are_refused(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers, other: SoftTargets
) -> None:
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(make_ids(1), ZEROS[:1], make_answers(1))
        with pytest.raises(MismatchError, match="another form"):
            writer.add(make_ids(1), ZEROS[:1], other)


def test_answers_about_other_classes_are_refused(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    with (
        StoreWriter(tmp_path, make_manifest()) as writer,
        pytest.raises(MismatchError, match="4 classes; received 5"),
    ):
        writer.add(make_ids(1), ZEROS[:1], make_answers(1, n_classes=5))


def test_the_store_keeps_its_encoding_and_may_grow_in_views(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    with StoreWriter(tmp_path, make_manifest(encoding=Encoding.parse("top-2"))) as writer:
        writer.add(make_ids(1), ZEROS[:1], make_answers(1))
    with StoreWriter(tmp_path, make_manifest(views="shift:2", n_views=3)) as writer:
        assert str(writer.manifest.encoding) == "top-2:float16"
    manifest = Store.open(tmp_path).manifest
    assert (manifest.views, manifest.n_views) == ("shift:2", 3)
    with StoreWriter(tmp_path, make_manifest()):
        pass
    assert Store.open(tmp_path).manifest.n_views == 3


def test_costs_are_kept_over_runs(
    tmp_path: Path, make_manifest: MakeManifest, make_ids: MakeIds, make_answers: MakeAnswers
) -> None:
    for run in range(2):
        with StoreWriter(tmp_path, make_manifest()) as writer:
            writer.spend(requests=2, seconds=0.5, money=0.25)
            writer.add(make_ids(1, seed=run), ZEROS[:1], make_answers(1))
            writer.spend(requests=1)
    cost = Store.open(tmp_path).manifest.cost
    assert (cost.requests, cost.seconds, cost.money) == (6, 1.0, 0.5)


def test_a_full_disk_stops_the_run_and_loses_nothing_written_before(
    tmp_path: Path,
    make_manifest: MakeManifest,
    make_ids: MakeIds,
    make_answers: MakeAnswers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.fsync

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(JoryuError, match=r"cannot write .*No space left"),
        StoreWriter(tmp_path, make_manifest()) as writer,
    ):
        writer.add(make_ids(3), ZEROS[:3], make_answers(3))
        writer.flush()
        writer.compact()
        monkeypatch.setattr(os, "fsync", full)
        writer.add(make_ids(3, seed=1), ZEROS[:3], make_answers(3))
        writer.flush()
        writer.flush()
    monkeypatch.setattr(os, "fsync", real)
    assert len(Store.open(tmp_path)) == 3
    assert list(tmp_path.glob(".*")) == []
    StoreWriter(tmp_path, make_manifest()).close()  # the lock was let go


def test_the_manifest_knows_the_form_before_a_shard_appears(
    tmp_path: Path,
    make_manifest: MakeManifest,
    make_ids: MakeIds,
    make_answers: MakeAnswers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def looking(folder: Path, span: Span, columns: object) -> None:
        seen.append(Manifest.read(folder).form)

    monkeypatch.setattr(writer_module, "write_shard", looking)
    with StoreWriter(tmp_path, make_manifest()) as writer:
        writer.add(make_ids(3), ZEROS[:3], make_answers(3))
    assert seen[0] is not None and seen[0].shape == (4,)
