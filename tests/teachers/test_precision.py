"""At which precision a set is labelled: bf16 only where a sample shows that no answer changes, and one for a store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError, Stop
from joryu.examples import Examples
from joryu.precision import AUTO, Answering, require_wish
from joryu.questions import Question
from joryu.targets import Encoding, Flush, SoftTargets, Space, Store
from joryu.targets.manifest import FILE
from joryu.teachers import Network, Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions, label_and_count, label_examples
from joryu.teachers.precision import FIRST, SAMPLE, WORTH, Wish, slowness_remark, unchanged
from joryu.teachers.verify import verify

QUESTION = Question.one_of(["a", "b", "c"])
N, B = WORTH + 100, 100
BF16 = 2.0**-6  #: what the teacher below adds to the logits of one class in bf16

pytestmark = pytest.mark.usefixtures("spare_the_disk")


@pytest.fixture(autouse=True)
def multiplies_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(AUTO, "bf16-mixed")


@pytest.fixture(scope="module")
def many() -> Examples:
    inputs = torch.randn(N, 3, generator=torch.Generator().manual_seed(0)) * 4
    return Examples.of(inputs, question=QUESTION)


class Computing:
    """Says what it is shown, and in bf16 what ``change`` makes of that."""

    question, fingerprint = QUESTION, "computing"

    def __init__(self, change: Callable[[Tensor], Tensor], *, computes: bool = True) -> None:
        self.change, self.computes = change, computes
        self.asked: Counter[Answering] = Counter()
        self.left: int | None = None

    def answer(self, batch: TeacherBatch) -> Reply:
        if self.left is not None:
            if self.left < len(batch):
                raise Stop("enough")
            self.left -= len(batch)
        self.asked[batch.precision] += len(batch)
        said = batch.inputs if batch.precision == "32-true" else self.change(batch.inputs.clone())
        answers = SoftTargets(values=said, space=Space.LOGITS, question=QUESTION)
        return Reply(answers, precision=batch.precision if self.computes else None)


def hardly(inputs: Tensor) -> Tensor:
    return inputs + 1e-6


def by_much(inputs: Tensor) -> Tensor:
    inputs[:, 0] += BF16
    return inputs


def options(precision: Wish = "auto") -> LabelOptions:
    return LabelOptions(batch_size=B, encoding=Encoding(), flush=Flush(rows=B), precision=precision)


def values(store: Store, examples: Examples) -> Tensor:
    return store.gather(store.rows(examples.ids, 0)).values


def test_bf16_is_taken_where_a_sample_says_the_same(tmp_path: Path, many: Examples) -> None:
    teacher = Computing(hardly)
    store = label_examples(teacher, many, tmp_path, options=options())
    assert store.manifest.precision == "bf16-mixed"
    assert teacher.asked == {"32-true": B + SAMPLE, "bf16-mixed": SAMPLE + N}
    assert torch.equal(values(store, many), hardly(many.inputs).half())


def test_float32_stays_where_an_answer_changes(tmp_path: Path, many: Examples) -> None:
    teacher = Computing(by_much)
    store = label_examples(teacher, many, tmp_path, options=options())
    assert store.manifest.precision == "32-true"
    assert teacher.asked == {"32-true": N + FIRST, "bf16-mixed": FIRST}  # the first few show it
    assert torch.equal(values(store, many), many.inputs.half())


def test_one_answer_of_the_sample_is_enough_to_stay(tmp_path: Path, many: Examples) -> None:
    seen = many.inputs[torch.from_numpy(many.ids[:, 0].argsort())][SAMPLE - 1]  # batches go by the order of the ids

    def but_one(inputs: Tensor) -> Tensor:
        inputs[(inputs == seen).all(1)] += torch.tensor([BF16, 0.0, 0.0])
        return inputs

    assert label_examples(Computing(but_one), many, tmp_path, options=options()).manifest.precision == "32-true"


@pytest.mark.parametrize("why", ["few", "variable", "named"])
def test_no_sample_is_asked_where_it_cannot_pay(
    why: str, tmp_path: Path, many: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "variable":
        monkeypatch.setenv(AUTO, "32-true")
    teacher, shown = Computing(hardly), many.select(range(WORTH - 1)) if why == "few" else many
    store = label_examples(teacher, shown, tmp_path, options=options("32-true" if why == "named" else "auto"))
    assert store.manifest.precision == "32-true"
    assert teacher.asked == {"32-true": len(shown)}


def test_who_computes_nothing_is_asked_once(tmp_path: Path, many: Examples) -> None:
    teacher = Computing(hardly, computes=False)
    store = label_examples(teacher, many, tmp_path / "auto", options=options())
    assert store.manifest.precision is None
    assert teacher.asked == {"32-true": N}
    with pytest.raises(InputError, match=r"does not compute its answers .*received precision bf16-mixed.*leave the"):
        label_examples(teacher, many, tmp_path / "named", options=options("bf16-mixed"))
    label_examples(teacher, many, tmp_path / "named", options=options())  # the slip did not cost the folder


def test_a_layer_that_is_not_made_for_bf16_is_asked_in_float32(tmp_path: Path, many: Examples) -> None:
    def fails(inputs: Tensor) -> Tensor:
        raise RuntimeError("not implemented for 'BFloat16'")

    store = label_examples(Computing(fails), many, tmp_path, options=options())
    assert store.manifest.precision == "32-true"
    assert not store.failures()


@pytest.mark.parametrize("change", [hardly, by_much])
def test_a_store_goes_on_at_its_precision(
    change: Callable[[Tensor], Tensor], tmp_path: Path, many: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ``auto`` means where it goes on; and it then equals one that was never interrupted."""
    whole = label_examples(Computing(change), many, tmp_path / "whole", options=options())
    teacher = Computing(change)
    teacher.left = 900 + SAMPLE
    with pytest.raises(Stop):
        label_examples(teacher, many, tmp_path / "parts", options=options())
    precision = Store.open(tmp_path / "parts").manifest.precision
    assert precision == whole.manifest.precision
    other: Answering = "32-true" if precision == "bf16-mixed" else "bf16-mixed"
    with pytest.raises(MismatchError, match=f"another precision .expected {precision}; received {other}.; leave the"):
        label_examples(Computing(change), many, tmp_path / "parts", options=options(other))
    monkeypatch.setenv(AUTO, other)
    again = Computing(change)
    done = label_and_count(again, many, tmp_path / "parts", options=options())
    assert done.again is not None
    assert done.again.max_error < 0.002  # the batch was asked again at the store's precision: float16 alone
    assert set(again.asked) == {precision}
    assert torch.equal(values(done.store, many), values(whole, many))
    assert verify(done.store, again, many).ok
    assert set(again.asked) == {precision}


def test_a_store_that_is_older_than_the_choice_is_in_float32(tmp_path: Path, many: Examples) -> None:
    label_examples(Computing(hardly), many.select(range(B)), tmp_path, options=options())
    manifest = json.loads((tmp_path / FILE).read_text())
    del manifest["precision"]
    (tmp_path / FILE).write_text(json.dumps(manifest))
    assert Store.open(tmp_path).manifest.asked_at == "32-true"
    with pytest.raises(MismatchError, match="another precision"):
        label_examples(Computing(hardly), many, tmp_path, options=options("bf16-mixed"))
    teacher = Computing(hardly)
    assert len(label_examples(teacher, many, tmp_path, options=options())) == N
    assert set(teacher.asked) == {"32-true"}


def test_a_batch_that_had_to_be_halved_is_of_one_precision(tmp_path: Path, many: Examples) -> None:
    class Narrow(Computing):
        def answer(self, batch: TeacherBatch) -> Reply:
            if len(batch) > B // 2:
                raise MemoryError("too many at once")
            return super().answer(batch)

    store = label_examples(Narrow(lambda inputs: inputs + 1e-6), many, tmp_path, options=options("bf16-mixed"))
    assert torch.equal(values(store, many), hardly(many.inputs).half())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_another_order_of_adding_up_moves_bf16_more(precision: Wish, tmp_path: Path, many: Examples) -> None:
    """A store in bf16 is verified, and gone on with, on a machine whose products round other units to neighbours."""
    few = many.select(range(B))
    store = label_examples(Computing(hardly), few, tmp_path, options=options(precision))

    class Elsewhere(Computing):
        def answer(self, batch: TeacherBatch) -> Reply:
            largest = batch.inputs.abs().amax(1, keepdim=True)
            return super().answer(replace(batch, inputs=batch.inputs + 6e-4 * largest * torch.tensor([1.0, 0.0, -1.0])))

    assert verify(store, Elsewhere(hardly), few).ok is (precision == "bf16-mixed")


def test_tags_and_numbers_change_by_what_they_decide_and_keep() -> None:
    tags, numbers = Question.tags(["red"]), Question.numbers(["price"])
    exact = SoftTargets(values=torch.tensor([[-1e-5], [12.0]]), space=Space.LOGITS, question=tags)
    assert unchanged(exact, replace(exact, values=torch.tensor([[1e-5], [12.004]]))).tolist() == [False, True]
    exact = SoftTargets(values=torch.tensor([[100.0], [100.0]]), space=Space.NUMBERS, question=numbers)
    coarse = replace(exact, values=torch.tensor([[100.02], [100.5]]))
    assert unchanged(exact, coarse, Encoding(dtype="float16")).tolist() == [True, False]
    assert unchanged(exact, coarse).tolist() == [False, False]  # float32 by nature


def test_a_network_computes_in_bf16_and_its_head_in_float32() -> None:
    torch.manual_seed(0)
    seen: list[torch.dtype] = []
    body = nn.Sequential(nn.Linear(64, 32), nn.ReLU())
    body.register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    head = nn.Linear(32, 3)
    module = nn.Sequential(body, head)
    teacher, before = Network(module, QUESTION.names, device="cpu"), repr(module)
    inputs = torch.randn(8, 64)
    reply = teacher.answer(replace(TeacherBatch.of(Examples.of(inputs, question=QUESTION)), precision="bf16-mixed"))
    assert (reply.precision, seen[:1]) == ("bf16-mixed", [torch.bfloat16])
    assert reply.soft_targets is not None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = body(inputs)
    by_hand = head(features.float())
    assert torch.allclose(reply.soft_targets.values, by_hand, atol=1e-5)
    assert not torch.equal(reply.soft_targets.values, reply.soft_targets.values.bfloat16().float())
    assert repr(module) == before  # of which the fingerprint is a part
    assert Network(module, QUESTION.names, device="cpu").fingerprint == teacher.fingerprint
    seen.clear()
    teacher.label(inputs)
    assert seen == [torch.float32]


def test_what_is_slow_here_is_told(tmp_path: Path, many: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joryu.teachers.precision.best_precision", lambda _device: "32-true")
    assert slowness_remark(tmp_path, "auto") is None
    assert (
        slowness_remark(tmp_path, "bf16-mixed")
        == "bf16 was asked for, which this machine computes more slowly than float32"
    )
    label_examples(Computing(hardly), many.select(range(B)), tmp_path, options=options("bf16-mixed"))
    assert "was begun in bf16 and goes on in it" in (slowness_remark(tmp_path, "auto") or "")
    monkeypatch.setattr("joryu.teachers.precision.best_precision", lambda _device: "bf16-mixed")
    assert slowness_remark(tmp_path, "auto") is None


@pytest.mark.parametrize(("asked", "hint"), [("bf16", "; try bf16-mixed"), ("16-mixed", ""), ("fast", "")])
def test_another_precision_is_refused(asked: str, hint: str, tmp_path: Path, many: Examples) -> None:
    with pytest.raises(InputError) as caught:
        require_wish(asked)
    with pytest.raises(InputError, match="precision is not usable"):
        label_examples(Computing(hardly), many.select([0]), tmp_path / "store", options=options(asked))  # type: ignore[arg-type]
    assert not (tmp_path / "store").exists()
    assert str(caught.value) == (
        f"precision is not usable (expected auto, 32-true, bf16-mixed; received {asked!r}){hint}"
    )
