"""Teachers that fail: narrowed down to the examples at fault, recorded, and given up in time."""

from pathlib import Path

import pytest
import torch
from tiny_teachers import B, Failing, N, Sums, contains, contents, options
from torch import Tensor

from joryu.errors import JoryuError, MismatchError, MissingExtraError
from joryu.examples import Examples
from joryu.targets import SoftTargets, Space, Store
from joryu.targets.failures import id_to_hex
from joryu.teachers.labelling import label_examples

pytestmark = pytest.mark.usefixtures("spare_the_disk")


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
