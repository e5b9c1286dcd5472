"""A store grows when its set does: new examples are asked about, old answers stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.views import parse_views
from joryu.questions import Question
from joryu.targets import Encoding, Flush, Manifest, SoftTargets, Space, Store, audit
from joryu.targets.failures import id_to_hex
from joryu.targets.growth import Growth
from joryu.teachers import Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions, growth_of, label_and_count, label_examples
from joryu.teachers.verify import verify
from joryu.training import Replayed

N, B = 100, 16

pytestmark = pytest.mark.usefixtures("spare_the_disk")


@pytest.fixture(scope="module")
def digits(first_digits: Callable[[int], Examples]) -> Examples:
    return first_digits(N)


class ByPlace:
    """Its answers depend on the batch that an example is in, in size and place, as a matrix product's do."""

    question, fingerprint = Question.one_of(10), "by place"

    def __init__(self, blind: frozenset[str] = frozenset()) -> None:
        self.blind = blind
        self.asked: list[tuple[str, int]] = []
        self.sizes: list[int] = []

    def answer(self, batch: TeacherBatch) -> Reply:
        self.sizes.append(len(batch))
        self.asked += [(id_to_hex(words), int(seed)) for words, seed in zip(batch.ids, batch.seeds, strict=True)]
        failures = {at: "no such picture" for at in range(len(batch)) if id_to_hex(batch.ids[at]) in self.blind}
        rows = [at for at in range(len(batch)) if at not in failures]
        place = torch.arange(len(batch))[:, None] / 1000 + len(batch) / 10
        values = (batch.inputs.float().flatten(1)[:, 10:20] + place)[rows]
        answers = SoftTargets(values=values, space=Space.LOGITS, question=self.question)
        return Reply(answers if rows else None, failures)


def options(**changes: object) -> LabelOptions:
    plain = {"batch_size": B, "encoding": Encoding(dtype="float32"), "flush": Flush(rows=B), "recheck": False}
    return LabelOptions(**plain | changes)  # type: ignore[arg-type]


def keys(examples: Examples, *seeds: int) -> set[tuple[str, int]]:
    return {(id_to_hex(words), seed) for words in examples.ids for seed in seeds or (0,)}


def values(store: Store, examples: Examples, n_views: int = 0) -> torch.Tensor:
    return torch.cat([store.gather(store.rows(examples.ids, view)).values for view in range(n_views + 1)])


def test_new_examples_are_asked_and_old_answers_stay(tmp_path: Path, digits: Examples) -> None:
    first, then = digits.select(range(60)), digits.select(range(4, N))
    before = values(label_examples(ByPlace(), first, tmp_path, options=options()), first)
    teacher = ByPlace()
    assert growth_of(teacher, then, tmp_path) == Growth(new=40, kept=56, gone=4)
    assert Manifest.read(tmp_path).examples.count == 60  # to ask how it would grow changes nothing
    done = label_and_count(teacher, then, tmp_path, options=options())
    assert (done.asked, done.kept, done.growth) == (40, 56, Growth(new=40, kept=56, gone=4))
    assert set(teacher.asked) == keys(digits.select(range(60, N))) and len(teacher.asked) == 40
    assert teacher.sizes == [16, 16, 8]  # the new ones together, not one here and one there
    assert torch.equal(values(done.store, first), before)
    manifest = done.store.manifest
    assert (manifest.examples.fingerprint, manifest.examples.count) == (then.fingerprint, 96)
    (former,) = manifest.former
    assert (former.fingerprint, former.count, former.brought) == (first.fingerprint, 60, 60)
    assert manifest.strangers == 4 and len(done.store) == N
    assert growth_of(teacher, then, tmp_path) is None


def test_a_grown_store_is_audited_verified_and_taught_from(tmp_path: Path, digits: Examples) -> None:
    label_examples(ByPlace(), digits.select(range(60)), tmp_path, options=options())
    then = digits.select(range(4, N))
    store = label_examples(ByPlace(), then, tmp_path, options=options())
    store.require_about(then)
    assert audit(store, then).missing == audit(store).missing == 0
    assert verify(store, ByPlace(), then, sample=1000, tolerance=1.0).asked == 96
    with pytest.raises(MismatchError, match="other examples"):
        verify(store, ByPlace(), digits.select(range(60)))
    Replayed(store).require_answers(then, 3)
    again = ByPlace()
    done = label_and_count(again, then, tmp_path, options=options(recheck=True))
    assert (done.asked, done.kept, again.sizes) == (0, 96, [B])  # rechecked in a batch just as it was asked
    assert done.again is not None and done.again.max_error == 0


def test_what_is_missing_of_a_grown_store_is_counted_without_the_examples(tmp_path: Path, digits: Examples) -> None:
    label_examples(ByPlace(), digits.select(range(60)), tmp_path, options=options())
    then = digits.select(range(4, 64))  # four gone, four new: as many keys as before
    with pytest.raises(KeyboardInterrupt):
        label_examples(ByPlace(), then, tmp_path, options=options(progress=_stop_at(1)))
    store = Store.open(tmp_path)
    assert len(store) == 60 and store.manifest.examples.count == 60
    assert audit(store).missing == audit(store, then).missing == 4
    with pytest.raises(InputError, match="4 of 60 examples have no soft targets"):
        Replayed(store).require_answers(then, 3)


def _grown(folder: Path, digits: Examples, interrupt: int | None = None) -> Store:
    """Grown twice, under two views, with failures; interrupted after so many keys of the last growth."""
    views, blind = parse_views("shift:1"), frozenset({id_to_hex(digits.ids[20]), id_to_hex(digits.ids[75])})
    for rows in (range(50), range(5, 70)):
        part = digits.select(rows)
        label_examples(ByPlace(blind), part, folder, views=views, n_views=1, options=options())
    shown = digits.select(range(10, N))
    stop = options() if interrupt is None else options(progress=_stop_at(interrupt), flush=Flush(rows=3 * B))
    return label_examples(ByPlace(blind), shown, folder, views=views, n_views=1, options=stop)


@pytest.mark.parametrize("interrupt", [1, 70, 90, 120, 170])
def test_an_interrupted_growth_ends_in_the_same_bits(tmp_path: Path, digits: Examples, interrupt: int) -> None:
    whole = _grown(tmp_path / "whole", digits)
    with pytest.raises(KeyboardInterrupt):
        _grown(tmp_path / "cut", digits, interrupt)
    # A kill, unlike Ctrl-C, loses the open shard but no failure: the last shard goes, the ledger stays.
    sorted((tmp_path / "cut").glob("shard-*"))[-1].unlink() if interrupt > 70 else None
    views, shown = parse_views("shift:1"), digits.select(range(10, N))
    blind = frozenset({id_to_hex(digits.ids[20]), id_to_hex(digits.ids[75])})
    resumed = label_examples(ByPlace(blind), shown, tmp_path / "cut", views=views, n_views=1, options=options())
    assert len(resumed) == len(whole)
    seen = digits.select([*range(10, 20), *range(21, 75), *range(76, N)])
    assert torch.equal(values(resumed, seen, 1), values(whole, seen, 1))


def test_another_set_altogether_is_refused(tmp_path: Path, digits: Examples) -> None:
    label_examples(ByPlace(), digits.select(range(60)), tmp_path, options=options())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    teacher = ByPlace()
    for recheck in (True, False):
        with pytest.raises(MismatchError, match=r"made with other examples .*label into another folder"):
            label_examples(teacher, digits.select(range(60, N)), tmp_path, options=options(recheck=recheck))
    assert teacher.asked == [] and before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize("rows", [range(70), range(50)])
def test_a_set_whose_views_are_blends_of_it_does_not_change(tmp_path: Path, digits: Examples, rows: range) -> None:
    views = parse_views("mixup:0.2")
    label_examples(ByPlace(), digits.select(range(60)), tmp_path, views=views, n_views=1, options=options())
    teacher = ByPlace()
    said = rf"views mixup:0\.2 blend examples .*expected the 60 examples .* unchanged; received {len(rows)} examples"
    with pytest.raises(MismatchError, match=said):
        label_examples(teacher, digits.select(rows), tmp_path, views=views, n_views=1, options=options(recheck=True))
    with pytest.raises(MismatchError, match=said):
        growth_of(teacher, digits.select(rows), tmp_path)
    assert teacher.asked == []


def test_a_set_that_only_shrank_is_asked_nothing(tmp_path: Path, digits: Examples) -> None:
    label_examples(ByPlace(), digits, tmp_path, options=options())
    teacher = ByPlace()
    done = label_and_count(teacher, digits.select(range(90)), tmp_path, options=options())
    assert (done.asked, done.kept, done.growth) == (0, 90, Growth(new=0, kept=90, gone=10))
    back = label_and_count(teacher, digits, tmp_path, options=options())  # the ten are there again, and answered
    assert (back.asked, back.kept, back.growth) == (0, N, Growth(new=0, kept=N, gone=0))
    assert teacher.asked == [] and back.store.manifest.strangers == 0
    assert [former.brought for former in back.store.manifest.former] == [N, 0]


def test_what_failed_before_the_growth_is_asked_again(tmp_path: Path, digits: Examples) -> None:
    blind = ByPlace(frozenset({id_to_hex(digits.ids[7])}))
    label_examples(blind, digits.select(range(60)), tmp_path, options=options())
    teacher = ByPlace()
    done = label_and_count(teacher, digits, tmp_path, options=options())
    assert done.growth == Growth(new=40, kept=60, gone=0)
    assert set(teacher.asked) == keys(digits.select([7, *range(60, N)]))
    assert len(done.store) == N and done.store.failures() == []


def test_copies_in_a_grown_set_are_asked_once(tmp_path: Path, digits: Examples) -> None:
    label_examples(ByPlace(), digits.select(range(60)), tmp_path, options=options())
    doubled = digits.select([*range(N), *range(50, N)])
    teacher = ByPlace()
    label_examples(teacher, doubled, tmp_path, options=options())
    assert len(teacher.asked) == 40 and set(teacher.asked) == keys(digits.select(range(60, N)))


def test_a_lost_list_of_former_ids_is_named(tmp_path: Path, digits: Examples) -> None:
    label_examples(ByPlace(), digits.select(range(60)), tmp_path, options=options())
    label_examples(ByPlace(), digits, tmp_path, options=options())
    (tmp_path / "former-0001.ids").write_bytes(b"short")
    with pytest.raises(InputError, match=r"former-0001.ids is missing or damaged .*60 ids .*received 5 bytes"):
        label_examples(ByPlace(), digits, tmp_path, options=options())


def test_a_growth_at_another_form_or_by_another_teacher_is_refused(tmp_path: Path, digits: Examples) -> None:
    label_examples(ByPlace(), digits.select(range(60)), tmp_path, options=options())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = ByPlace()
    other.fingerprint = "another"
    for teacher, more in ((other, {}), (ByPlace(), {"encoding": Encoding.parse("top-3")})):
        with pytest.raises(MismatchError, match="made with another"):
            label_examples(teacher, digits, tmp_path, options=options(**more))
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def _stop_at(done: int) -> Callable[[int, int], None]:
    def stop(now: int, _total: int) -> None:
        if now >= done:
            raise KeyboardInterrupt

    return stop
