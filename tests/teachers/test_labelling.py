"""The labelling loop: everything once, resumable to the bit, failures narrowed down."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from joryu.errors import InputError, JoryuError, MismatchError, MissingExtraError
from joryu.examples import Examples
from joryu.examples.views import parse_views
from joryu.questions import Question
from joryu.targets import Encoding, Flush, SoftTargets, Space, Store
from joryu.targets.failures import id_to_hex
from joryu.targets.shards import write_shard
from joryu.teachers import Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions, Origin, label_and_count, label_examples

N, B = 100, 16

pytestmark = pytest.mark.usefixtures("spare_the_disk")


@pytest.fixture(scope="module")
def digits(first_digits: Callable[[int], Examples]) -> Examples:
    return first_digits(N)


class Sums:
    """A teacher whose answers depend on the picture *and* on its batch, in size and place, as a matrix product's do."""

    question = Question.one_of(10)

    def __init__(self, fingerprint: str = "sums") -> None:
        self.fingerprint = fingerprint
        self.asked: list[Tensor] = []

    def answer(self, batch: TeacherBatch) -> Reply:
        self.asked.append(batch.inputs)
        return Reply(self.say(batch.inputs))

    def say(self, batch: Tensor) -> SoftTargets:
        place = torch.arange(len(batch))[:, None] / 1000 + len(batch) / 10
        values = batch.float().flatten(1)[:, 10:20] + place
        return SoftTargets(values=values, space=Space.LOGITS, question=Question.one_of(10))


class Failing(Sums):
    """Raises where a rule says so."""

    def __init__(self, fails: Callable[[Tensor], bool], error: Callable[[], Exception] | None = None) -> None:
        super().__init__()
        self.fails = fails
        self.error = error or (lambda: OSError("no such picture"))

    def say(self, batch: Tensor) -> SoftTargets:
        if self.fails(batch):
            raise self.error()
        return super().say(batch)


def options(**changes: object) -> LabelOptions:
    plain = {"batch_size": B, "encoding": Encoding(dtype="float32"), "flush": Flush(rows=B), "recheck": False}
    return LabelOptions(**plain | changes)


def contents(store: Store, examples: Examples, n_views: int = 0) -> Tensor:
    return torch.cat([store.gather(store.rows(examples.ids, view)).values for view in range(n_views + 1)])


def contains(batch: Tensor, picture: Tensor) -> bool:
    return bool((batch == picture).flatten(1).all(1).any())


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
        label_examples(Sums(), digits, tmp_path, options=options(progress=_stop_at(stop)))
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


@pytest.mark.parametrize("bad", [[0], [N - 1], [15, 16], [3, 4, 5, 50]])
def test_bad_examples_cost_only_themselves(tmp_path: Path, digits: Examples, bad: list[int]) -> None:
    pictures = digits.inputs[bad]
    teacher = Failing(lambda batch: any(contains(batch, picture) for picture in pictures))
    store = label_examples(teacher, digits, tmp_path, options=options())
    assert store.missing(digits.ids, 0).nonzero().flatten().tolist() == bad
    failures = store.failures()
    assert {failure.id for failure in failures} == {id_to_hex(digits.ids[row]) for row in bad}
    assert {(failure.view, failure.reason, failure.attempts) for failure in failures} == {
        (0, "OSError: no such picture", 1)
    }


def test_only_what_failed_is_asked_again_and_made_good(tmp_path: Path, digits: Examples) -> None:
    bad = digits.inputs[7]
    label_examples(Failing(lambda batch: contains(batch, bad)), digits, tmp_path, options=options())
    still = Failing(lambda batch: contains(batch, bad))
    store = label_examples(still, digits, tmp_path, options=options())
    assert [len(batch) for batch in still.asked] == [1]
    assert [failure.attempts for failure in store.failures()] == [2]
    mended = Sums()
    store = label_examples(mended, digits, tmp_path, options=options())
    assert [len(batch) for batch in mended.asked] == [1]
    assert len(store) == N and store.failures() == []


def test_a_batch_too_large_for_memory_is_halved_until_it_fits(tmp_path: Path, digits: Examples) -> None:
    teacher = Failing(lambda batch: len(batch) > 4, lambda: RuntimeError("out of memory"))
    store = label_examples(teacher, digits, tmp_path, options=options())
    assert len(store) == N and store.failures() == []


def test_answers_that_are_not_finite_are_failures(tmp_path: Path, digits: Examples) -> None:
    class Overflowing(Sums):
        def say(self, batch: Tensor) -> SoftTargets:
            answers = super().say(batch)
            answers.values[(batch == digits.inputs[5]).flatten(1).all(1)] = float("nan")
            return answers

    store = label_examples(Overflowing(), digits, tmp_path, options=options())
    assert store.missing(digits.ids, 0).nonzero().flatten().tolist() == [5]
    assert [failure.reason for failure in store.failures()] == ["the answer is not finite"]
    assert contents(store, digits.select([*range(5), *range(6, N)])).isfinite().all()


def test_a_teacher_that_fails_on_everything_is_given_up_early(tmp_path: Path, digits: Examples) -> None:
    teacher = Failing(lambda batch: True, lambda: ValueError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(JoryuError, match=r"failed on 5 examples in a row .*mat1 and mat2.*what was answered is kept"):
        label_examples(teacher, digits, tmp_path, options=options(patience=5))
    assert len(teacher.asked) < 20
    assert len(Store.open(tmp_path).failures()) == 5


def test_a_teacher_that_breaks_half_way_keeps_what_it_answered(tmp_path: Path, digits: Examples) -> None:
    teacher = Failing(lambda batch: len(teacher.asked) > 3)
    with pytest.raises(JoryuError, match="no such picture"):
        label_examples(teacher, digits, tmp_path, options=options(patience=5))
    assert len(Store.open(tmp_path)) == 3 * B
    whole = label_examples(Sums(), digits, tmp_path / "whole", options=options())
    answered = ~Store.open(tmp_path).missing(digits.ids, 0)
    store = label_examples(Sums(), digits, tmp_path, options=options())
    assert torch.equal(contents(store, digits)[answered], contents(whole, digits)[answered])
    assert len(store) == N


def test_a_teacher_given_up_within_a_batch_keeps_what_it_did_answer(tmp_path: Path, digits: Examples) -> None:
    teacher = Failing(lambda batch: len(teacher.asked) != 2)  # the whole batch fails, its first half does not
    with pytest.raises(JoryuError, match="failed on 3 examples in a row"):
        label_examples(teacher, digits, tmp_path, options=options(patience=3))
    assert len(Store.open(tmp_path)) == B // 2


def test_a_teacher_of_nothing_but_nan_is_given_up(tmp_path: Path, digits: Examples) -> None:
    class Silent(Sums):
        def say(self, batch: Tensor) -> SoftTargets:
            return SoftTargets(
                values=torch.full((len(batch), 10), torch.nan), space=Space.LOGITS, question=self.question
            )

    with pytest.raises(JoryuError, match=r"in a row .*not finite"):
        label_examples(Silent(), digits, tmp_path, options=options())
    with pytest.raises(JoryuError, match="could answer nothing"):
        label_examples(Silent(), digits, tmp_path, options=options(patience=10_000))


def test_what_the_teacher_says_in_our_own_words_is_passed_on(tmp_path: Path, digits: Examples) -> None:
    teacher = Failing(lambda batch: True, lambda: MissingExtraError("httpx", "api", "asking an API"))
    with pytest.raises(MissingExtraError, match=r"joryu\[api\]"):
        label_examples(teacher, digits, tmp_path, options=options())


def test_too_few_answers_are_an_error_and_not_a_failure(tmp_path: Path, digits: Examples) -> None:
    class Short(Sums):
        def say(self, batch: Tensor) -> SoftTargets:
            return super().say(batch[:-1])

    with pytest.raises(MismatchError, match=r"another number of answers .*expected 16; received 15"):
        label_examples(Short(), digits, tmp_path, options=options())


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


def test_views_that_were_never_begun_give_way_to_others(tmp_path: Path, digits: Examples) -> None:
    stopped = options(progress=_stop_at(2 * B))
    with pytest.raises(KeyboardInterrupt):
        label_examples(Sums(), digits, tmp_path, views=parse_views("shift:2"), n_views=3, options=stopped)
    store = label_examples(Sums(), digits, tmp_path, views=parse_views("flip"), n_views=1, options=options())
    assert len(store) == 2 * N and (store.manifest.views, store.manifest.n_views) == ("flip", 1)
    assert Store.open(tmp_path).manifest.views == "flip"


def test_a_lost_shard_is_asked_for_again(tmp_path: Path, digits: Examples) -> None:
    with pytest.raises(KeyboardInterrupt):
        label_examples(Sums(), digits, tmp_path, options=options(progress=_stop_at(4 * B)))
    shards = sorted(tmp_path.glob("shard-*"))
    assert len(shards) == 4
    shards[1].unlink()
    teacher = Sums()
    store = label_examples(teacher, digits, tmp_path, options=options())
    assert len(store) == N and len(teacher.asked) == 7 - 3
    whole = label_examples(Sums(), digits, tmp_path / "whole", options=options())
    assert torch.equal(contents(store, digits), contents(whole, digits))


def test_progress_ends_at_the_total_and_never_goes_back(tmp_path: Path, digits: Examples) -> None:
    told: list[tuple[int, int]] = []
    label_examples(Sums(), digits, tmp_path, options=options(progress=lambda *now: told.append(now)))
    assert told[-1] == (N, N) and told == sorted(told) and len(told) == 7
    again: list[tuple[int, int]] = []
    label_examples(Sums(), digits, tmp_path, options=options(progress=lambda *now: again.append(now)))
    assert again[-1] == (N, N)


def test_the_manifest_says_who_what_and_at_what_cost(tmp_path: Path, digits: Examples) -> None:
    origin = Origin(teacher="run:big", examples="digits", split="train", size=8, command="joryu label …")
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


def _stop_at(rows: int) -> Callable[[int, int], None]:
    def stop(done: int, _total: int) -> None:
        if done >= rows:
            raise KeyboardInterrupt

    return stop


def test_ids_of_the_store_are_those_of_the_examples(tmp_path: Path, digits: Examples) -> None:
    store = label_examples(Sums(), digits, tmp_path, options=options())
    ids, views = store.keys(torch.arange(store.n_rows))
    assert _as_set(ids) == _as_set(digits.ids) and not views.any()


def _as_set(ids: Iterable[np.ndarray]) -> set[tuple[int, ...]]:
    return {tuple(row.tolist()) for row in ids}
