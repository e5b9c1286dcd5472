import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.questions import PICTURE, Link, Question
from joryu.questions.softening import logits_from_probs, logits_from_scores
from joryu.targets.soft_targets import SoftTargets, Space


def targets(values, space=Space.LOGITS, n_classes=None, link=Link.SOFTMAX, grid=(), **more):
    values = torch.as_tensor(values)
    names = [str(output) for output in range(n_classes or values.shape[-1])]
    return SoftTargets(values=values, space=space, question=Question(names=names, link=link, grid=grid), **more)


def random(*shape, seed=5):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 3


# --- dense ------------------------------------------------------------------------------------------------------------


def test_logits_become_probabilities_at_any_temperature():
    batch = targets([[math.log(9), 0.0]])
    assert batch.probs()[0].tolist() == pytest.approx([0.9, 0.1])
    assert batch.probs(2.0)[0].tolist() == pytest.approx([0.75, 0.25])
    assert batch.log_probs(2.0)[0].tolist() == pytest.approx([math.log(0.75), math.log(0.25)])


def test_probabilities_can_be_softened_again():
    batch = targets([[0.9, 0.1]], Space.PROBS)
    assert batch.probs()[0].tolist() == pytest.approx([0.9, 0.1])
    assert batch.probs(2.0)[0].tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("asked", [1.0, 3.0, 20.0])
def test_what_was_softened_once_is_softened_by_the_rest_only(asked):
    logits = random(4, 5)
    raw = targets(logits)
    for space, values in ((Space.LOGITS, logits / 3), (Space.PROBS, (logits / 3).softmax(-1))):
        assert torch.allclose(targets(values, space, temperature=3.0).probs(asked), raw.probs(asked), atol=1e-5)


def test_without_a_temperature_values_are_read_as_they_were_produced():
    batch = targets([[math.log(3), 0.0]], temperature=2.0)
    assert batch.probs()[0].tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_in_float32_and_float64_stays(dtype):
    assert targets(random(2, 3).to(dtype)).probs(20.0).dtype == torch.float32
    assert targets(random(2, 3).double()).probs(20.0).dtype == torch.float64


def test_votes_are_their_shares_and_no_votes_are_no_opinion():
    batch = targets([[6, 3, 1], [0, 0, 0]], Space.VOTES)
    assert batch.probs()[0].tolist() == pytest.approx([0.6, 0.3, 0.1])
    assert batch.probs()[1].tolist() == pytest.approx([1 / 3] * 3)


def test_a_class_without_votes_has_next_to_no_probability_but_a_finite_logarithm():
    log_probs = targets([[5, 0]], Space.VOTES).log_probs()
    assert log_probs[0, 0].item() == 0.0
    assert log_probs[0, 1].item() == pytest.approx(-87.3, abs=0.1)


def test_a_dirichlet_is_read_as_its_mean():
    batch = targets([[8.0, 1.0, 1.0]], Space.DIRICHLET)
    assert batch.probs()[0].tolist() == pytest.approx([0.8, 0.1, 0.1])


def test_scores_are_read_each_for_itself():
    batch = targets([[0.9, 0.75, 0.0]], Space.PROBS, link=Link.SIGMOID)
    assert batch.link.independent
    assert batch.probs()[0].tolist() == pytest.approx([0.9, 0.75, 0.0], abs=1e-5)
    assert batch.probs(2.0)[0, 0].item() == pytest.approx(0.75)  # odds 9 become 3


def test_logits_of_tags_are_read_by_a_sigmoid():
    batch = targets([[math.log(9), 0.0]], link=Link.SIGMOID)
    assert batch.probs()[0].tolist() == pytest.approx([0.9, 0.5])
    assert torch.allclose(batch.log_probs(2.0).exp(), batch.probs(2.0))


def test_the_logits_of_a_black_box_are_those_of_the_objectives_room():
    probs, scores = random(3, 4).softmax(-1), random(3, 4).sigmoid()
    assert torch.allclose(targets(probs, Space.PROBS).logits(), logits_from_probs(probs), atol=1e-6)
    assert torch.allclose(targets(scores, Space.PROBS, link=Link.SIGMOID).logits(), logits_from_scores(scores))


def test_sites_keep_their_place():
    logits = random(2, 3, 4, 5)
    batch = targets(logits, grid=PICTURE)
    assert torch.allclose(batch.probs(2.0), (logits / 2).softmax(-1))
    assert torch.allclose(batch.top_k(5).probs(), batch.probs(), atol=1e-6)


# --- top-k ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "link"),
    [
        (Space.LOGITS, Link.SOFTMAX), (Space.LOGITS, Link.SIGMOID), (Space.PROBS, Link.SOFTMAX),
        (Space.PROBS, Link.SIGMOID), (Space.VOTES, Link.SOFTMAX),
    ],
)  # fmt: skip
@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_top_k_with_every_class_kept_equals_dense(space, link, temperature):
    logits = random(8, 6)
    values = {Space.LOGITS: logits, Space.PROBS: link.probs(logits), Space.VOTES: logits.abs().round()}[space]
    batch = targets(values, space, link=link)
    assert torch.allclose(batch.top_k(6).probs(temperature), batch.probs(temperature), rtol=1e-6, atol=0)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_kept_answers_come_back_and_the_tail_shares_the_rest(k):
    logits = random(16, 6)
    probs = logits.softmax(-1)
    best = probs.topk(k, -1)
    kept = targets(logits).top_k(k).dense().values.exp()
    assert torch.allclose(kept.gather(-1, best.indices), best.values, rtol=1e-5)
    tail = (1 - best.values.sum(-1, keepdim=True)) / (6 - k)
    expected = torch.minimum(tail, best.values[:, -1:]).expand(-1, 6).scatter(-1, best.indices, best.values)
    assert torch.allclose(kept, expected, atol=1e-6)


def test_top_k_is_best_first_and_normalised():
    batch = targets([[1.0, 3.0, 2.0]]).top_k(2)
    assert batch.indices.tolist() == [[1, 2]]
    assert batch.values[0].tolist() == pytest.approx(torch.tensor([1.0, 3.0, 2.0]).log_softmax(0)[[1, 2]].tolist())


def test_the_tail_of_probabilities_is_the_number_computed_by_hand():
    batch = targets([[0.7, 0.2]], Space.PROBS, n_classes=4, indices=torch.tensor([[2, 0]]))
    assert batch.probs()[0].tolist() == pytest.approx([0.2, 0.05, 0.7, 0.05])


def test_a_sure_teachers_tail_is_not_pushed_below_its_own_answers():
    """The mass left over is zero in float32; reading that as 'impossible' would invent a gap at T = 20."""
    logits = torch.tensor([[25.0, 2.0, 1.0, 0.0, 0.0, 0.0]])
    kept, full = (batch.probs(20.0) for batch in (targets(logits).top_k(3), targets(logits)))
    assert torch.allclose(kept, full, atol=0.02)


def test_no_class_of_the_tail_gets_more_than_the_least_answer():
    batch = targets([[0.5, 0.1]], Space.PROBS, n_classes=3, indices=torch.tensor([[0, 1]]))
    assert batch.dense().values[0].tolist() == pytest.approx([0.5, 0.1, 0.1])
    logits = targets([[0.0, -200.0]], n_classes=3, indices=torch.tensor([[0, 1]]))
    assert logits.dense().values.tolist() == [[0.0, -200.0, -200.0]]


def test_cutting_twice_is_cutting_once():
    batch = targets(random(4, 6)).top_k(4)
    assert torch.allclose(batch.top_k(2).probs(), targets(random(4, 6)).top_k(2).probs(), atol=1e-6)


def test_empty_places_are_not_answers():
    indices = torch.tensor([[2, 0, -1], [1, -1, -1]])
    batch = targets([[0.7, 0.2, 0.0], [1.0, 0.0, 0.0]], Space.PROBS, n_classes=4, indices=indices)
    assert batch.probs()[0].tolist() == pytest.approx([0.2, 0.05, 0.7, 0.05])
    assert batch.dense().coverage.tolist() == [[True, False, True, False], [False, True, False, False]]


def test_votes_not_kept_are_zero():
    batch = targets([[6.0, 4.0]], Space.VOTES, n_classes=3, indices=torch.tensor([[2, 0]]))
    assert batch.probs()[0].tolist() == pytest.approx([0.4, 0.0, 0.6])


@given(st.lists(st.floats(-60, 60, width=32), min_size=2, max_size=10), st.data())
@settings(deadline=None)
def test_a_cut_row_is_a_distribution_and_keeps_its_order(row, data):
    k = data.draw(st.integers(1, len(row)))
    logits = torch.tensor([row])
    cut = targets(logits).top_k(k)
    probs = cut.probs()
    assert probs.sum().item() == pytest.approx(1, abs=1e-5)
    kept = cut.indices[0].tolist()  # not logits.topk: normalising may turn a close call into a tie
    for left_out in set(range(len(row))) - set(kept):
        assert probs[0, left_out] <= probs[0, kept].min() * (1 + 1e-5)


# --- coverage: not returned is not zero -------------------------------------------------------------------------------


def test_tags_not_kept_are_bounded_by_the_least_answer():
    dense = targets([[0.9, 0.6]], Space.PROBS, link=Link.SIGMOID, n_classes=4, indices=torch.tensor([[3, 1]])).dense()
    assert dense.values[0].tolist() == pytest.approx([0.6, 0.6, 0.6, 0.9])
    assert dense.coverage.tolist() == [[False, True, False, True]]
    assert dense.bound.tolist() == pytest.approx([0.6])


def test_a_bound_that_is_given_is_used():
    batch = targets(
        [[0.9, 0.6]],
        Space.PROBS,
        link=Link.SIGMOID,
        n_classes=3,
        indices=torch.tensor([[2, 1]]),
        bound=torch.tensor([0.5]),
    )
    assert batch.dense().values[0].tolist() == pytest.approx([0.5, 0.6, 0.9])


def test_of_a_row_without_answers_nothing_is_known():
    indices = torch.full((1, 2), -1)
    assert targets(
        [[0.0, 0.0]], Space.PROBS, link=Link.SIGMOID, n_classes=3, indices=indices
    ).dense().values.tolist() == [[1.0] * 3]
    logits = targets([[0.0, 0.0]], n_classes=3, indices=indices, link=Link.SIGMOID)
    assert logits.dense().values.tolist() == [[math.inf] * 3]
    assert logits.probs().tolist() == [[1.0] * 3]


def test_tags_in_logits_are_bounded_in_logits():
    batch = targets([[2.0, -1.0]], n_classes=3, indices=torch.tensor([[0, 2]]), link=Link.SIGMOID)
    assert batch.dense().values.tolist() == [[2.0, -1.0, -1.0]]


def test_partly_covered_dense_answers_are_filled_as_top_k_is():
    coverage = torch.tensor([[True, False, True, False]])
    batch = targets([[0.2, 0.0, 0.7, 0.0]], Space.PROBS, coverage=coverage)
    assert batch.probs()[0].tolist() == pytest.approx([0.2, 0.05, 0.7, 0.05])
    bounded = targets([[0.2, 0.0, 0.7, 0.0]], Space.PROBS, coverage=coverage, bound=torch.tensor([0.01]))
    assert bounded.dense().values[0].tolist() == pytest.approx([0.2, 0.01, 0.7, 0.01])


def test_filling_twice_is_filling_once():
    for batch in (
        targets([[0.7, 0.2]], Space.PROBS, n_classes=4, indices=torch.tensor([[2, 0]])),
        targets([[0.9, 0.6]], Space.PROBS, link=Link.SIGMOID, n_classes=4, indices=torch.tensor([[3, 1]])),
    ):
        once = batch.dense()
        assert torch.equal(once.dense().values, once.values)


def test_cutting_covered_tags_keeps_what_is_known_of_the_rest():
    coverage = torch.tensor([[True, True, True, False]])
    batch = targets(
        [[0.3, 0.9, 0.6, 0.0]], Space.PROBS, link=Link.SIGMOID, coverage=coverage, bound=torch.tensor([0.5])
    )
    cut = batch.top_k(2)
    assert cut.indices.tolist() == [[1, 2]]
    assert cut.bound.tolist() == pytest.approx([0.6])  # 0.3 was dropped below 0.6, the last tag lies below 0.5
    everything = batch.top_k(4)
    assert everything.indices.tolist() == [[1, 2, 0, -1]]
    assert everything.dense().coverage.tolist() == coverage.tolist()
    assert everything.bound.tolist() == pytest.approx([0.5])


# --- members ----------------------------------------------------------------------------------------------------------


def test_members_are_averaged_as_softened_probabilities():
    batch = targets([[[math.log(9), 0.0], [0.0, 0.0]]], members=True)
    assert batch.probs().shape == (1, 2, 2)
    assert batch.combined().probs()[0].tolist() == pytest.approx([0.7, 0.3])
    softened = batch.combined(2.0)
    assert softened.temperature == 2.0
    assert softened.probs()[0].tolist() == pytest.approx([0.625, 0.375])


def test_the_mean_of_one_answer_is_itself():
    batch = targets(random(2, 3))
    assert batch.combined(7.0) is batch


def test_top_k_members_keep_their_own_classes():
    logits = random(3, 4, 6)
    batch = targets(logits, members=True)
    assert torch.allclose(batch.top_k(6).combined().values, batch.combined().values, atol=1e-6)
    assert batch.top_k(2).values.shape == (3, 4, 2)
    assert batch.top_k(2).combined().probs().sum(-1).tolist() == pytest.approx([1.0] * 3)


def test_a_tag_is_covered_in_the_mean_where_every_member_answered():
    indices = torch.tensor([[[0, 1], [0, 2]]])
    mean = targets(
        [[[0.9, 0.5], [0.7, 0.3]]], Space.PROBS, link=Link.SIGMOID, n_classes=3, indices=indices, members=True
    ).combined()
    assert (mean.space, mean.link) == (Space.LOGITS, Link.SIGMOID)
    assert mean.coverage.tolist() == [[True, False, False]]
    assert mean.probs()[0, 0].item() == pytest.approx(0.8)
    assert mean.bound.sigmoid().item() == pytest.approx(0.5)  # the highest upper bound of any tag left


# --- rows -------------------------------------------------------------------------------------------------------------


def test_selecting_rows_takes_every_part_along():
    batch = targets(
        random(5, 2), n_classes=4, indices=torch.tensor([[0, 1]] * 5), weight=torch.arange(5.0), bound=torch.zeros(5)
    )
    chosen = batch.select(torch.tensor([4, 1]))
    assert len(chosen) == 2
    assert torch.equal(chosen.values, batch.values[[4, 1]])
    assert chosen.weight.tolist() == [4.0, 1.0]
    assert chosen.indices.shape == (2, 2)
    assert chosen.bound.shape == (2,)
    assert len(batch.select(slice(1, 3))) == 2


def test_moving_keeps_everything():
    batch = targets(random(2, 3), weight=torch.ones(2), temperature=4.0).to("cpu")
    assert (batch.temperature, len(batch), batch.weight.tolist()) == (4.0, 2, [1.0, 1.0])


# --- what is refused --------------------------------------------------------------------------------------------------

TWO = torch.zeros(1, 2)


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("temperature", {"temperature": 0.0}),
        ("temperature", {"temperature": math.nan}),
        ("temperature", {"temperature": math.inf}),
        ("axes of their question", {"values": torch.zeros(2)}),
        ("axes of their question", {"members": True}),
        ("one value per output", {"question": Question.one_of(3)}),
        ("one index per value", {"indices": torch.zeros(1, 3, dtype=torch.int64)}),
        ("one index per value", {"indices": torch.zeros(1, 2, dtype=torch.int32)}),
        ("weight", {"weight": torch.ones(2)}),
        ("weight", {"weight": torch.ones(1, 1)}),
        ("bound", {"bound": torch.ones(3)}),
        ("signals", {"signals": torch.ones(1, 2)}),
        ("signals", {"signal_names": ("attention",)}),
        ("signals", {"signals": torch.ones(1, 2), "signal_names": ("attention",)}),
        ("coverage", {"coverage": torch.ones(1, 3, dtype=torch.bool)}),
        ("coverage", {"coverage": torch.ones(1, 2)}),
        ("coverage", {"coverage": TWO.bool(), "indices": torch.zeros(1, 2, dtype=torch.int64)}),
        ("coverage", {"coverage": TWO.bool(), "space": Space.VOTES}),
        ("coverage of tags needs a bound", {"coverage": TWO.bool(), "question": Question.tags(2)}),
        ("cannot hold answers with a sigmoid link", {"space": Space.VOTES, "question": Question.tags(2)}),
        ("cannot hold answers with a identity link", {"question": Question.numbers(2)}),
        ("cannot hold answers with a softmax link", {"space": Space.NUMBERS}),
        ("variance", {"variance": TWO}),
        ("variance", {"variance": torch.ones(1, 3), "space": Space.NUMBERS, "question": Question.numbers(2)}),
        ("cut to the best k", {"space": Space.DIRICHLET, "indices": torch.zeros(1, 2, dtype=torch.int64)}),
        ("axes of their question", {"question": Question.one_of(2, grid=PICTURE)}),
        ("axes of their question", {"values": torch.zeros(1, 2, 2, 2)}),
    ],
)
def test_parts_that_do_not_fit_are_refused(message, wrong):
    parts = {"values": TWO, "space": Space.LOGITS, "question": Question.one_of(2)} | wrong
    with pytest.raises(InputError, match=message):
        SoftTargets(**parts)


@pytest.mark.parametrize("k", [0, 4])
def test_a_k_outside_the_classes_is_refused(k):
    with pytest.raises(InputError, match="k is not usable"):
        targets([[0.0, 0.0, 0.0]]).top_k(k)


def test_concentrations_cannot_be_cut():
    with pytest.raises(InputError, match="cut to the best k"):
        targets([[1.0, 2.0]], Space.DIRICHLET).top_k(1)


def test_a_space_may_be_named_by_a_plain_string():
    logits = torch.tensor([[2.0, 0.0]])
    plain = SoftTargets(values=logits, space="logits", question=Question.one_of(2))
    assert plain.space is Space.LOGITS
    assert torch.equal(plain.probs(), targets(logits).probs())
    with pytest.raises(InputError, match=r"unknown space \(expected logits, probs, .*; received 'logit'\)"):
        SoftTargets(values=logits, space="logit", question=Question.one_of(2))


# --- numbers and pixels ---------------------------------------------------------------------------------------------


def test_numbers_have_no_probabilities():
    batch = targets([[3.0, -1.0]], Space.NUMBERS, link=Link.IDENTITY)
    assert batch.numbers().tolist() == [[3.0, -1.0]]
    for what in (batch.probs, batch.log_probs, batch.logits):
        with pytest.raises(InputError, match="numbers have no probabilities"):
            what()
    with pytest.raises(InputError, match="no numbers"):
        targets([[3.0, -1.0]]).numbers()


def test_the_mean_of_numbers_is_that_of_their_mixture():
    values = torch.tensor([[[1.0], [3.0]]])
    batch = targets(values, Space.NUMBERS, link=Link.IDENTITY, members=True, variance=torch.tensor([[[0.5], [1.5]]]))
    mean = batch.combined()
    assert mean.values.tolist() == [[2.0]]
    assert mean.variance.tolist() == [[2.0]]  # 1 within, 1 between
    assert targets(values, Space.NUMBERS, link=Link.IDENTITY, members=True).combined().variance is None


def test_a_sigmoid_for_each_pixel_is_no_softmax_over_one_class():
    batch = targets(torch.zeros(1, 2, 2, 1), link=Link.SIGMOID, grid=PICTURE)
    assert batch.probs().flatten().tolist() == [0.5] * 4
