"""Fake quantisation follows what happens in place: the same numbers come out, or the network is refused by name."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.students.int8 import fake_quantised
from joryu.students.int8.tracing import trace

SHAPE = (4,)


class Network(nn.Module):
    """A layer, what a subclass does to its numbers, and another layer; weights that 8 bits say exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 2)
        torch.manual_seed(0)
        with torch.no_grad():
            for layer in (self.first, self.last):
                signs = torch.randint(0, 2, layer.weight.shape) * 2 - 1
                layer.weight.copy_(signs)  # type: ignore[arg-type]
                layer.bias.zero_()

    def between(self, x: Tensor) -> Tensor:
        return x

    def forward(self, rows: Tensor) -> Tensor:
        outputs: Tensor = self.last(self.between(self.first(rows)))
        return outputs


class ChangedAfterACopy(Network):
    """As residual blocks keep what they began with."""

    def between(self, x: Tensor) -> Tensor:
        kept = x.clone()
        return F.relu_(x) + kept


class ACopyChanged(Network):
    def between(self, x: Tensor) -> Tensor:
        kept = x.clone()
        kept.relu_()
        return x - kept


class ChangedThroughAView(Network):
    """Nobody looks at the whole again."""

    def between(self, x: Tensor) -> Tensor:
        return x.reshape(-1, 2, 2).relu_().flatten(1)


class ChangedTwice(Network):
    def between(self, x: Tensor) -> Tensor:
        return x.mul_(2).relu_().add_(x)


class SeenBefore(Network):
    """What is looked at before the change is as it was."""

    def between(self, x: Tensor) -> Tensor:
        return x[:, :2].sum(1, keepdim=True) + x.relu_()


class SequenceOfRows(nn.Module):
    """A batch norm over the rows of a sequence, of which there are as many as outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(9, 2)
        with torch.no_grad():
            self.norm.weight.copy_(torch.tensor([1.0, -2.0, 3.0]))
            self.norm.running_mean.copy_(torch.tensor([5.0, 0.0, -5.0]))  # type: ignore[union-attr]

    def forward(self, rows: Tensor) -> Tensor:
        outputs: Tensor = self.last(self.norm(self.first(rows)).flatten(1))
        return outputs


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (Network, SHAPE), (ChangedAfterACopy, SHAPE), (ACopyChanged, SHAPE), (ChangedThroughAView, SHAPE),
        (ChangedTwice, SHAPE), (SeenBefore, SHAPE), (SequenceOfRows, (3, 4)),
    ],
)  # fmt: skip
def test_what_happens_in_place_happens_to_the_same_numbers(make: type[nn.Module], shape: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    network, rows = make().eval(), torch.randn(6, *shape)
    wanted = network(rows.clone())
    torch.testing.assert_close(fake_quantised(network, shape).eval()(rows.clone()), wanted, rtol=0.05, atol=0.1)
    traced = trace(network, shape, "net")
    torch.testing.assert_close(traced(rows.clone()), wanted)
    assert not [node.name for node in traced.graph.nodes if str(node.target).partition(".")[2].startswith("clone")]


class PartChanged(Network):
    def between(self, x: Tensor) -> Tensor:
        x[:, :2].relu_()
        return x


class PartOfWhatChanged(Network):
    def between(self, x: Tensor) -> Tensor:
        part = x[:, 2:]
        x.relu_()
        return x + part.repeat(1, 2)


class HalfChanged(Network):
    """Of the inputs, as PyTorch itself refuses it of what learns."""

    def forward(self, rows: Tensor) -> Tensor:
        one, other = rows.chunk(2, dim=1)
        one.mul_(3)
        return super().forward(rows + torch.cat([other, other], 1))


@pytest.mark.parametrize("make", [PartChanged, PartOfWhatChanged, HalfChanged])
def test_what_others_share_and_see_changed_is_refused_by_name(make: type[nn.Module]) -> None:
    with pytest.raises(
        InputError, match=rf"\({make.__name__}\) of net changes a part of its numbers in place.*write x"
    ):
        fake_quantised(make(), SHAPE, "net")
