"""Labelling that is gone on with: to the bit, by the same teacher, in the same views."""

from pathlib import Path

import pytest
import torch
from tiny_teachers import B, Failing, N, Sums, contains, contents, options, stop_at
from torch import Tensor

from joryu.errors import JoryuError, MismatchError
from joryu.examples import Examples
from joryu.examples.views import parse_views
from joryu.targets import Encoding, Flush, SoftTargets, Store
from joryu.targets.shards import write_shard
from joryu.teachers.labelling import LabelOptions, label_and_count, label_examples

pytestmark = pytest.mark.usefixtures("spare_the_disk")


@pytest.mark.parametrize("stop", [0, 1, 3, 6, 7, 8, 12])
def test_interrupted_and_resumed_it_is_the_same_to_the_bit(tmp_path: Path, digits: Examples, stop: int) -> None:
    views = parse_views("shift:1")
    whole = label_examples(Sums(), digits, tmp_path / "whole", views=views, n_views=1, options=options())
    batches: list[int] = []

    def interrupt(done: int, total: int) -> None:
        assert total == 2 * N
        batches.append(done)
        if len(batches) > stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted = options(progress=interrupt, flush=Flush(rows=3 * B))
        label_examples(Sums(), digits, tmp_path / "cut", views=views, n_views=1, options=interrupted)
    done = len(Store.open(tmp_path / "cut"))
    assert done == batches[-1]  # Ctrl-C loses nothing at all
    teacher = Sums()
    resumed = label_examples(teacher, digits, tmp_path / "cut", views=views, n_views=1, options=options())
    assert sum(map(len, teacher.asked)) == 2 * N - done
    assert torch.equal(contents(resumed, digits, 1), contents(whole, digits, 1))


def test_a_finished_store_is_not_asked_for_again(tmp_path: Path, digits: Examples) -> None:
    label_examples(Sums(), digits, tmp_path, options=options())
    teacher = Sums()
    unasked = LabelOptions(recheck=False)  # batch size and encoding: as it began
    store = label_examples(teacher, digits, tmp_path, options=unasked)
    assert teacher.asked == [] and len(store) == N
    assert (store.manifest.batch_size, str(store.manifest.encoding)) == (B, "dense:float32")


class Changed(Sums):
    """The teacher after its code was changed, of which its fingerprint knows nothing."""

    def say(self, batch: Tensor) -> SoftTargets:
        answers = super().say(batch)
        answers.values[:, 0] += 1.0
        return answers


@pytest.mark.parametrize("encoding", ["dense", "dense:float32", "top-3"])
def test_one_batch_of_a_finished_store_is_asked_again(tmp_path: Path, digits: Examples, encoding: str) -> None:
    kept = options(encoding=Encoding.parse(encoding), recheck=True)
    first = label_and_count(Sums(), digits, tmp_path, options=kept)
    assert (first.asked, first.kept, first.again) == (N, 0, None)
    teacher = Sums()
    again = label_and_count(teacher, digits, tmp_path, options=kept)
    assert (again.asked, again.kept) == (0, N)
    assert [len(batch) for batch in teacher.asked] == [B]
    assert again.again is not None and again.again.ok and again.again.asked == B


@pytest.mark.parametrize("stop", [2 * B, N])
def test_a_store_is_not_gone_on_with_once_the_teacher_says_something_else(
    tmp_path: Path, digits: Examples, stop: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        label_examples(Sums(), digits, tmp_path, options=options(progress=stop_at(stop)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in (".arrow", ".json")}
    teacher = Changed()
    with pytest.raises(MismatchError, match=r"does not say any more what is stored .*received 16 that differ.*another"):
        label_examples(
            teacher, digits, tmp_path, views=parse_views("shift:1"), n_views=1, options=options(recheck=True)
        )
    assert [len(batch) for batch in teacher.asked] == [B]
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in (".arrow", ".json")}
    assert before == after
    assert len(label_examples(Changed(), digits, tmp_path, options=options(recheck=False))) == N


def test_a_teacher_that_fails_on_what_it_answered_says_so(tmp_path: Path, digits: Examples) -> None:
    label_examples(Sums(), digits, tmp_path, options=options())
    broken = Failing(lambda batch: True, lambda: ValueError("no such layer"))
    with pytest.raises(JoryuError, match=r"fails on what it answered before .*ValueError: no such layer.*--no-recheck"):
        label_examples(broken, digits, tmp_path, options=options(recheck=True))
    small = Failing(lambda batch: len(batch) > 4, lambda: RuntimeError("out of memory"))
    found = label_and_count(small, digits, tmp_path, options=options(recheck=True))
    assert found.again is not None and found.again.asked == B


def test_what_never_was_answered_is_not_asked_again_as_if_it_had_been(tmp_path: Path, digits: Examples) -> None:
    bad = digits.inputs[::B]  # one in every batch at most
    label_examples(Failing(lambda batch: any(contains(batch, one) for one in bad)), digits, tmp_path, options=options())
    teacher = Sums()
    found = label_and_count(teacher, digits, tmp_path, options=options(recheck=True))
    assert found.asked == len(bad) and found.kept == N - len(bad)
    assert found.again is not None and found.again.ok
    assert not any(contains(teacher.asked[0], picture) for picture in bad)


def test_views_are_asked_again_as_views(tmp_path: Path, digits: Examples) -> None:
    views, asked = parse_views("shift:2"), {"recheck": True, "batch_size": N}
    label_examples(Sums(), digits, tmp_path, views=views, n_views=2, options=options(**asked))
    store = Store.open(tmp_path)
    seeds = store.keys(torch.arange(store.n_rows))[1]
    columns = {name: column[seeds == 2] for name, column in store.shards[0].columns.items()}
    write_shard(tmp_path, store.shards[0].span, columns)  # only the answers about the second view are left
    found = label_and_count(Sums(), digits, tmp_path, views=views, n_views=2, options=options(**asked))
    assert found.again is not None and found.again.asked == N
    assert (found.asked, found.kept) == (2 * N, N)


def test_more_views_can_be_asked_later(tmp_path: Path, digits: Examples) -> None:
    label_examples(Sums(), digits, tmp_path / "grown", options=options())
    views, teacher = parse_views("shift:1"), Sums()
    grown = label_examples(teacher, digits, tmp_path / "grown", views=views, n_views=2, options=options())
    assert sum(map(len, teacher.asked)) == 2 * N
    at_once = label_examples(Sums(), digits, tmp_path / "once", views=views, n_views=2, options=options())
    assert torch.equal(contents(grown, digits, 2), contents(at_once, digits, 2))


@pytest.mark.parametrize(
    ("teacher", "rows", "changes", "message"),
    [
        (Sums("another"), N, {}, "another teacher"),
        (Sums(), 0, {}, "other examples"),
        (Sums(), N, {"batch_size": 8}, "another batch size"),
        (Sums(), N, {"encoding": Encoding.parse("top-3")}, "another encoding"),
    ],
)
def test_a_resumed_run_must_agree_with_the_store(
    tmp_path: Path, digits: Examples, teacher: Sums, rows: int, changes: dict[str, object], message: str
) -> None:
    label_examples(Sums(), digits, tmp_path, options=options())
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.a*")}
    with pytest.raises(MismatchError, match=message):
        shown = digits if rows == N else Examples.of(digits.inputs + 1, classes=digits.classes)
        label_examples(teacher, shown, tmp_path, options=options(**changes))
    assert teacher.asked == []
    assert before == {path.name: path.read_bytes() for path in tmp_path.glob("*.a*")}


def test_other_views_are_refused(tmp_path: Path, digits: Examples) -> None:
    label_examples(Sums(), digits, tmp_path, views=parse_views("shift:1"), n_views=1, options=options())
    with pytest.raises(MismatchError, match=r"other views .*expected shift:1; received shift:2"):
        label_examples(Sums(), digits, tmp_path, views=parse_views("shift:2"), n_views=1, options=options())


def test_views_that_were_never_begun_give_way_to_others(tmp_path: Path, digits: Examples) -> None:
    stopped = options(progress=stop_at(2 * B))
    with pytest.raises(KeyboardInterrupt):
        label_examples(Sums(), digits, tmp_path, views=parse_views("shift:2"), n_views=3, options=stopped)
    store = label_examples(Sums(), digits, tmp_path, views=parse_views("flip"), n_views=1, options=options())
    assert len(store) == 2 * N and (store.manifest.views, store.manifest.n_views) == ("flip", 1)
    assert Store.open(tmp_path).manifest.views == "flip"


def test_a_lost_shard_is_asked_for_again(tmp_path: Path, digits: Examples) -> None:
    with pytest.raises(KeyboardInterrupt):
        label_examples(Sums(), digits, tmp_path, options=options(progress=stop_at(4 * B)))
    shards = sorted(tmp_path.glob("shard-*"))
    assert len(shards) == 4
    shards[1].unlink()
    teacher = Sums()
    store = label_examples(teacher, digits, tmp_path, options=options())
    assert len(store) == N and len(teacher.asked) == 7 - 3
    whole = label_examples(Sums(), digits, tmp_path / "whole", options=options())
    assert torch.equal(contents(store, digits), contents(whole, digits))
