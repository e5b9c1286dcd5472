"""Batches against a loop over one example at a time, and against the teacher itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import digits, label, nearest_mean
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples import UNLABELLED, Examples, parse_views
from joryu.questions import Question
from joryu.targets import Store
from joryu.training import Batch, CarriedOver, LabelsAlone, Live, Replayed, TrainingData
from joryu.training import training_data as module

VIEWS = "shift:1,flip"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Answers about 200 digits and three views of each."""
    return label(tmp_path_factory.mktemp("store"), views=VIEWS, n_views=3, examples=digits(200))


@pytest.fixture(scope="module")
def shuffled() -> Examples:
    """Half of these digits, in an order that is neither theirs nor the store's, with one of them twice."""
    rows = torch.randperm(200, generator=torch.Generator().manual_seed(4))[:99]
    return digits(200).select(torch.cat([rows, rows[:1]]))


def answers(store: Store) -> dict[tuple[bytes, int], Tensor]:
    rows = torch.arange(store.n_rows)
    ids, seeds = store.keys(rows)
    values = store.gather(rows).values
    return {(key.tobytes(), int(seed)): value for key, seed, value in zip(ids, seeds, values, strict=True)}


def joined(batches: list[Batch]) -> tuple[Tensor, Tensor, Tensor | None]:
    soft = None
    if batches[0].soft_targets is not None:
        soft = torch.cat([batch.soft_targets.values for batch in batches if batch.soft_targets is not None])
    labels = torch.cat([batch.labels for batch in batches if batch.labels is not None])
    return torch.cat([batch.inputs for batch in batches]), labels, soft


@pytest.mark.parametrize("epoch", [0, 1, 2, 3, 7])
def test_a_block_is_what_a_loop_over_single_examples_gives(store: Store, shuffled: Examples, epoch: int) -> None:
    data = TrainingData(shuffled, Replayed(store))
    showings = data.showings(epoch, seed=3)
    inputs, labels, soft = joined(list(data.batches(showings, epoch=epoch, batch_size=16)))
    known, views = answers(store), parse_views(VIEWS)
    seed = 1 + epoch % 3
    assert shuffled.labels is not None
    assert soft is not None
    for at, row in enumerate(showings.tolist()):
        alone = views.apply(shuffled, torch.tensor([row]), torch.tensor([seed])).inputs[0]
        assert torch.equal(inputs[at], alone)
        assert labels[at] == shuffled.labels[row]
        assert torch.equal(soft[at], known[shuffled.ids[row].tobytes(), seed])


@pytest.mark.parametrize("n_views", [0, 3])
def test_soft_targets_belong_to_the_very_inputs_beside_them(
    store: Store, shuffled: Examples, n_views: int, tmp_path: Path
) -> None:
    """The classic bug of distillation caches: the answers are right, but of other pictures."""
    teacher = nearest_mean(digits(200))
    kept = store if n_views else label(tmp_path, examples=digits(200))
    data = TrainingData(shuffled, Replayed(kept))
    for epoch in range(4):
        for batch in data.batches(data.showings(epoch, seed=0), epoch=epoch, batch_size=32):
            asked = teacher.label(batch.inputs).values
            assert batch.soft_targets is not None
            assert torch.allclose(batch.soft_targets.values.float(), asked, atol=0.02)
            assert not torch.allclose(batch.soft_targets.values.float(), asked.roll(1, 0), atol=0.02)


def test_without_a_store_every_epoch_has_views_of_its_own() -> None:
    examples = digits(40)
    data = TrainingData(examples, LabelsAlone(parse_views("shift:2")))
    rows = torch.arange(40)
    seen = []
    for epoch in range(3):
        inputs, labels, _ = joined(list(data.batches(rows, epoch=epoch, batch_size=7)))
        expected = parse_views("shift:2").apply(examples, rows, torch.full((40,), epoch + 1))
        assert torch.equal(inputs, expected.inputs)
        assert torch.equal(labels, examples.labels_or_empty)
        seen.append(inputs)
    assert not torch.equal(seen[0], seen[1])


def test_without_views_the_examples_themselves() -> None:
    examples = digits(10)
    inputs, labels, _ = joined(list(TrainingData(examples).batches(torch.tensor([3, 9, 3]), epoch=5, batch_size=2)))
    assert torch.equal(inputs, examples.inputs[[3, 9, 3]])
    assert labels.tolist() == examples.labels_or_empty[[3, 9, 3]].tolist()


@pytest.mark.parametrize("block_bytes", [1, 64 * 16, 64 * 16 * 3 + 1, 2**30])
def test_where_a_block_ends_changes_nothing(
    store: Store, shuffled: Examples, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = TrainingData(shuffled, Replayed(store))
    showings = data.showings(1, seed=0)
    expected = list(data.batches(showings, epoch=1, batch_size=16))
    monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    found = list(data.batches(showings, epoch=1, batch_size=16))
    assert [len(batch.inputs) for batch in found] == [16] * 6 + [4]
    for one, other in zip(joined(found), joined(expected), strict=True):
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


def test_going_on_in_the_middle_of_an_epoch_shows_the_rest_of_it(store: Store, shuffled: Examples) -> None:
    data = TrainingData(shuffled, Replayed(store))
    showings = data.showings(2, seed=0)
    whole = list(data.batches(showings, epoch=2, batch_size=16))
    rest = list(data.batches(showings[3 * 16 :], epoch=2, batch_size=16))
    assert all(torch.equal(one.inputs, other.inputs) for one, other in zip(rest, whole[3:], strict=True))


def test_an_epoch_shows_every_example_once_in_an_order_of_its_own() -> None:
    data = TrainingData(digits(50))
    orders = [data.showings(epoch, seed=seed) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order.tolist()) == list(range(50)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4
    assert torch.equal(data.showings(1, seed=1), orders[3])


def test_a_small_set_goes_round_evenly_and_every_time_in_another_view() -> None:
    """The twin of a student that learns from five times as many examples is not shown one view five times."""
    examples = digits(20)
    data = TrainingData(examples, LabelsAlone(parse_views("shift:2")), examples_per_epoch=90)
    assert (data.epoch_size, data.turns) == (90, 5)
    showings = data.showings(3, seed=0)
    rows, turns = showings % 20, showings // 20
    assert turns.tolist() == sorted(turns.tolist())
    assert np.bincount(rows[:80]).tolist() == [4] * 20
    assert len(set(rows[80:].tolist())) == 10
    inputs, _, _ = joined(list(data.batches(showings, epoch=3, batch_size=90)))
    for turn in range(5):
        at = turns == turn
        expected = parse_views("shift:2").apply(examples, rows[at], torch.full((int(at.sum()),), 3 * 5 + turn + 1))
        assert torch.equal(inputs[at], expected.inputs)


def test_fewer_examples_per_epoch_than_there_are() -> None:
    showings = TrainingData(digits(50), examples_per_epoch=8).showings(0, seed=0)
    assert len(set(showings.tolist())) == 8
    assert max(showings.tolist()) < 50


def test_mixed_labels_come_as_probabilities() -> None:
    examples = digits(30)
    data = TrainingData(examples, LabelsAlone(parse_views("mixup:0.4")))
    _, labels, _ = joined(list(data.batches(torch.arange(30), epoch=0, batch_size=30)))
    assert labels.shape == (30, 10)
    assert torch.allclose(labels.sum(1), torch.ones(30))


def test_what_does_not_belong_together(store: Store) -> None:
    examples = digits(200)
    renamed = Examples.of(examples.inputs, examples.labels, classes=[f"digit {name}" for name in examples.classes])
    with pytest.raises(MismatchError, match="class 0"):
        TrainingData(renamed, Replayed(store))
    with pytest.raises(InputError, match="nothing to learn from"):
        TrainingData(Examples.of(examples.inputs, classes=examples.classes))
    with pytest.raises(InputError, match="examples_per_epoch"):
        TrainingData(examples, examples_per_epoch=0)


def test_blended_views_need_the_very_set_the_teacher_was_shown(tmp_path: Path) -> None:
    """Mixup draws partners from the set: of another set it would make other pictures than those that were answered."""
    mixed = label(tmp_path, views="mixup:1", n_views=1, examples=digits(40))
    turned = digits(40).select(list(range(39, -1, -1)))
    batch = next(iter(TrainingData(turned, Replayed(mixed)).batches(torch.arange(40), epoch=0, batch_size=40)))
    assert batch.soft_targets is not None
    asked = nearest_mean(digits(40)).label(batch.inputs).values
    assert torch.allclose(batch.soft_targets.values.float(), asked, atol=0.02)
    with pytest.raises(MismatchError, match="these views blend examples"):
        TrainingData(digits(39), Replayed(mixed))


def test_a_part_of_a_blended_set_is_shown_the_very_views_and_nothing_that_was_held_out(tmp_path: Path) -> None:
    whole = digits(60)
    mixed = label(tmp_path, views="shift:1,mixup:1", n_views=2, examples=whole)
    rows = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    part, rest = whole.select(rows[:40]).hide_labels(torch.arange(0, 40, 5)), whole.select(rows[40:])
    data = TrainingData(part, Replayed(mixed, whole), validation=rest.hide_labels(torch.arange(20)))
    data.require_answers(2)
    views, everyone = parse_views("shift:1,mixup:1"), torch.arange(40)
    for epoch in (0, 1):
        (batch,) = data.batches(everyone, epoch=epoch, batch_size=40)
        seeds = torch.full((40,), epoch + 1)
        held_out = torch.isin(views.partners(whole, rows[:40], seeds), rows[40:])
        assert 5 < int(held_out.sum()) < 25
        asked = views.apply(whole, rows[:40], seeds)
        assert torch.equal(batch.inputs[~held_out], asked.inputs[~held_out])
        assert torch.equal(batch.inputs[held_out], part.inputs[held_out])
        # The answers are about these very inputs, and the labels come from the part alone.
        assert batch.soft_targets is not None
        assert batch.labels is not None
        assert torch.allclose(
            batch.soft_targets.values.float(), nearest_mean(whole).label(batch.inputs).values, atol=0.02
        )
        hidden = whole.hide_labels(torch.cat([rows[40:], rows[:40:5]]))
        expected = views.apply(hidden, rows[:40], seeds.where(~held_out, 0)).labels
        assert expected is not None
        assert torch.equal(batch.labels, expected)
        assert 0 < int((batch.labels.sum(1) == 0).sum()) < 40
    judge = data.validation_data()
    assert judge is not None
    (batch,) = judge.batches(torch.arange(20), epoch=None, batch_size=20)
    assert torch.equal(batch.inputs, rest.inputs)


def test_a_whole_that_is_another_or_does_not_hold_the_part_is_refused(tmp_path: Path) -> None:
    mixed = label(tmp_path, views="mixup:1", n_views=1, examples=digits(40))
    with pytest.raises(MismatchError, match="these views blend examples"):
        TrainingData(digits(20), Replayed(mixed, digits(39)))
    with pytest.raises(MismatchError, match="not in the set that the teacher was shown"):
        next(
            iter(TrainingData(digits(41), Replayed(mixed, digits(40))).batches(torch.arange(9), epoch=0, batch_size=9))
        )


def test_answers_that_validation_will_ask_for_are_required_too(store: Store) -> None:
    unlabelled = digits(260).select(range(150, 260)).hide_labels(torch.arange(110))
    TrainingData(digits(150), Replayed(store), validation=unlabelled.select(range(50))).require_answers(1)
    with pytest.raises(InputError, match="60 of 110 examples have no soft targets"):
        TrainingData(digits(150), Replayed(store), validation=unlabelled).require_answers(1)


def test_answers_are_looked_up_before_training_and_not_after_hours(store: Store, tmp_path: Path) -> None:
    TrainingData(digits(150), Replayed(store)).require_answers(1000)
    with pytest.raises(InputError, match="1 of 201 examples have no soft targets"):
        TrainingData(digits(201), Replayed(store)).require_answers(1)
    # View 2 is missing of one example: enough for one epoch, which shows view 1, and not for two.
    rows = torch.arange(store.n_rows)
    ids, seeds = store.keys(rows)
    gap = (ids == digits(200).ids[7]).all(1) & (seeds == 2)
    partly = Partly(store, lost={(ids[gap][0].tobytes(), 2)})
    TrainingData(digits(200), Replayed(partly)).require_answers(1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="1 of 200"):
        TrainingData(digits(200), Replayed(partly)).require_answers(2)  # type: ignore[arg-type]


class Partly:
    """A store that has lost some keys."""

    def __init__(self, store: Store, lost: set[tuple[bytes, int]]) -> None:
        self.store, self.lost, self.manifest = store, lost, store.manifest

    def __len__(self) -> int:
        return len(self.store) - len(self.lost)

    def rows(self, ids: np.ndarray, views: int) -> Tensor:
        missing = sum((key.tobytes(), views) in self.lost for key in ids)
        if missing:
            raise InputError(f"{missing} of {len(ids)} examples have no soft targets")
        return self.store.rows(ids, views)


def test_validation_is_judged_by_labels_or_else_by_the_store(store: Store) -> None:
    examples, validation = digits(200).select(range(150)), digits(200).select(range(150, 200))
    partly = validation.hide_labels(torch.arange(20))
    nobody = validation.hide_labels(torch.arange(50))
    assert TrainingData(examples).validation_data() is None
    by_labels = TrainingData(examples, Replayed(store), validation=validation).validation_data()
    assert by_labels is not None
    assert by_labels.source == LabelsAlone()
    by_store = TrainingData(examples, Replayed(store), validation=partly).validation_data()
    assert by_store is not None
    assert by_store.source == Replayed(store)
    assert len(by_store.examples) == 50
    twin = TrainingData(examples, validation=partly).validation_data()
    assert twin is not None
    assert len(twin.examples) == 30
    assert (twin.examples.labels_or_empty != UNLABELLED).all()
    assert TrainingData(examples, validation=nobody).validation_data() is None


def test_answers_about_the_examples_are_carried_over_to_their_views(tmp_path: Path) -> None:
    examples = digits(40)
    store = label(tmp_path, examples=examples)
    views = parse_views("shift:1")
    data = TrainingData(examples, CarriedOver(store, views))
    seen = []
    for epoch in (0, 1):
        showings = data.showings(epoch, seed=0)
        (batch,) = data.batches(showings, epoch=epoch, batch_size=40)
        shown = views.apply(examples, showings, torch.full((40,), epoch + 1)).inputs
        assert torch.equal(batch.inputs, shown)
        assert batch.soft_targets is not None
        assert torch.equal(
            batch.soft_targets.values, store.gather(store.rows(examples.ids[showings.numpy()], 0)).values
        )
        seen.append(batch.inputs[showings.argsort()])
    assert not torch.equal(*seen)  # every turn has views of its own
    data.require_answers(1000)
    validation = TrainingData(examples, CarriedOver(store, views), validation=digits(60)).validation_data()
    assert validation is not None


@pytest.mark.parametrize("views", [VIEWS, "mixup:0.2"])
def test_answers_are_not_carried_over_to_what_they_do_not_fit(store: Store, views: str, tmp_path: Path) -> None:
    asked = store if views == VIEWS else label(tmp_path, examples=digits(200))
    with pytest.raises(InputError, match="cannot be carried over"):
        TrainingData(digits(200), CarriedOver(asked, parse_views(views)))


def test_a_live_teacher_answers_about_the_very_inputs_it_is_shown() -> None:
    """Online distillation: the same loop, every epoch in views of its own, and no store."""
    examples, teacher = digits(40).hide_labels(torch.arange(10)), nearest_mean(digits(40))
    data = TrainingData(
        examples, Live(teacher, parse_views("shift:1")), validation=digits(60).hide_labels(torch.arange(9))
    )
    data.require_answers(1000)
    seen = []
    for epoch in (0, 1):
        for batch in data.batches(torch.arange(40), epoch=epoch, batch_size=16):
            assert batch.soft_targets is not None and batch.labels is not None
            assert torch.equal(batch.soft_targets.values, teacher.label(batch.inputs).values)
        seen.append(torch.cat([b.inputs for b in data.batches(torch.arange(40), epoch=epoch, batch_size=16)]))
    assert not torch.equal(*seen)
    judge = data.validation_data()
    assert judge is not None
    (batch,) = judge.batches(torch.arange(60), epoch=None, batch_size=60)
    assert torch.equal(batch.inputs, digits(60).inputs)
    others = Examples.of(examples.inputs, question=Question.tags(10))
    with pytest.raises(MismatchError, match="teacher and examples do not ask the same question"):
        TrainingData(others, Live(teacher))


def test_what_a_training_depends_on_is_told_by_its_source(store: Store) -> None:
    views = parse_views("shift:1")
    assert LabelsAlone(views).describe() == {"targets": None, "views": "shift:1"}
    assert Replayed(store).describe()["targets"]["views"] == 3
    assert Live(nearest_mean(digits(40)), views).describe()["targets"] == {"live": nearest_mean(digits(40)).fingerprint}
