"""What a teacher replies: answers, failures row by row, a cost, a stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from joryu.errors import InputError, JoryuError, MismatchError, Stop
from joryu.examples import Examples, load_examples
from joryu.examples.views import parse_views
from joryu.questions import Question
from joryu.targets import Cost, Encoding, Flush, SoftTargets, Space, Store
from joryu.targets.failures import id_to_hex
from joryu.teachers import Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions, label_and_count, label_examples
from joryu.teachers.verify import verify

N, B = 80, 16
QUESTION = Question.one_of(10)

pytestmark = pytest.mark.usefixtures("spare_the_disk")


@pytest.fixture(scope="module")
def digits(first_digits: Callable[[int], Examples]) -> Examples:
    return first_digits(N)


class Paid:
    """A teacher that is paid by the example, cannot see some, and stops when its budget is spent."""

    question, fingerprint = QUESTION, "paid"

    def __init__(self, blind: frozenset[str] = frozenset(), budget: int = 10**6, raises: bool = False) -> None:
        self.blind, self.budget, self.raises = blind, budget, raises
        self.calls: list[int] = []

    def answer(self, batch: TeacherBatch) -> Reply:
        if not self.budget and self.raises:
            raise Stop("the budget of $4 is spent", hint="raise it with --budget")
        self.calls.append(len(batch))
        places = range(min(len(batch), self.budget))
        failures = {at: "no such picture" for at in places if id_to_hex(batch.ids[at]) in self.blind}
        rows = [at for at in places if at not in failures]
        self.budget -= len(places)
        answers = SoftTargets(
            values=batch.inputs[rows].float().flatten(1)[:, 10:20], space=Space.LOGITS, question=QUESTION
        )
        stop = Stop("the budget of $4 is spent") if len(places) < len(batch) and not self.raises else None
        return Reply(answers if rows else None, failures, Cost(requests=1, money=0.25 * len(places)), rows, stop)


def options(**changes: object) -> LabelOptions:
    plain = {"batch_size": B, "encoding": Encoding(dtype="float32"), "flush": Flush(rows=B), "recheck": False}
    return LabelOptions(**plain | changes)  # type: ignore[arg-type]


def blind_to(digits: Examples, *rows: int) -> frozenset[str]:
    return frozenset(id_to_hex(digits.ids[row]) for row in rows)


def test_one_bad_picture_in_sixteen_costs_one_call_of_sixteen(tmp_path: Path, digits: Examples) -> None:
    teacher = Paid(blind_to(digits, 3))
    store = label_examples(teacher, digits, tmp_path, options=options())
    assert teacher.calls == [B] * 5
    assert store.missing(digits.ids, 0).nonzero().flatten().tolist() == [3]
    (failure,) = store.failures()
    assert (failure.id, failure.reason, failure.attempts) == (id_to_hex(digits.ids[3]), "no such picture", 1)
    assert torch.equal(store.gather(store.rows(digits.ids[4:], 0)).values, digits.inputs[4:].flatten(1)[:, 10:20])
    assert store.manifest.cost.requests == 5 and store.manifest.cost.money == 20.0


def test_failures_in_replies_that_never_end_give_the_teacher_up(tmp_path: Path, digits: Examples) -> None:
    teacher = Paid(blind_to(digits, *range(N)))
    with pytest.raises(JoryuError, match=r"failed on 32 examples in a row \(received no such picture\); mend"):
        label_examples(teacher, digits, tmp_path, options=options())
    assert teacher.calls == [B, B]
    assert len(Store.open(tmp_path).failures()) == 2 * B


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("budget", [2 * B, 2 * B + 5, 0])
def test_a_spent_budget_is_no_failure_and_the_same_command_goes_on(
    tmp_path: Path, digits: Examples, budget: int, raises: bool
) -> None:
    if raises and budget % B:
        pytest.skip("a teacher that raises answers whole batches")
    kept = rf"budget of \$4 is spent; .*what was answered is kept \({budget} of 80\): run the same command again"
    with pytest.raises(Stop, match=kept if raises else kept.replace(".*", "")) as stopped:
        label_examples(Paid(budget=budget, raises=raises), digits, tmp_path, options=options())
    assert stopped.value.exit_code == 7 and "\n" not in str(stopped.value)
    store = Store.open(tmp_path)
    assert len(store) == budget and store.failures() == [] and not (tmp_path / "failures.jsonl").exists()
    assert store.manifest.cost.money == 0.25 * budget
    done = label_and_count(Paid(), digits, tmp_path, options=options())
    assert (done.asked, done.kept) == (N - budget, budget)
    assert done.store.manifest.cost.money == 20.0
    whole = label_examples(Paid(), digits, tmp_path / "whole", options=options())
    for one, other in ((store.rows(digits.ids, 0), whole) for store in (done.store,)):
        assert torch.equal(done.store.gather(one).values, other.gather(other.rows(digits.ids, 0)).values)


def test_asking_again_is_paid_for_too(tmp_path: Path, digits: Examples) -> None:
    label_examples(Paid(), digits, tmp_path, options=options())
    again = label_and_count(Paid(blind_to(digits, *range(0, N, 9))), digits, tmp_path, options=options(recheck=True))
    assert again.again is not None and again.again.ok and 8 < again.again.asked < B  # what fails now is passed over
    assert (again.store.manifest.cost.requests, again.store.manifest.cost.money) == (6, 24.0)
    with pytest.raises(JoryuError, match=r"fails on what it answered before \(received no such picture\)"):
        label_examples(Paid(blind_to(digits, *range(N))), digits, tmp_path, options=options(recheck=True))
    with pytest.raises(Stop, match=r"spent; .*\(80 of 80\)"):
        label_examples(Paid(budget=0), digits, tmp_path, options=options(recheck=True))


def test_verifying_needs_every_answer(tmp_path: Path, digits: Examples) -> None:
    store = label_examples(Paid(), digits, tmp_path, options=options())
    assert verify(store, Paid(), digits).ok
    with pytest.raises(JoryuError, match=r"failed on 1 of 16 examples \(received no such picture\)"):
        verify(store, Paid(blind_to(digits, 3)), digits)
    with pytest.raises(Stop, match="spent"):
        verify(store, Paid(budget=20), digits)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (lambda answers: Reply(answers.select(slice(3))), r"another number .*expected 4; received 3\)"),
        (lambda answers: Reply(answers, {1: "x"}), r"another number .*expected 4; received 4 and 1 failures"),
        (lambda answers: Reply(None), r"expected 4; received 0\)"),
        (lambda answers: Reply(answers.select(slice(3)), {7: "x"}, rows=[0, 1, 2]), r"not about its batch .*place 7"),
        (lambda answers: Reply(answers, rows=[0, 1, 2, 4]), r"each place of 0\.\.3 once; received place 4"),
        (lambda answers: Reply(answers, rows=[0, 1, 2, 2]), r"a place that comes twice"),
        (lambda answers: Reply(answers.select(slice(3)), {2: "x"}, rows=[0, 1, 2]), r"received place 2"),
    ],
)
def test_a_reply_that_is_not_about_its_batch_is_refused(
    tmp_path: Path, digits: Examples, reply: Callable[[SoftTargets], Reply], said: str
) -> None:
    class Odd(Paid):
        def answer(self, batch: TeacherBatch) -> Reply:
            answers = super().answer(batch).soft_targets
            assert answers is not None
            return reply(answers)

    with pytest.raises(MismatchError, match=said):
        label_examples(Odd(), digits.select(torch.arange(4)), tmp_path, options=options())
    assert not list(tmp_path.glob("*.arrow")) and not (tmp_path / "failures.jsonl").exists()


def test_a_teacher_of_another_question_is_refused_before_anything_is_asked(tmp_path: Path, digits: Examples) -> None:
    others = {
        r"expected softmax outputs; received sigmoid": Question.tags(10),
        r"expected one answer an example; received height × width": Question.one_of(10, grid=("height", "width")),
        r"expected 10 classes; received 9": Question.one_of(9),
        r"expected class 9 to be '9'; received 'nine'": Question.one_of([*map(str, range(9)), "nine"]),
    }
    for said, question in others.items():
        teacher = Paid()
        teacher.question = question
        with pytest.raises(MismatchError, match=rf"answers another question .*{said}\); choose a teacher"):
            label_examples(teacher, digits, tmp_path / "out", options=options())
        assert teacher.calls == [] and not (tmp_path / "out").exists()


def test_encoded_bytes_are_read_where_they_are_asked_for(digits: Examples) -> None:
    read: list[list[int]] = []

    def originals(rows: torch.Tensor) -> list[bytes]:
        read.append(rows.tolist())
        return [bytes([row]) for row in rows.tolist()]

    batch = TeacherBatch.of(digits, torch.tensor([5, 3, 8]), originals=originals)
    assert read == []
    assert batch.part(slice(1, 3)).encoded() == [b"\x03", b"\x08"] and read == [[3, 8]]
    with pytest.raises(InputError, match=r"wants encoded pictures, and these examples lie in no files"):
        TeacherBatch.of(digits).encoded()
    views = TeacherBatch.of(digits, torch.tensor([1]), seeds=torch.tensor([2]), originals=originals)
    with pytest.raises(InputError, match=r"no file holds a view; leave --views"):
        views.encoded()


def test_a_teacher_is_told_which_examples_and_views_it_is_shown(tmp_path: Path, digits: Examples) -> None:
    seen: set[tuple[bytes, int]] = set()

    class Looking(Paid):
        def answer(self, batch: TeacherBatch) -> Reply:
            views = parse_views("shift:1").apply(
                digits, torch.from_numpy(batch.rows), torch.from_numpy(batch.seeds.astype("int64"))
            )
            assert torch.equal(batch.inputs, views.inputs)
            seen.update((words.tobytes(), int(seed)) for words, seed in zip(batch.ids, batch.seeds, strict=True))
            return super().answer(batch)

    label_examples(Looking(), digits, tmp_path, views=parse_views("shift:1"), n_views=2, options=options())
    assert seen == {(words.tobytes(), seed) for words in digits.ids for seed in range(3)}


KILLED = """
import os, signal, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_replies import *
from joryu.examples import load_examples

class Dying(Paid):
    def answer(self, batch):
        if len(self.calls) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().answer(batch)

digits = load_examples("digits").select(range(N))
label_examples(Dying(blind_to(digits, 1)), digits, Path({out!r}), options=options())
"""


@pytest.mark.slow
def test_a_kill_loses_at_most_the_open_shard(tmp_path: Path) -> None:
    digits = load_examples("digits").select(range(N))
    script = KILLED.format(here=str(Path(__file__).parent), out=str(tmp_path / "out"))
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    begun = Store.open(tmp_path / "out")
    assert len(begun) >= 2 * B  # four batches were answered: the last may be in the open shard, or on its way
    store = label_examples(Paid(), digits, tmp_path / "out", options=options())
    assert len(store) == N and store.failures() == []
    assert 20.0 <= store.manifest.cost.money <= 24.0  # what was lost is paid for twice
