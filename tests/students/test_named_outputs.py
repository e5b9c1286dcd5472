"""The last layer of every student: what it gives by name is what it answers, in the units that were asked for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from joryu.questions import LOG_VARIANCE, MAIN, PICTURE, Question
from joryu.students.named_outputs import Moments, NamedOutputs, outputs_of, units_of, without_idle_answers

MEAN, STD = (10.0, -3.0), (4.0, 0.5)


def raw(width: int, *sites: int) -> Tensor:
    return torch.randn(6, width, *sites, generator=torch.Generator().manual_seed(width))


CASES = {
    "classes": (NamedOutputs(Question.one_of(3)), ()),
    "classes with heads": (NamedOutputs(Question.one_of(3), {"signals": 1, "eye": 2}), ()),
    "numbers": (NamedOutputs(Question.numbers(2), mean=MEAN, std=STD), ()),
    "numbers with variances": (NamedOutputs(Question.numbers(2), {LOG_VARIANCE: 2}, mean=MEAN, std=STD), ()),
    "masks": (NamedOutputs(Question.tags(2, grid=PICTURE)), (4, 5)),
    "masks with a head": (NamedOutputs(Question.one_of(3, grid=PICTURE), {"edge": 2}), (4, 5)),
    "numbers of pixels": (NamedOutputs(Question.numbers(2, grid=PICTURE), mean=MEAN, std=STD), (4, 5)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_answer_alone_is_the_first_of_what_it_gives_by_name(name: str) -> None:
    answers, sites = CASES[name]
    shown = raw(sum(answers.widths), *sites)
    alone, everything, taught = answers.eval()(shown), answers.everything(shown), answers.train()(shown)
    assert list(everything) == list(taught) == list(answers.names)
    assert all(torch.equal(everything[head], taught[head]) for head in everything)
    assert torch.equal(alone.movedim(1, -1), everything[MAIN])
    assert [part.shape for part in everything.values()] == [(6, *sites, width) for width in answers.widths]


@pytest.mark.parametrize("name", CASES)
def test_an_answer_depends_on_no_other_example(name: str) -> None:
    answers, sites = CASES[name]
    shown = raw(sum(answers.widths), *sites)
    order = torch.tensor([3, 0, 5, 1])
    together, apart = answers.everything(shown), answers.everything(shown[order])
    assert all(torch.equal(together[head][order], apart[head]) for head in together)


def test_heads_are_cut_in_the_order_in_which_they_are_named() -> None:
    shown = torch.arange(6.0)[None]
    found = NamedOutputs(Question.one_of(3), {"signals": 1, "eye": 2}).everything(shown)
    assert {head: part.tolist() for head, part in found.items()} == {
        MAIN: [[0, 1, 2]], "signals": [[3]], "eye": [[4, 5]],
    }  # fmt: skip
    with pytest.raises(RuntimeError, match="split"):
        NamedOutputs(Question.one_of(3), {"signals": 1})(shown)


def test_a_density_of_standardised_numbers_becomes_that_of_the_numbers_themselves() -> None:
    """Change of variables: ``log p(y) = log p(z) - log std`` for ``y = std z + mean``."""
    answers, shown = CASES["numbers with variances"][0], raw(4)
    found = answers.everything(shown)
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    labels = 5 * raw(2)
    learned = Normal(shown[:, :2], (shown[:, 2:] / 2).exp()).log_prob((labels - mean) / std)
    given = Normal(found[MAIN], (found[LOG_VARIANCE] / 2).exp()).log_prob(labels)
    torch.testing.assert_close(given, learned - std.log(), rtol=1e-4, atol=1e-4)


def test_units_are_given_in_float32_whatever_the_network_computes_in() -> None:
    answers = CASES["numbers with variances"][0]
    halved = raw(4).bfloat16()
    for found in (answers.everything(halved)[MAIN], answers.everything(halved)[LOG_VARIANCE], answers.eval()(halved)):
        assert found.dtype == torch.float32
    torch.testing.assert_close(answers.eval()(halved), halved[:, :2].float() * torch.tensor(STD) + torch.tensor(MEAN))


def test_the_units_of_a_student_are_those_that_it_learned_by() -> None:
    assert units_of(nn.Sequential(nn.Linear(3, 2), CASES["numbers"][0])) == STD
    assert units_of(nn.Sequential(nn.Linear(3, 3), CASES["classes"][0])) == ()


def test_scale_and_heads_are_no_weights_but_are_printed() -> None:
    answers = CASES["numbers with variances"][0]
    assert answers.state_dict() == {}
    assert "[10.0, -3.0]" in repr(answers)
    assert LOG_VARIANCE in repr(answers)
    assert repr(answers) != repr(CASES["numbers"][0])


@pytest.mark.parametrize(("name", "idle"), [(name, name in ("classes", "masks")) for name in CASES])
def test_only_what_changes_nothing_is_left_out(name: str, idle: bool) -> None:
    answers, sites = CASES[name]
    width = sum(answers.widths)
    network: nn.Module = nn.Conv2d(width, width, 1) if sites else nn.Linear(width, width)
    student = nn.Sequential(nn.Identity(), network, answers).eval()
    without = without_idle_answers(student)
    assert (len(without) == 2) is idle  # type: ignore[arg-type]
    assert torch.equal(without(raw(width, *sites)), student(raw(width, *sites)))


@pytest.mark.parametrize("module", [nn.Linear(3, 2), nn.Sequential(NamedOutputs(Question.one_of(2))), nn.Sequential()])
def test_what_is_no_student_stays_as_it_is(module: nn.Module) -> None:
    assert without_idle_answers(module) is module


def test_moments_are_numbers_and_then_variances() -> None:
    student = nn.Sequential(nn.Linear(3, 4), CASES["numbers with variances"][0]).eval()
    rows = torch.randn(5, 3)
    found, named = Moments(student)(rows), outputs_of(student, rows)
    torch.testing.assert_close(found[:, :2], named[MAIN])
    torch.testing.assert_close(found[:, 2:].log(), named[LOG_VARIANCE], rtol=1e-4, atol=1e-4)
