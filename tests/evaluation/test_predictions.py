from __future__ import annotations

import pytest
import torch
from torch import nn

from joryu.errors import InputError
from joryu.evaluation import device_of, evaluating, predict_logits
from joryu.examples import Examples


def some_examples(n: int = 7) -> Examples:
    return Examples.of(torch.arange(3.0 * n).view(n, 3), classes=["a", "b"])


def test_batches_give_what_one_pass_gives() -> None:
    torch.manual_seed(0)
    net, examples = nn.Linear(3, 2), some_examples()
    expected = net(examples.inputs).detach()
    for batch_size in (1, 3, 7, 100):
        assert torch.allclose(predict_logits(net, examples, batch_size=batch_size), expected)


def test_dropout_is_off_while_asked_and_every_mode_comes_back() -> None:
    frozen = nn.BatchNorm1d(3).eval()
    net = nn.Sequential(nn.Dropout(0.5), frozen, nn.Linear(3, 2))
    examples = some_examples()
    first, second = predict_logits(net, examples), predict_logits(net, examples)
    assert torch.equal(first, second)
    assert [part.training for part in net] == [True, False, True]
    assert net.training
    assert frozen.num_batches_tracked == 0


def test_modes_come_back_after_an_error() -> None:
    net = nn.Linear(5, 2)
    with pytest.raises(RuntimeError):
        predict_logits(net, some_examples())
    assert net.training


def test_an_evaluation_network_stays_one() -> None:
    net = nn.Linear(3, 2).eval()
    predict_logits(net, some_examples())
    assert not net.training


def test_logits_may_be_used_in_a_gradient() -> None:
    logits = predict_logits(nn.Linear(3, 2), some_examples())
    weight = torch.ones(2, requires_grad=True)
    (gradient,) = torch.autograd.grad((logits * weight).sum(), weight)  # refused for an inference tensor
    assert torch.allclose(gradient, logits.sum(0))


def test_half_precision_answers_come_back_as_float32() -> None:
    class Half(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs[:, :2].bfloat16()

    logits = predict_logits(Half(), some_examples(), device="cpu")
    assert logits.dtype is torch.float32
    assert device_of(Half()) == torch.device("cpu")


def test_wrong_answers_are_named() -> None:
    with pytest.raises(InputError, match=r"expected logits \[7, 2\]; received \[7, 4\]"):
        predict_logits(nn.Linear(3, 4), some_examples())
    with pytest.raises(InputError, match="batch size"):
        predict_logits(nn.Linear(3, 2), some_examples(), batch_size=0)


def test_evaluating_turns_gradients_off() -> None:
    net = nn.Linear(3, 2)
    with evaluating(net):
        assert not net(torch.zeros(1, 3)).requires_grad
    assert net(torch.zeros(1, 3)).requires_grad
