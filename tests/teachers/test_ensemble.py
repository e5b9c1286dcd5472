"""Several teachers as one: what each said is kept, what one cannot answer fails, and asking anew is not needed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from joryu.errors import InputError, JoryuError, MismatchError, Stop
from joryu.examples import Examples, parse_views
from joryu.questions import Question
from joryu.targets import Cost, Encoding, SoftTargets, Space, Store
from joryu.targets.combination import Combination
from joryu.targets.recombining import RecombineOptions, recombine
from joryu.teachers import Ensemble, Network, Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_and_count, label_examples
from joryu.teachers.verify import verify

ABC = Question.one_of("abc")
N = 40
RULES = ["soft", "vote", "logits", "power=0.1", "power=2,weights=3/1/2"]


def examples(n: int = N) -> Examples:
    return Examples.of(torch.randn(n, 4, generator=torch.Generator().manual_seed(3)), classes=ABC.names)


def network(seed: int, names: str = "abc", question: Question | None = None) -> Network:
    torch.manual_seed(seed)
    return Network(nn.Linear(4, len(names)), question=question or Question.one_of(names), device="cpu")


def three(rule: str = "soft") -> Ensemble:
    return Ensemble([network(1), network(2), network(3)], rule)


class Saying:
    """A teacher that gives a prepared reply, or raises."""

    def __init__(self, reply: Reply | Exception, question: Question = ABC) -> None:
        self.reply, self.question, self.fingerprint = reply, question, "s" * 32

    def answer(self, batch: TeacherBatch) -> Reply:
        del batch
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def logits(*rows: list[float], question: Question = ABC) -> SoftTargets:
    return SoftTargets(values=torch.tensor(rows), space=Space.LOGITS, question=question)


def four() -> TeacherBatch:
    return TeacherBatch.of(examples(4))


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_every_member_s_own_answer_is_in_the_reply_and_the_rule_beside_it(rule: str) -> None:
    members = [network(seed) for seed in (1, 2, 3)]
    said = Ensemble(members, rule).answer(four()).whole(4)
    assert said.members and said.combination == Combination.parse(rule)
    for at, member in enumerate(members):
        assert torch.equal(said.values[:, at], member.answer(four()).whole(4).values)


def test_classes_in_another_order_are_mapped_by_name() -> None:
    one, other = network(1), network(2, "cab")
    said = Ensemble([one, other]).answer(four()).whole(4)
    own = other.answer(four()).whole(4).values  # in the order c, a, b
    assert torch.equal(said.values[:, 1], own[:, [1, 2, 0]])
    assert Ensemble([one, other], question=Question.one_of("bca")).question.names == ("b", "c", "a")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (network(1, "abd"), r"Network 2 answers about others than the ensemble.*expected 'c'; received 'd'"),
        (network(1, "ab"), r"Network 2 answers another question.*3 classes"),
        (network(1, question=Question.tags("abc")), r"another question than the ensemble.*softmax"),
    ],
)
def test_other_classes_are_refused(other: Network, message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        Ensemble([network(1), other])


def test_a_member_that_fails_is_named_and_the_others_answers_about_it_are_not_kept() -> None:
    partly = Saying(Reply(logits([1, 0, 0], [0, 1, 0], [0, 0, 1]), {1: "too dark"}))
    said = Ensemble([network(1), partly], names=["run:a", "run:b"]).answer(four())
    assert said.failures == {1: "run:b: too dark"}
    assert list(said.answered(4)) == [0, 2, 3]
    assert said.soft_targets is not None
    assert torch.equal(said.soft_targets.values[:, 0], network(1).answer(four()).whole(4).values[[0, 2, 3]])
    assert said.soft_targets.values[1, 1].tolist() == [0, 1, 0]


def test_an_answer_that_is_not_finite_is_its_member_s_fault() -> None:
    lost = Saying(Reply(logits([1, 0, 0], [0, float("nan"), 0], [0, 0, 1], [0, 1, 0])))
    said = Ensemble([network(1), lost], names=["run:a", "run:b"]).answer(four())
    assert said.failures == {1: "run:b: the answer is not finite"}
    assert list(said.answered(4)) == [0, 2, 3]


def test_where_every_example_fails_there_is_no_answer() -> None:
    said = Ensemble([network(1), Saying(Reply(None, dict.fromkeys(range(4), "no")))]).answer(four())
    assert said.soft_targets is None and len(said.failures) == 4


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (OSError("disk"), JoryuError, r"run:b cannot answer \(received OSError: disk\)"),
        (MismatchError("no", expected="x"), MismatchError, r"run:b: no \(expected x\)"),
        (Stop("spent"), Stop, "^spent"),
    ],
)
def test_an_error_names_its_member_and_keeps_its_kind(raised: Exception, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        Ensemble([network(1), Saying(raised)], names=["run:a", "run:b"]).answer(four())


def test_a_stop_keeps_what_all_members_answered() -> None:
    stopping = Saying(Reply(logits([1, 0, 0], [0, 1, 0]), rows=[0, 1], stop=Stop("the budget is spent")))
    said = Ensemble([stopping, network(1)]).answer(four())
    assert said.stop is not None and list(said.answered(4)) == [0, 1]


def test_the_cost_is_the_sum() -> None:
    costs = [Cost(requests=2, seconds=3.0, money=0.5), Cost(requests=1, seconds=1.0, money=0.25)]
    members = [Saying(Reply(logits(*[[1, 0, 0]] * 4), cost=cost)) for cost in costs]
    assert Ensemble(members).answer(four()).cost == Cost(requests=3, seconds=4.0, money=0.75)
    assert Ensemble([network(1), members[0]]).answer(four()).cost.seconds > 3.0  # the network's own are measured


def test_what_cannot_be_one_ensemble_is_refused() -> None:
    with pytest.raises(InputError, match="needs members"):
        Ensemble([])
    with pytest.raises(InputError, match="one weight for each member"):
        Ensemble([network(1), network(2)], "soft,weights=1/2/3")
    numbers = network(1, question=Question.numbers("abc"))
    with pytest.raises(InputError, match="these answers are numbers"):
        Ensemble([numbers, numbers], "vote")
    with pytest.raises(MismatchError, match="is an ensemble itself"):
        Ensemble([network(1), three()]).answer(four())
    hot = Saying(Reply(replace(logits(*[[1, 0, 0]] * 4), temperature=2.0)))
    with pytest.raises(MismatchError, match=r"member Saying 2 softened its answers.*temperature 1; received 2"):
        Ensemble([network(1), hot]).answer(four())


def test_the_fingerprint_follows_members_rule_and_weights() -> None:
    found = [three().fingerprint, three("vote").fingerprint, three("soft,weights=2/1/1").fingerprint,
             Ensemble([network(1), network(2)]).fingerprint, Ensemble([network(2), network(1)]).fingerprint,
             Ensemble([network(1), network(4)]).fingerprint]  # fmt: skip
    assert len(set(found)) == len(found)
    assert three("soft,weights=2/2/2").fingerprint == three().fingerprint


def test_a_member_that_learned_at_another_size_is_shown_its_own_inputs() -> None:
    asked = examples()
    own = replace(asked, inputs=asked.inputs.flip(1) * 2)
    both = Ensemble([network(1), network(2)], shown=[None, own], names=["run:a", "run:b"])
    rows = torch.tensor([5, 3, 8])
    said = both.answer(TeacherBatch.of(asked, rows)).whole(3)
    assert torch.equal(said.values[:, 1], network(2).label(own.inputs[rows]).values)
    with pytest.raises(MismatchError, match="run:b holds other examples"):
        both.answer(TeacherBatch.of(Examples.of(torch.ones(3, 4), classes=ABC.names)))
    views = TeacherBatch.of(asked, rows, seeds=torch.ones(3, dtype=torch.int64))
    with pytest.raises(InputError, match=r"run:b is shown pictures of another size.*--views"):
        both.answer(views)


# --- spaces, tags, numbers --------------------------------------------------------------------------------------------


def test_members_in_other_spaces_become_logits() -> None:
    probs = torch.tensor([[0.7, 0.2, 0.1]] * 4)
    said = Ensemble([
        network(1), Saying(Reply(SoftTargets(values=probs, space=Space.PROBS, question=ABC))),
        Saying(Reply(SoftTargets(values=probs * 10, space=Space.VOTES, question=ABC))),
    ]).answer(four()).whole(4)  # fmt: skip
    assert said.space is Space.LOGITS
    assert torch.allclose(said.probs()[:, 1:], probs[:, None].expand(4, 2, 3), atol=1e-6)


def test_members_that_return_their_best_classes_are_filled_up_each_by_itself() -> None:
    full = network(1)
    cut = replace(full.answer(four()).whole(4)).top_k(2)
    said = Ensemble([full, Saying(Reply(cut))]).answer(four()).whole(4)
    assert torch.allclose(said.probs()[:, 0], full.answer(four()).whole(4).probs(), atol=1e-6)
    assert torch.allclose(said.probs()[:, 1], cut.probs(), atol=1e-6)
    assert torch.allclose(said.combined().probs(), (said.probs()[:, 0] + cut.probs()) / 2, atol=1e-6)


def test_top_k_members_in_another_order_keep_their_names() -> None:
    other = Question.one_of("cab")
    cut = logits(*[[0.0, 2.0, 1.0]] * 4, question=other).top_k(2)  # a, then b
    said = Ensemble([Saying(Reply(cut), other), Saying(Reply(cut), other)], question=ABC).answer(four()).whole(4)
    assert said.indices is not None and said.indices[0, 0].tolist() == [0, 1]


def test_a_tag_that_one_member_leaves_out_is_covered_by_none() -> None:
    tags = Question.tags("abc")
    coverage = torch.tensor([[True, False, True]] * 4)
    partly = SoftTargets(
        values=torch.full((4, 3), 0.8), space=Space.PROBS, question=tags, coverage=coverage, bound=torch.full((4,), 0.3)
    )
    said = Ensemble([network(1, question=tags), Saying(Reply(partly), tags)]).answer(four()).whole(4)
    found = said.combined()
    assert found.coverage is not None and found.coverage.tolist() == coverage.tolist()
    expected = (network(1, question=tags).answer(four()).whole(4).probs() + 0.8) / 2
    assert torch.allclose(found.probs()[coverage], expected[coverage], atol=1e-5)


def test_a_member_without_weight_leaves_no_tag_out() -> None:
    tags = Question.tags("abc")
    coverage = torch.tensor([[[True] * 3, [True, False, False]]])
    said = SoftTargets(
        values=torch.tensor([[[0.9, 0.1, 0.8], [0.5, 0.5, 0.5]]]), space=Space.PROBS, question=tags, coverage=coverage,
        bound=torch.tensor([0.5]), members=True, combination=Combination.parse("soft,weights=1/0"),
    )  # fmt: skip
    found = said.combined()
    assert found.coverage is not None and found.coverage.all()
    assert found.probs()[0].tolist() == pytest.approx([0.9, 0.1, 0.8], abs=1e-5)


def test_numbers_have_the_variance_within_and_between() -> None:
    numbers = Question.numbers("a")

    def sure(mean: float, variance: float | None) -> Saying:
        spread = None if variance is None else torch.full((4, 1), variance)
        values = torch.full((4, 1), mean)
        return Saying(
            Reply(SoftTargets(values=values, variance=spread, space=Space.NUMBERS, question=numbers)), numbers
        )

    found = Ensemble([sure(1, 0.5), sure(3, 1.5)]).answer(four()).whole(4).combined()
    assert found.variance is not None and found.variance.flatten().tolist() == [2.0] * 4
    with pytest.raises(MismatchError, match=r"knows otherwise how sure.*expected a variance; received no variance"):
        Ensemble([sure(1, 0.5), sure(3, None)]).answer(four())


def test_row_weights_are_averaged_and_signals_stand_side_by_side() -> None:
    def person(weight: float, seconds: float) -> Saying:
        return Saying(Reply(replace(logits(*[[1, 0, 0]] * 4), weight=torch.full((4,), weight),
                                    signals=torch.full((4, 1), seconds), signal_names=("seconds",))))  # fmt: skip

    said = Ensemble([network(1), person(3, 7), person(1, 9)], "soft,weights=2/1/1").answer(four()).whole(4)
    assert said.weight is not None and said.weight.tolist() == [1.5] * 4
    assert said.signal_names == ("seconds of Saying 2", "seconds of Saying 3")
    assert said.signals is not None and said.signals[0].tolist() == [7, 9]


# --- stored, resumed, recombined --------------------------------------------------------------------------------------


def values(store: Store, about: Examples) -> Tensor:
    return store.gather(store.rows(about.ids, 0)).values


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("encoding", [None, Encoding.parse("dense:float32"), Encoding.parse("top-2")])
def test_recombined_answers_are_those_of_asking(tmp_path, rule: str, encoding: Encoding | None) -> None:
    about, options = examples(), LabelOptions(encoding=encoding, batch_size=16)
    alone = [label_examples(network(seed), about, tmp_path / str(seed), options=options) for seed in (1, 2, 3)]
    asked = label_examples(three(rule), about, tmp_path / "asked", options=options)
    made = recombine(alone, tmp_path / "made", Combination.parse(rule)).store
    for name, column in asked.columns(asked.rows(about.ids, 0)).items():
        again = made.columns(made.rows(about.ids, 0))[name]
        assert column.dtype == again.dtype and (column == again).all(), name
    assert made.form == asked.form and made.manifest.encoding == asked.manifest.encoding
    assert made.manifest.teacher.fingerprint == asked.manifest.teacher.fingerprint
    assert made.manifest.cost.requests == sum(store.manifest.cost.requests for store in alone)
    go_on = label_and_count(three(rule), about, tmp_path / "made", options=LabelOptions(batch_size=16))
    assert (go_on.asked, go_on.kept) == (0, N)
    assert go_on.again is not None and go_on.again.ok
    assert verify(made, three(rule), about).ok


@pytest.mark.parametrize("same", [True, False])
def test_blends_of_another_set_are_other_views_and_are_left_out(tmp_path, same: bool) -> None:
    about = examples()
    sets = (about, about if same else about.select(range(30)))
    views = parse_views("mixup:1")
    blended = [label_examples(network(at), shown, tmp_path / str(at), views=views, n_views=1)
               for at, shown in enumerate(sets)]  # fmt: skip
    done = recombine(blended, tmp_path / "made", Combination())
    assert (done.store.manifest.n_views, done.without_views) == ((1, False) if same else (0, True))
    assert len(done.store) == (2 * N if same else 30)


def test_views_in_pixels_of_pictures_of_another_size_are_left_out(tmp_path) -> None:
    pictures = torch.randint(0, 255, (N, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    large = Examples.of(pictures, classes=ABC.names)
    small = replace(large, inputs=pictures[:, :, ::2, ::2].contiguous())
    for at, (views, n_views) in enumerate((("shift:1", 0), ("shift:12.5%", 1), ("flip", 1))):
        stores = []
        for side, shown in ((8, large), (4, small)):
            teacher = Network(nn.Sequential(Floats(), nn.Linear(side**2, 3)), question=ABC, device="cpu")
            folder = tmp_path / f"{at}-{side}"
            stores.append(label_examples(teacher, shown, folder, views=parse_views(views), n_views=1))
        assert recombine(stores, tmp_path / f"{at}", Combination()).store.manifest.n_views == n_views


class Floats(nn.Module):
    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.flatten(1).float() / 255


def test_members_come_out_of_an_ensemble_s_store_by_any_rule(tmp_path) -> None:
    about = examples()
    asked = label_examples(three(), about, tmp_path / "asked")
    pair = recombine([asked], tmp_path / "pair", Combination.parse("vote"), RecombineOptions(members=(3, 1))).store
    assert torch.equal(values(pair, about), values(asked, about)[:, [2, 0]])
    expected = Ensemble([network(3), network(1)], "vote").fingerprint
    assert pair.manifest.teacher.fingerprint == expected
    assert pair.manifest.teacher.members[0].fingerprint == network(3).fingerprint
    again = recombine([pair, asked], tmp_path / "again", Combination(), RecombineOptions(members=(2, 4))).store
    assert torch.equal(values(again, about), values(asked, about)[:, [0, 1]])


def test_recombining_goes_on_where_it_stopped(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("joryu.targets.recombining.BATCH", 16)
    about = examples()
    alone = [label_examples(network(seed), about, tmp_path / str(seed)) for seed in (1, 2)]

    def stop(done: int, total: int) -> None:
        assert total == N
        if done == 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recombine(alone, tmp_path / "both", Combination(), RecombineOptions(progress=stop))
    assert len(Store.open(tmp_path / "both")) == 32
    whole = recombine(alone, tmp_path / "both", Combination()).store
    assert len(whole) == N
    assert torch.equal(values(whole, about)[:, 1], values(alone[1], about))
    with pytest.raises(MismatchError, match="another teacher"):
        recombine(alone, tmp_path / "both", Combination.parse("vote"))


def test_an_interrupted_ensemble_ends_as_an_unhurt_one(tmp_path) -> None:
    about, calls = examples(), []

    def stop(done: int, total: int) -> None:
        calls.append((done, total))
        if done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_examples(three(), about, tmp_path / "cut", options=LabelOptions(batch_size=8, progress=stop))
    cut = label_examples(three(), about, tmp_path / "cut")
    whole = label_examples(three(), about, tmp_path / "whole", options=LabelOptions(batch_size=8))
    assert torch.equal(values(cut, about), values(whole, about))
    assert all(before < after for (before, _), (after, _) in pairwise(calls))
    with pytest.raises(MismatchError, match="another teacher"):
        label_examples(three("vote"), about, tmp_path / "cut")


def test_what_a_member_never_answered_is_a_failure_with_its_name(tmp_path) -> None:
    about = examples()
    one = label_examples(network(1), about, tmp_path / "1", options=LabelOptions(origin=LabelOrigin(teacher="run:one")))
    two = label_examples(network(2), about.select(torch.arange(30)), tmp_path / "2",
                         options=LabelOptions(origin=LabelOrigin(teacher="run:two")))  # fmt: skip
    done = recombine([one, two], tmp_path / "both", Combination())
    assert (len(done.store), done.unanswered) == (30, 10)
    assert {failure.reason for failure in done.store.failures()} == {"run:two: no answer in its store"}
    assert done.store.manifest.examples.count == 30
    assert done.store.teacher_spec == "ensemble:soft:run:one|run:two"


def test_stores_that_have_nothing_in_common_are_refused(tmp_path) -> None:
    one = label_examples(network(1), examples(), tmp_path / "1")
    two = label_examples(network(2), Examples.of(torch.ones(3, 4), classes=ABC.names), tmp_path / "2")
    with pytest.raises(MismatchError, match="no example in common"):
        recombine([one, two], tmp_path / "both", Combination())
    with pytest.raises(InputError, match=r"no such member \(expected 1..1; received 2\)"):
        recombine([one], tmp_path / "x", Combination(), RecombineOptions(members=(2,)))
    with pytest.raises(InputError, match="is one of the stores"):
        recombine([one], tmp_path / "1", Combination())
    tags = label_examples(network(1, question=Question.tags("abc")),
                          replace(examples(), question=None, labels=None), tmp_path / "3")  # fmt: skip
    with pytest.raises(MismatchError, match="another question"):
        recombine([one, tags], tmp_path / "y", Combination())
